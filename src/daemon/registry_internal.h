/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's two halves share this: registry.c opens the file and reads, registry_write.c
 * changes. All of it is called with the registry's lock held.
 */
#ifndef DAEMON_REGISTRY_INTERNAL_H
#define DAEMON_REGISTRY_INTERNAL_H

#include <pthread.h>
#include <sqlite3.h>

#include "daemon/registry.h"

enum query {
	QUERY_BEGIN,
	QUERY_COMMIT,
	QUERY_ROLLBACK,
	QUERY_INSERT,
	QUERY_INSERT_WORKSPACE,
	QUERY_SET_STATE,
	QUERY_SET_IMAGES,
	QUERY_DELETE,
	QUERY_GET,
	QUERY_FIND,
	QUERY_LIST,
	QUERY_WORKSPACES,
	QUERY_COUNT,
};

struct registry {
	pthread_mutex_t lock;
	sqlite3 *db;
	sqlite3_stmt *statements[QUERY_COUNT];
};

extern const char *const registry_state_names[];

/* The prepared statement, without bindings. Its user resets it when done. */
sqlite3_stmt *registry_statement(struct registry *registry, enum query query);
void registry_bind_text(sqlite3_stmt *stmt, int index, const char *text);

/* Runs a bound statement that returns no rows. */
int registry_run(struct registry *registry, sqlite3_stmt *stmt, const char *what, struct err *err);

/* By name, and by agent and first workspace. -ENOENT, without a text, if there is none. */
int registry_get_locked(struct registry *registry, const char *name, struct record *ret_record,
	struct err *err);
int registry_find_locked(struct registry *registry, const char *agent, const char *workspace,
	struct record *ret_record, struct err *err);

#endif
