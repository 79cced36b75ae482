/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/lifecycle and what is below it, with real files, a real registry and mke2fs, but no VM:
 * create, what a restart makes of every half-done state, removal, the keeper's side read by hand.
 */
#include "daemon_fixture.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "daemon/console.h"
#include "daemon/disk.h"
#include "daemon/launch.h"
#include "daemon/lifecycle.h"

static struct spec make_spec(struct fixture *fixture, const char *name, const char *agent)
{
	struct spec spec = { .name = name ? xstrdup(name) : NULL,
			     .agent = xstrdup(agent),
			     .cpus = 1,
			     .memory_mib = 512,
			     .disk_mib = 20480,
			     .idle_timeout_s = 30 };

	spec.workspaces = xcalloc(1, sizeof(*spec.workspaces));
	spec.workspaces[0].path = xstrdup(fixture->work);
	spec.workspace_count = 1;
	return spec;
}

static enum api_code create(struct fixture *fixture, const char *name, const char *agent,
	struct record *ret_record)
{
	cleanup_spec struct spec spec = make_spec(fixture, name, agent);

	return lifecycle_create(&fixture->daemon, &spec, ret_record, NULL);
}

static size_t count_records(struct fixture *fixture)
{
	struct record *records;
	size_t count;

	assert_int_equal(registry_list(fixture->daemon.registry, &records, &count, NULL), 0);
	record_free_list(records, count);
	return count;
}

static bool has_directory(struct fixture *fixture, const char *id)
{
	return faccessat(fixture->daemon.sandboxes_fd, id, F_OK, 0) == 0;
}

/* Waits for the threads that finish what the last daemon left. */
static void wait_settled(struct fixture *fixture)
{
	struct sandbox_table *table = &fixture->daemon.sandboxes;

	for (;;) {
		struct sandbox *sandbox;
		bool busy;

		pthread_mutex_lock(&table->lock);
		sandbox = table->first;
		busy = sandbox != NULL;
		pthread_mutex_unlock(&table->lock);
		if (!busy)
			return;
		sched_yield();
	}
}

static void restart(struct fixture *fixture)
{
	close_daemon(fixture);
	open_daemon(fixture);
	assert_int_equal(lifecycle_adopt_all(&fixture->daemon, NULL), 0);
	wait_settled(fixture);
}

static void test_create_and_remove(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	cleanup_record struct record holder = { 0 };
	char id[sizeof(record.id)];

	assert_int_equal(create(fixture, NULL, "shell", &record), API_OK);
	assert_string_equal(record.spec.name, "shell-work");
	assert_string_equal(record.base, DIGEST);
	assert_int_equal(create(fixture, NULL, "shell", &holder), API_EXISTS);
	assert_string_equal(holder.id, record.id);
	memcpy(id, record.id, sizeof(id));
	restart(fixture);
	assert_true(has_directory(fixture, id));
	assert_int_equal(lifecycle_remove(&fixture->daemon, "shell-work", false, NULL), API_OK);
	assert_false(has_directory(fixture, id));
	assert_int_equal(lifecycle_remove(&fixture->daemon, "shell-work", false, NULL),
		API_NOT_FOUND);
}

static void test_unknown_agent_and_missing_layer(void **state)
{
	struct fixture *fixture = *state;
	struct record record = { 0 };

	assert_int_equal(create(fixture, "box", "nobody", &record), API_NOT_FOUND);
	assert_int_equal(create(fixture, "box", "claude", &record), API_NO_IMAGE);
	assert_int_equal(count_records(fixture), 0);
}

static void test_disk(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	cleanup_free char *path = NULL;
	cleanup_free char *command = NULL;
	struct stat st;

	assert_int_equal(create(fixture, "box", "shell", &record), API_OK);
	path = xasprintf("%s/%s/%s", fixture->daemon.sandboxes_path, record.id, DISK_FILE);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 20480LL << 20);
	assert_true(st.st_blocks * 512 < 2 << 20);
	command = xasprintf("PATH=$PATH:/usr/sbin:/sbin e2fsck -fn %s >/dev/null 2>&1", path);
	assert_int_equal(system(command), 0);
}

