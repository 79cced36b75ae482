/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: its file and its rows. The schema is in schema.c, changes in registry_write.c. */
#include "daemon/registry_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "daemon/schema.h"

#define COLUMNS                                                                                    \
	"id, name, agent, state, cpus, memory_mib, disk_mib, idle_timeout_s, env, created_ns, "    \
	"base, layer"

static const char *const queries[QUERY_COUNT] = {
	[QUERY_BEGIN] = "BEGIN IMMEDIATE",
	[QUERY_COMMIT] = "COMMIT",
	[QUERY_ROLLBACK] = "ROLLBACK",
	[QUERY_INSERT] = "INSERT INTO sandboxes (" COLUMNS ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
	[QUERY_INSERT_WORKSPACE] = "INSERT INTO workspaces (sandbox, position, path, readonly) "
				   "VALUES (?,?,?,?)",
	[QUERY_SET_STATE] = "UPDATE sandboxes SET state = ?2 WHERE id = ?1",
	[QUERY_SET_IMAGES] = "UPDATE sandboxes SET base = ?2, layer = ?3 WHERE id = ?1",
	[QUERY_DELETE] = "DELETE FROM sandboxes WHERE id = ?1",
	[QUERY_GET] = "SELECT " COLUMNS " FROM sandboxes WHERE name = ?1",
	[QUERY_FIND] = "SELECT " COLUMNS " FROM sandboxes JOIN workspaces ON sandbox = id "
		       "WHERE position = 0 AND agent = ?1 AND path = ?2 AND state <> 'removing' "
		       "ORDER BY created_ns LIMIT 1",
	[QUERY_LIST] = "SELECT " COLUMNS " FROM sandboxes ORDER BY name",
	[QUERY_WORKSPACES] = "SELECT path, readonly FROM workspaces WHERE sandbox = ?1 "
			     "ORDER BY position",
};

const char *const registry_state_names[] = {
	[RECORD_CREATING] = "creating",
	[RECORD_READY] = "ready",
	[RECORD_REMOVING] = "removing",
};

int registry_open(const char *path, struct registry **ret_registry, struct err *err)
{
	struct registry *registry = xcalloc(1, sizeof(*registry));
	int r;

	pthread_mutex_init(&registry->lock, NULL);
	r = schema_open(path, &registry->db, err);
	for (size_t i = 0; r == 0 && i < QUERY_COUNT; i++)
		if (sqlite3_prepare_v3(registry->db, queries[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &registry->statements[i], NULL) != SQLITE_OK)
			r = schema_error(registry->db, "prepare", err);
	if (r < 0) {
		registry_close(registry);
		return r;
	}
	*ret_registry = registry;
	return 0;
}

void registry_close(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < QUERY_COUNT; i++)
		sqlite3_finalize(registry->statements[i]);
	sqlite3_close(registry->db);
	pthread_mutex_destroy(&registry->lock);
	free(registry);
}

sqlite3_stmt *registry_statement(struct registry *registry, enum query query)
{
	sqlite3_stmt *stmt = registry->statements[query];

	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return stmt;
}

int registry_run(struct registry *registry, sqlite3_stmt *stmt, const char *what, struct err *err)
{
	int r = 0;

	if (sqlite3_step(stmt) != SQLITE_DONE)
		r = schema_error(registry->db, what, err);
	sqlite3_reset(stmt);
	return r;
}

void registry_bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	if (text)
		sqlite3_bind_text(stmt, index, text, -1, SQLITE_TRANSIENT);
	else
		sqlite3_bind_null(stmt, index);
}

static char *column_text(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? xstrdup(text) : NULL;
}

static int read_env(sqlite3_stmt *stmt, int column, struct spec *spec, struct err *err)
{
	json_t *list = json_loads((const char *)sqlite3_column_text(stmt, column), 0, NULL);
	size_t count = json_array_size(list);

	if (!json_is_array(list)) {
		json_decref(list);
		return err_set(err, EIO, "registry: damaged environment of a sandbox");
	}
	spec->env = xcalloc(count + 1, sizeof(*spec->env));
	for (size_t i = 0; i < count; i++) {
		const char *entry = json_string_value(json_array_get(list, i));

		if (entry)
			spec->env[spec->env_count++] = xstrdup(entry);
	}
	json_decref(list);
	return 0;
}

static int read_workspaces(struct registry *registry, struct record *record, struct err *err)
{
	sqlite3_stmt *stmt = registry_statement(registry, QUERY_WORKSPACES);
	struct spec *spec = &record->spec;
	int r;

	registry_bind_text(stmt, 1, record->id);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct workspace *workspace;

		spec->workspaces = xreallocarray(spec->workspaces, spec->workspace_count + 1,
			sizeof(*spec->workspaces));
		workspace = &spec->workspaces[spec->workspace_count++];
		workspace->path = column_text(stmt, 0);
		workspace->readonly = sqlite3_column_int(stmt, 1) != 0;
	}
	sqlite3_reset(stmt);
	if (r != SQLITE_DONE)
		return schema_error(registry->db, "read workspaces", err);
	if (spec->workspace_count == 0)
		return err_set(err, EIO, "registry: sandbox %s has no workspace", record->id);
	return 0;
}

