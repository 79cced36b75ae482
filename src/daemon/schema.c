/* SPDX-License-Identifier: Apache-2.0 */
/* The registry's file: opening, checking and upgrading its schema. */
#include "daemon/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fault.h"

enum { APPLICATION_ID = 0x73627831 /* "sbx1" */ };

/* Step I leads from version I to I + 1. A step that was released is never changed. */
static const char *const steps[] = {
	"CREATE TABLE sandboxes ("
	"  id TEXT PRIMARY KEY CHECK (length(id) = 16),"
	"  name TEXT NOT NULL UNIQUE,"
	"  agent TEXT NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('creating', 'ready', 'removing')),"
	"  cpus INTEGER NOT NULL CHECK (cpus > 0),"
	"  memory_mib INTEGER NOT NULL CHECK (memory_mib > 0),"
	"  disk_mib INTEGER NOT NULL CHECK (disk_mib > 0),"
	"  idle_timeout_s INTEGER NOT NULL CHECK (idle_timeout_s >= 0),"
	"  env TEXT NOT NULL,"
	"  created_ns INTEGER NOT NULL,"
	"  base TEXT NOT NULL,"
	"  layer TEXT"
	") STRICT;"
	"CREATE TABLE workspaces ("
	"  sandbox TEXT NOT NULL REFERENCES sandboxes(id) ON DELETE CASCADE,"
	"  position INTEGER NOT NULL,"
	"  path TEXT NOT NULL,"
	"  readonly INTEGER NOT NULL CHECK (readonly IN (0, 1)),"
	"  PRIMARY KEY (sandbox, position)"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX workspaces_by_path ON workspaces(path);",
};

enum { VERSION = sizeof(steps) / sizeof(*steps) };

int schema_error(sqlite3 *db, const char *what, struct err *err)
{
	int code = sqlite3_errcode(db) == SQLITE_FULL ? ENOSPC : EIO;

	err_set(err, code, "registry: %s: %s", what, db ? sqlite3_errmsg(db) : "out of memory");
	if (code == ENOSPC)
		err_hint(err, "free some space in the file system of sbx's state directory");
	return -code;
}

static int execute(sqlite3 *db, const char *sql, const char *what, struct err *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ?
		0 : schema_error(db, what, err);
}

/* The first column of the first row, as a number and as a short text. */
static int query(sqlite3 *db, const char *sql, long *ret_number, char *text, size_t size,
	struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
		sqlite3_step(stmt) != SQLITE_ROW) {
		r = schema_error(db, "open", err);
	} else {
		*ret_number = (long)sqlite3_column_int64(stmt, 0);
		snprintf(text, size, "%s", sqlite3_column_text(stmt, 0));
	}
	sqlite3_finalize(stmt);
	return r;
}

static int refuse(struct err *err, const char *path, const char *why)
{
	err_set(err, EIO, "registry %s %s", path, why);
	err_hint(err, "move it away to start with an empty one; the disks of the sandboxes in it "
		      "stay in sandboxes/ beside it");
	return -EIO;
}

static int check_file(sqlite3 *db, const char *path, long *ret_version, struct err *err)
{
	long application, tables, ignored;
	char text[64];

	if (query(db, "PRAGMA quick_check(1)", &ignored, text, sizeof(text), NULL) < 0 ||
		strcmp(text, "ok") != 0)
		return refuse(err, path, "is damaged");
	if (query(db, "PRAGMA application_id", &application, text, sizeof(text), err) < 0 ||
		query(db, "PRAGMA user_version", ret_version, text, sizeof(text), err) < 0 ||
		query(db, "SELECT count(*) FROM sqlite_schema", &tables, text, sizeof(text), err) <
			0)
		return -EIO;
	if (application != APPLICATION_ID && tables > 0)
		return refuse(err, path, "belongs to another program");
	if (*ret_version > VERSION) {
		err_set(err, EIO, "registry %s was written by a newer sbx (schema %ld, this one "
				  "knows %d)", path, *ret_version, VERSION);
		err_hint(err, "install that version of sbx again");
		return -EIO;
	}
	return 0;
}

static int upgrade(sqlite3 *db, long version, struct err *err)
{
	char sql[80];
	int r;

	if (version == VERSION)
		return 0;
	r = execute(db, "BEGIN IMMEDIATE", "upgrade", err);
	for (long i = version; r == 0 && i < VERSION; i++)
		r = execute(db, steps[i], "upgrade", err);
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		APPLICATION_ID, VERSION);
	if (r == 0)
		r = execute(db, sql, "upgrade", err);
	fault_point(FAULT_SCHEMA_BEFORE_COMMIT);
	if (r == 0)
		r = execute(db, "COMMIT", "upgrade", err);
	fault_point(FAULT_SCHEMA_AFTER_COMMIT);
	return r;
}

int schema_open(const char *path, sqlite3 **ret_db, struct err *err)
{
	sqlite3 *db = NULL;
	long version = 0;
	int r;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
		SQLITE_OK) {
		r = schema_error(db, "open", err);
		sqlite3_close(db);
		return err ? err_wrap(err, "%s", path) : r;
	}
	sqlite3_busy_timeout(db, 5000);
	r = check_file(db, path, &version, err);
	if (r == 0)
		r = execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				"PRAGMA foreign_keys = ON;", "open", err);
	if (r == 0)
		r = upgrade(db, version, err);
	if (r < 0) {
		sqlite3_close(db);
		return r;
	}
	*ret_db = db;
	return 0;
}