/* A disk that cannot be made: no record, no directory, and the reason. */
static void test_create_fails(void **state)
{
	struct fixture *fixture = *state;
	cleanup_spec struct spec spec = make_spec(fixture, "box", "shell");
	cleanup_err struct err err = ERR_INIT;
	struct record record = { 0 };

	spec.disk_mib = UINT64_MAX >> 21;
	assert_int_equal(lifecycle_create(&fixture->daemon, &spec, &record, &err), API_FAILED);
	assert_non_null(strstr(err.message, "create sandbox box"));
	assert_int_equal(count_records(fixture), 0);
	assert_int_equal(rmdir(fixture->daemon.sandboxes_path), 0);
}

static void test_restart_removes_half_made(void **state)
{
	struct fixture *fixture = *state;
	char id[RECORD_ID_LENGTH + 1];
	struct record record = { 0 };

	/* Killed right after the row, after the directory, and during a removal. */
	for (int step = 0; step < 3; step++) {
		assert_int_equal(create(fixture, "box", "shell", &record), API_OK);
		memcpy(id, record.id, sizeof(id));
		registry_set_state(fixture->daemon.registry, id,
			step < 2 ? RECORD_CREATING : RECORD_REMOVING, NULL);
		if (step == 0)
			io_remove_tree(fixture->daemon.sandboxes_fd, id);
		record_finish(&record);
		restart(fixture);
		assert_int_equal(count_records(fixture), 0);
		assert_false(has_directory(fixture, id));
	}
}

/* A process that holds keeper.lock and does not react, as a keeper under SIGSTOP. */
static pid_t hold_lock(struct fixture *fixture, const char *id)
{
	cleanup_free char *path =
		xasprintf("%s/%s/keeper.lock", fixture->daemon.sandboxes_path, id);
	int ready = eventfd(0, 0);
	uint64_t value;
	pid_t pid = fork();

	if (pid == 0) {
		int dirfd, listener;

		flock(open(path, O_RDWR | O_CREAT, 0600), LOCK_EX);
		*strrchr(path, '/') = '\0';
		dirfd = open(path, O_RDONLY | O_DIRECTORY);
		io_listen(dirfd, "keeper.sock", SOCK_SEQPACKET, &listener);
		eventfd_write(ready, 1);
		for (;;)
			pause();
	}
	assert_int_equal(eventfd_read(ready, &value), 0);
	close(ready);
	return pid;
}

static void test_stuck_keeper_is_killed(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	cleanup_err struct err err = ERR_INIT;
	uint64_t start = sandbox_deadline(0);
	pid_t keeper;
	int status;

	assert_int_equal(create(fixture, "box", "shell", &record), API_OK);
	keeper = hold_lock(fixture, record.id);
	assert_int_equal(lifecycle_remove(&fixture->daemon, "box", false, &err), API_BUSY);
	assert_int_equal(lifecycle_remove(&fixture->daemon, "box", true, NULL), API_OK);
	assert_true(sandbox_deadline(0) - start < 3000);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_false(has_directory(fixture, record.id));
	wait_settled(fixture);
}

static void test_stop_of_a_stuck_keeper(void **state)
{
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	pid_t keeper;

	assert_int_equal(create(fixture, "box", "shell", &record), API_OK);
	assert_int_equal(lifecycle_stop(&fixture->daemon, "box", 0, NULL), API_OK);
	keeper = hold_lock(fixture, record.id);
	assert_int_equal(lifecycle_stop(&fixture->daemon, "box", 10, NULL), API_OK);
	assert_int_equal(waitpid(keeper, NULL, 0), keeper);
	wait_settled(fixture);
	assert_true(has_directory(fixture, record.id));
}

static void test_missing_workspace_and_image(void **state)
{
	static const struct launch_options options = { .accel = "auto", .boot_timeout_s = 1 };
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	cleanup_free char *images = paths_join(fixture->home, "images");
	struct start_result result = { 0 };

	assert_int_equal(create(fixture, "box", "shell", &record), API_OK);
	rmdir(fixture->work);
	assert_int_equal(lifecycle_start(&fixture->daemon, "box", &options, &result, NULL),
		API_WORKSPACE);
	mkdir(fixture->work, 0700);
	io_remove_tree(AT_FDCWD, images);
	assert_int_equal(lifecycle_start(&fixture->daemon, "box", &options, &result, NULL),
		API_NO_IMAGE);
	assert_int_equal(lifecycle_start(&fixture->daemon, "none", &options, &result, NULL),
		API_NOT_FOUND);
	start_result_finish(&result);
}

