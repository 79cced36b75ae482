/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's file: opening, checking and upgrading its schema.
 *
 * The file carries an application id (it is ours) and a schema version (PRAGMA user_version).
 * Version N is reached from N-1 by one step, all steps in one transaction. Damaged and newer
 * files are refused and left as they are: they name sandboxes whose disks hold people's work.
 */
#ifndef DAEMON_SCHEMA_H
#define DAEMON_SCHEMA_H

#include <sqlite3.h>

#include "common/err.h"

/* Opens PATH, in WAL mode, with the newest schema. Returns 0 or -errno. */
int schema_open(const char *path, sqlite3 **ret_db, struct err *err);

/* Turns SQLite's last error into err ("registry: WHAT: …"). Returns -ENOSPC or -EIO. */
int schema_error(sqlite3 *db, const char *what, struct err *err);

#endif