/* Reads the statement's current row (columns COLUMNS). On failure nothing is left to free. */
static int read_record(struct registry *registry, sqlite3_stmt *stmt, struct record *ret_record,
	struct err *err)
{
	struct record record = { 0 };
	const char *state = (const char *)sqlite3_column_text(stmt, 3);
	int r;

	snprintf(record.id, sizeof(record.id), "%s", sqlite3_column_text(stmt, 0));
	while (record.state < RECORD_REMOVING &&
		strcmp(state, registry_state_names[record.state]) != 0)
		record.state++;
	record.spec.name = column_text(stmt, 1);
	record.spec.agent = column_text(stmt, 2);
	record.spec.cpus = (unsigned)sqlite3_column_int(stmt, 4);
	record.spec.memory_mib = (uint64_t)sqlite3_column_int64(stmt, 5);
	record.spec.disk_mib = (uint64_t)sqlite3_column_int64(stmt, 6);
	record.spec.idle_timeout_s = (uint64_t)sqlite3_column_int64(stmt, 7);
	record.created_ns = (uint64_t)sqlite3_column_int64(stmt, 9);
	record.base = column_text(stmt, 10);
	record.layer = column_text(stmt, 11);
	r = read_env(stmt, 8, &record.spec, err);
	if (r == 0)
		r = read_workspaces(registry, &record, err);
	if (r < 0) {
		record_finish(&record);
		return r;
	}
	*ret_record = record;
	return 0;
}

/* Runs a bound query of at most one row. -ENOENT, without a text, if there is none. */
static int read_one(struct registry *registry, sqlite3_stmt *stmt, struct record *ret_record,
	struct err *err)
{
	int step = sqlite3_step(stmt), r;

	if (step == SQLITE_ROW)
		r = read_record(registry, stmt, ret_record, err);
	else if (step == SQLITE_DONE)
		r = -ENOENT;
	else
		r = schema_error(registry->db, "read", err);
	sqlite3_reset(stmt);
	return r;
}

int registry_get_locked(struct registry *registry, const char *name, struct record *ret_record,
	struct err *err)
{
	sqlite3_stmt *stmt = registry_statement(registry, QUERY_GET);

	registry_bind_text(stmt, 1, name);
	return read_one(registry, stmt, ret_record, err);
}

int registry_find_locked(struct registry *registry, const char *agent, const char *workspace,
	struct record *ret_record, struct err *err)
{
	sqlite3_stmt *stmt = registry_statement(registry, QUERY_FIND);

	registry_bind_text(stmt, 1, agent);
	registry_bind_text(stmt, 2, workspace);
	return read_one(registry, stmt, ret_record, err);
}

int registry_get(struct registry *registry, const char *name, struct record *ret_record,
	struct err *err)
{
	int r;

	pthread_mutex_lock(&registry->lock);
	r = registry_get_locked(registry, name, ret_record, err);
	pthread_mutex_unlock(&registry->lock);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "no sandbox named %s", name);
	return r;
}

int registry_find(struct registry *registry, const char *agent, const char *workspace,
	struct record *ret_record, struct err *err)
{
	int r;

	pthread_mutex_lock(&registry->lock);
	r = registry_find_locked(registry, agent, workspace, ret_record, err);
	pthread_mutex_unlock(&registry->lock);
	if (r == -ENOENT)
		return err_set(err, ENOENT, "no %s sandbox on %s", agent, workspace);
	return r;
}

int registry_list(struct registry *registry, struct record **ret_records, size_t *ret_count,
	struct err *err)
{
	struct record *records = NULL;
	size_t count = 0;
	sqlite3_stmt *stmt;
	int step, r = 0;

	pthread_mutex_lock(&registry->lock);
	stmt = registry_statement(registry, QUERY_LIST);
	while (r == 0 && (step = sqlite3_step(stmt)) != SQLITE_DONE) {
		if (step != SQLITE_ROW) {
			r = schema_error(registry->db, "list sandboxes", err);
			break;
		}
		records = xreallocarray(records, count + 1, sizeof(*records));
		r = read_record(registry, stmt, &records[count], err);
		if (r == 0)
			count++;
	}
	sqlite3_reset(stmt);
	pthread_mutex_unlock(&registry->lock);
	if (r < 0) {
		record_free_list(records, count);
		return r;
	}
	*ret_records = records;
	*ret_count = count;
	return 0;
}

void record_finish(struct record *record)
{
	spec_finish(&record->spec);
	free(record->base);
	free(record->layer);
	*record = (struct record){ 0 };
}

void record_free_list(struct record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		record_finish(&records[i]);
	free(records);
}