static void test_start_config(void **state)
{
	static const struct launch_options options = { .accel = "tcg", .boot_timeout_s = 7 };
	struct fixture *fixture = *state;
	cleanup_record struct record record = { 0 };
	struct store_image base = { .directory = (char *)"/images/base" };
	const char *path, *line;
	json_t *config;

	record.spec = make_spec(fixture, "box", "claude");
	free(record.spec.workspaces[0].path);
	record.spec.workspaces =
		xreallocarray(record.spec.workspaces, 2, sizeof(struct workspace));
	record.spec.workspaces[0] = (struct workspace){ xstrdup("/a b/deep"), true };
	record.spec.workspaces[1] = (struct workspace){ xstrdup("/a b"), false };
	record.spec.workspace_count = 2;
	strcpy(record.id, "00000000000000aa");
	config = launch_config(&record, agents_find(&fixture->daemon.agents, "claude"), &base, NULL,
		"/state/x", &options);
	assert_non_null(config);
	/* The outer directory is mounted first; sessions start in the first one named. */
	assert_int_equal(json_unpack(config, "{s:[{s:s},{s:b}], s:[s,s]}", "shares", "path", &path,
		"readonly", &(int){ 0 }, "guest", &line, &line), 0);
	assert_string_equal(path, "/a b");
	assert_string_equal(line, "workdir /a%20b/deep");
	assert_string_equal(json_string_value(json_object_get(config, "accel")), "tcg");
	json_decref(config);
}

static void test_keeper_status(void **state)
{
	static const struct {
		const char *packet;
		bool valid;
	} cases[] = {
		{ "{\"state\":\"running\",\"accel\":\"tcg\",\"streams\":2,\"pid\":7}", true },
		{ "{\"state\":\"starting\"}", true },
		{ "{\"state\":\"running\",\"streams\":-5,\"accel\":12}", true },
		{ "{\"state\":\"flying\"}", false },
		{ "{\"ok\":true}", false },
		{ "[]", false },
		{ "{", false },
		{ "", false },
	};
	struct keeper_status status;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(keeper_parse_status(cases[i].packet, strlen(cases[i].packet),
			&status), cases[i].valid);
	keeper_parse_status(cases[0].packet, strlen(cases[0].packet), &status);
	assert_int_equal(status.state, KEEPER_RUNNING);
	assert_int_equal(status.streams, 2);
	keeper_parse_status(cases[2].packet, strlen(cases[2].packet), &status);
	assert_int_equal(status.streams, 0);
	assert_string_equal(status.accel, "");
}

static void test_exit_file(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int dirfd = open(fixture->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct keeper_exit end = { 0 };

	assert_int_equal(keeper_read_exit(dirfd, &end), -ENOENT);
	assert_int_equal(io_replace_file(dirfd, "start.json", "{}", 2), 0);
	assert_int_equal(keeper_read_exit(dirfd, &end), 0);
	assert_string_equal(end.reason, "killed");
	keeper_exit_finish(&end);
	assert_int_equal(io_replace_file(dirfd, "exit.json", "{\"reason\":\"idle\"}", 17), 0);
	assert_int_equal(keeper_read_exit(dirfd, &end), 0);
	assert_string_equal(end.reason, "idle");
	keeper_exit_finish(&end);
}

static void test_console_tail(void **state)
{
	struct fixture *fixture = *state;
	cleanup_close int dirfd = open(fixture->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *path = paths_join(fixture->home, "console.log");
	json_t *list = console_tail(dirfd);

	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
	write_text(path, "one\r\ntwo \xff\xc3\xbc\nthree");
	list = console_tail(dirfd);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(json_string_value(json_array_get(list, 0)), "one");
	assert_string_equal(json_string_value(json_array_get(list, 1)), "two ???");
	json_decref(list);
	unlink(path);
	for (int i = 0; i < 100; i++) {
		cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

		dprintf(fd, "line %d\n", i);
	}
	list = console_tail(dirfd);
	assert_int_equal(json_array_size(list), CONSOLE_TAIL_LINES);
	assert_string_equal(json_string_value(json_array_get(list, 0)), "line 80");
	json_decref(list);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_create_and_remove),
		TEST(test_unknown_agent_and_missing_layer),
		TEST(test_disk),
		TEST(test_create_fails),
		TEST(test_restart_removes_half_made),
		TEST(test_stuck_keeper_is_killed),
		TEST(test_stop_of_a_stuck_keeper),
		TEST(test_missing_workspace_and_image),
		TEST(test_start_config),
		TEST(test_keeper_status),
		TEST(test_exit_file),
		TEST(test_console_tail),
	};

	leave_own_directories();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
