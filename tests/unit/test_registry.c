/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/registry: rows, names, and files that are damaged, foreign, old or newer. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/registry.h"

struct fixture {
	char directory[40];
	char *path;
	struct registry *registry;
};

static int set_up(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	strcpy(fixture->directory, "/tmp/sbx-test-registry-XXXXXX");
	if (!mkdtemp(fixture->directory))
		return -1;
	fixture->path = paths_join(fixture->directory, "sbx.db");
	*state = fixture;
	return registry_open(fixture->path, &fixture->registry, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	registry_close(fixture->registry);
	io_remove_tree(AT_FDCWD, fixture->directory);
	free(fixture->path);
	free(fixture);
	return 0;
}

static void reopen(struct fixture *fixture)
{
	registry_close(fixture->registry);
	fixture->registry = NULL;
	assert_int_equal(registry_open(fixture->path, &fixture->registry, NULL), 0);
}

static struct record make(unsigned number, const char *name, const char *agent,
	const char *workspace)
{
	struct record record = { 0 };

	snprintf(record.id, sizeof(record.id), "%016x", number);
	record.created_ns = number;
	record.base = xstrdup("0123456789abcdef0123456789abcdef");
	record.spec.name = name ? xstrdup(name) : NULL;
	record.spec.agent = xstrdup(agent);
	record.spec.cpus = 2;
	record.spec.memory_mib = 1024;
	record.spec.disk_mib = 2048;
	record.spec.idle_timeout_s = 30;
	record.spec.workspaces = xcalloc(2, sizeof(struct workspace));
	record.spec.workspaces[0].path = xstrdup(workspace);
	record.spec.workspaces[1].path = xstrdup("/second\nline");
	record.spec.workspaces[1].readonly = true;
	record.spec.workspace_count = 2;
	record.spec.env = xcalloc(1, sizeof(char *));
	record.spec.env[0] = xstrdup("A=\"q\" \xc3\xbc");
	record.spec.env_count = 1;
	return record;
}

static int insert(struct fixture *fixture, unsigned number, const char *name, const char *agent,
	const char *workspace, char **ret_name)
{
	cleanup_record struct record record = make(number, name, agent, workspace);
	int r = registry_insert(fixture->registry, &record, NULL, NULL);

	if (r == 0 && ret_name)
		*ret_name = xstrdup(record.spec.name);
	return r;
}

static void test_round_trip(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record got = { 0 };

	assert_int_equal(insert(fixture, 1, "box", "shell", "/w", NULL), 0);
	reopen(fixture);
	assert_int_equal(registry_get(fixture->registry, "box", &got, NULL), 0);
	assert_string_equal(got.id, "0000000000000001");
	assert_int_equal(got.state, RECORD_CREATING);
	assert_string_equal(got.spec.agent, "shell");
	assert_int_equal(got.spec.workspace_count, 2);
	assert_string_equal(got.spec.workspaces[0].path, "/w");
	assert_string_equal(got.spec.workspaces[1].path, "/second\nline");
	assert_true(got.spec.workspaces[1].readonly);
	assert_int_equal(got.spec.env_count, 1);
	assert_string_equal(got.spec.env[0], "A=\"q\" \xc3\xbc");
	assert_int_equal(got.spec.memory_mib, 1024);
	assert_null(got.layer);
}

static void test_states_and_delete(void **state)
{
	struct fixture *fixture = *state;
	const char *id = "0000000000000001";
	cleanup_record struct record got = { 0 };
	struct record *records;
	size_t count;

	insert(fixture, 1, "box", "shell", "/w", NULL);
	assert_int_equal(registry_set_state(fixture->registry, id, RECORD_READY, NULL), 0);
	assert_int_equal(registry_set_images(fixture->registry, id, "b", "l", NULL), 0);
	assert_int_equal(registry_get(fixture->registry, "box", &got, NULL), 0);
	assert_int_equal(got.state, RECORD_READY);
	assert_string_equal(got.layer, "l");
	assert_int_equal(registry_delete(fixture->registry, id, NULL), 0);
	assert_int_equal(registry_delete(fixture->registry, id, NULL), -ENOENT);
	assert_int_equal(registry_set_state(fixture->registry, id, RECORD_READY, NULL), -ENOENT);
	assert_int_equal(registry_list(fixture->registry, &records, &count, NULL), 0);
	assert_int_equal(count, 0);
	record_free_list(records, count);
	/* Its workspaces went with it. */
	assert_int_equal(insert(fixture, 1, "box", "shell", "/w", NULL), 0);
}

static void test_names_are_unique(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record second = make(2, "box", "claude", "/other");
	cleanup_record struct record holder = { 0 };

	assert_int_equal(insert(fixture, 1, "box", "shell", "/w", NULL), 0);
	assert_int_equal(registry_insert(fixture->registry, &second, &holder, NULL), -EEXIST);
	assert_string_equal(holder.id, "0000000000000001");
}

static void test_default_names(void **state)
{
	static const struct {
		const char *agent, *workspace, *name; /* NULL: exists already */
	} cases[] = {
		{ "shell", "/a/proj", "shell-proj" },
		{ "shell", "/b/proj", "shell-proj-2" },
		{ "claude", "/b/proj", "claude-proj" },
		{ "shell", "/b/proj", NULL },
		{ "shell", "/c/proj", "shell-proj-3" },
	};
	struct fixture *fixture = *state;

	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *name = NULL;
		int r = insert(fixture, i, NULL, cases[i].agent, cases[i].workspace, &name);

		assert_int_equal(r, cases[i].name ? 0 : -EEXIST);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
	}
}

