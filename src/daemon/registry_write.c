/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: what changes it. Each change is one transaction. */
#include "daemon/registry_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/mem.h"
#include "daemon/name.h"
#include "daemon/schema.h"

static int run(struct registry *registry, enum query query, const char *what, struct err *err)
{
	return registry_run(registry, registry_statement(registry, query), what, err);
}

static int begin(struct registry *registry, struct err *err)
{
	return run(registry, QUERY_BEGIN, "begin", err);
}

/* Commits, or rolls back when the work before it failed with `r` or the commit itself fails. */
static int finish(struct registry *registry, int r, struct err *err)
{
	if (r == 0) {
		fault_point(FAULT_REGISTRY_BEFORE_COMMIT);
		r = run(registry, QUERY_COMMIT, "commit", err);
		if (r == 0)
			fault_point(FAULT_REGISTRY_AFTER_COMMIT);
	}
	if (r < 0 && !sqlite3_get_autocommit(registry->db))
		run(registry, QUERY_ROLLBACK, "rollback", NULL);
	return r;
}

/* Picks the name; with -EEXIST *ret_holder is who has it. */
static int choose_name(struct registry *registry, struct record *record,
	struct record *ret_holder, struct err *err)
{
	struct spec *spec = &record->spec;
	int r;

	if (spec->name) {
		r = registry_get_locked(registry, spec->name, ret_holder, err);
		return r == 0 ? -EEXIST : r == -ENOENT ? 0 : r;
	}
	r = registry_find_locked(registry, spec->agent, spec->workspaces[0].path, ret_holder, err);
	if (r != -ENOENT)
		return r == 0 ? -EEXIST : r;
	for (unsigned number = 1;; number++) {
		cleanup_free char *name = name_make(spec->agent, spec->workspaces[0].path, number);
		cleanup_record struct record other = { 0 };

		r = registry_get_locked(registry, name, &other, err);
		if (r == -ENOENT) {
			spec->name = take_ptr(name);
			return 0;
		}
		if (r < 0)
			return r;
	}
}

static int insert_row(struct registry *registry, const struct record *record, struct err *err)
{
	sqlite3_stmt *stmt = registry_statement(registry, QUERY_INSERT);
	const struct spec *spec = &record->spec;
	json_t *list = spec_env_json(spec);
	char *env = json_dumps(list, JSON_COMPACT);
	int r;

	registry_bind_text(stmt, 1, record->id);
	registry_bind_text(stmt, 2, spec->name);
	registry_bind_text(stmt, 3, spec->agent);
	registry_bind_text(stmt, 4, registry_state_names[record->state]);
	sqlite3_bind_int64(stmt, 5, spec->cpus);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)spec->memory_mib);
	sqlite3_bind_int64(stmt, 7, (sqlite3_int64)spec->disk_mib);
	sqlite3_bind_int64(stmt, 8, (sqlite3_int64)spec->idle_timeout_s);
	registry_bind_text(stmt, 9, env);
	sqlite3_bind_int64(stmt, 10, (sqlite3_int64)record->created_ns);
	registry_bind_text(stmt, 11, record->base);
	registry_bind_text(stmt, 12, record->layer);
	r = registry_run(registry, stmt, "insert sandbox", err);
	free(env);
	json_decref(list);
	for (size_t i = 0; r == 0 && i < spec->workspace_count; i++) {
		stmt = registry_statement(registry, QUERY_INSERT_WORKSPACE);
		registry_bind_text(stmt, 1, record->id);
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)i);
		registry_bind_text(stmt, 3, spec->workspaces[i].path);
		sqlite3_bind_int(stmt, 4, spec->workspaces[i].readonly);
		r = registry_run(registry, stmt, "insert workspace", err);
	}
	return r;
}

int registry_insert(struct registry *registry, struct record *record, struct record *ret_holder,
	struct err *err)
{
	struct record holder = { 0 };
	int r;

	record->state = RECORD_CREATING;
	pthread_mutex_lock(&registry->lock);
	r = begin(registry, err);
	if (r == 0) {
		r = choose_name(registry, record, &holder, err);
		if (r == 0)
			r = insert_row(registry, record, err);
		r = finish(registry, r, err);
	}
	pthread_mutex_unlock(&registry->lock);
	if (r == -EEXIST) {
		err_set(err, EEXIST, "sandbox %s exists already", holder.spec.name);
		if (ret_holder) {
			*ret_holder = holder;
			holder = (struct record){ 0 };
		}
	}
	record_finish(&holder);
	return r;
}

/* One bound statement in a transaction of its own that must change exactly one row. */
static int change_one(struct registry *registry, sqlite3_stmt *stmt, const char *what,
	struct err *err)
{
	int r = begin(registry, err);

	if (r == 0) {
		r = registry_run(registry, stmt, what, err);
		if (r == 0 && sqlite3_changes(registry->db) != 1)
			r = err_set(err, ENOENT, "%s: the sandbox is gone", what);
		r = finish(registry, r, err);
	}
	return r;
}

int registry_set_state(struct registry *registry, const char *id, enum record_state state,
	struct err *err)
{
	sqlite3_stmt *stmt;
	int r;

	pthread_mutex_lock(&registry->lock);
	stmt = registry_statement(registry, QUERY_SET_STATE);
	registry_bind_text(stmt, 1, id);
	registry_bind_text(stmt, 2, registry_state_names[state]);
	r = change_one(registry, stmt, "record the sandbox's state", err);
	pthread_mutex_unlock(&registry->lock);
	return r;
}

int registry_set_images(struct registry *registry, const char *id, const char *base,
	const char *layer, struct err *err)
{
	sqlite3_stmt *stmt;
	int r;

	pthread_mutex_lock(&registry->lock);
	stmt = registry_statement(registry, QUERY_SET_IMAGES);
	registry_bind_text(stmt, 1, id);
	registry_bind_text(stmt, 2, base);
	registry_bind_text(stmt, 3, layer);
	r = change_one(registry, stmt, "record the sandbox's images", err);
	pthread_mutex_unlock(&registry->lock);
	return r;
}

int registry_delete(struct registry *registry, const char *id, struct err *err)
{
	sqlite3_stmt *stmt;
	int r;

	pthread_mutex_lock(&registry->lock);
	stmt = registry_statement(registry, QUERY_DELETE);
	registry_bind_text(stmt, 1, id);
	r = change_one(registry, stmt, "delete the sandbox's record", err);
	pthread_mutex_unlock(&registry->lock);
	return r;
}