static void test_find(void **state)
{
	struct fixture *fixture = *state;
	struct record got = { 0 };

	insert(fixture, 2, "younger", "shell", "/w", NULL);
	insert(fixture, 1, "older", "shell", "/w", NULL);
	assert_int_equal(registry_find(fixture->registry, "shell", "/w", &got, NULL), 0);
	assert_string_equal(got.spec.name, "older");
	record_finish(&got);
	registry_set_state(fixture->registry, "0000000000000001", RECORD_REMOVING, NULL);
	assert_int_equal(registry_find(fixture->registry, "shell", "/w", &got, NULL), 0);
	assert_string_equal(got.spec.name, "younger");
	record_finish(&got);
	assert_int_equal(registry_find(fixture->registry, "claude", "/w", &got, NULL), -ENOENT);
	assert_int_equal(
		registry_find(fixture->registry, "shell", "/second\nline", &got, NULL), -ENOENT);
}

struct racer {
	struct fixture *fixture;
	unsigned number;
	int result;
};

static void *race(void *argument)
{
	struct racer *racer = argument;

	racer->result = insert(racer->fixture, racer->number, NULL, "shell", "/w", NULL);
	return NULL;
}

/* Two `sbx run` at the same moment make one sandbox. */
static void test_race_for_a_name(void **state)
{
	enum { RACERS = 8 };
	struct racer racers[RACERS];
	pthread_t threads[RACERS];
	int won = 0;

	for (unsigned i = 0; i < RACERS; i++) {
		racers[i] = (struct racer){ *state, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
	}
	for (unsigned i = 0; i < RACERS; i++) {
		pthread_join(threads[i], NULL);
		assert_true(racers[i].result == 0 || racers[i].result == -EEXIST);
		won += racers[i].result == 0;
	}
	assert_int_equal(won, 1);
}

/* A process that dies between the insert and its commit leaves nothing. */
static void test_crash_before_commit(void **state)
{
	struct fixture *fixture = *state;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; INSERT INTO sandboxes VALUES "
		"('00000000000000aa','half','shell','creating',1,1,1,0,'[]',1,'b',NULL);",
		NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close_v2(db), SQLITE_OK);
	reopen(fixture);
	assert_int_equal(registry_get(fixture->registry, "half", &(struct record){ 0 }, NULL),
		-ENOENT);
}

static void execute(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void overwrite(const char *path, const char *bytes, size_t length, off_t offset)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_equal(pwrite(fd, bytes, length, offset), length);
}

static void refuses(struct fixture *fixture, const char *complaint)
{
	cleanup_err struct err err = ERR_INIT;
	struct registry *registry = NULL;

	assert_true(registry_open(fixture->path, &registry, &err) < 0);
	assert_null(registry);
	assert_non_null(strstr(err.message, complaint));
	assert_non_null(err.hint);
}

static void test_newer_schema(void **state)
{
	struct fixture *fixture = *state;

	insert(fixture, 1, "box", "shell", "/w", NULL);
	execute(fixture->path, "PRAGMA user_version = 1000");
	refuses(fixture, "newer sbx");
	/* It was left as it is. */
	execute(fixture->path, "PRAGMA user_version = 1");
	reopen(fixture);
	assert_int_equal(insert(fixture, 2, "box", "shell", "/w", NULL), -EEXIST);
}

static void test_old_schema(void **state)
{
	struct fixture *fixture = *state;

	/* Version 0 is what a crash right after the file's creation leaves. */
	registry_close(fixture->registry);
	fixture->registry = NULL;
	unlink(fixture->path);
	overwrite(fixture->path, "", 0, 0);
	assert_int_equal(registry_open(fixture->path, &fixture->registry, NULL), 0);
	assert_int_equal(insert(fixture, 1, "box", "shell", "/w", NULL), 0);
}

static void test_foreign_file(void **state)
{
	struct fixture *fixture = *state;

	registry_close(fixture->registry);
	fixture->registry = NULL;
	unlink(fixture->path);
	execute(fixture->path, "CREATE TABLE things (a)");
	refuses(fixture, "another program");
}

static void test_damaged_files(void **state)
{
	struct fixture *fixture = *state;
	char garbage[8192];

	memset(garbage, 0x5a, sizeof(garbage));
	for (unsigned i = 1; i <= 50; i++) {
		cleanup_free char *workspace = xasprintf("/w%u", i);

		assert_int_equal(insert(fixture, i, NULL, "shell", workspace, NULL), 0);
	}
	registry_close(fixture->registry);
	fixture->registry = NULL;
	overwrite(fixture->path, garbage, sizeof(garbage), 4096);
	refuses(fixture, "damaged");
	overwrite(fixture->path, garbage, sizeof(garbage), 0);
	refuses(fixture, "damaged");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_states_and_delete),
		TEST(test_names_are_unique),
		TEST(test_default_names),
		TEST(test_find),
		TEST(test_race_for_a_name),
		TEST(test_crash_before_commit),
		TEST(test_newer_schema),
		TEST(test_old_schema),
		TEST(test_foreign_file),
		TEST(test_damaged_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
