/* SPDX-License-Identifier: Apache-2.0 */
/* image/store and image/publish: names by rename, what a crash leaves, two stores. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/publish.h"
#include "image/store.h"

#define ONE "11111111111111111111111111111111"
#define TWO "22222222222222222222222222222222"

static char directory[] = "/tmp/sbx-test-store-XXXXXX";
static struct store store;

static int set_up(void **state)
{
	memset(directory + strlen(directory) - 6, 'X', 6);
	if (!mkdtemp(directory))
		return -1;
	store.own = paths_join(directory, "own");
	store.system = paths_join(directory, "system");
	return 0;
}

static int tear_down(void **state)
{
	store_finish(&store);
	return io_remove_tree(AT_FDCWD, directory);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* As a builder does it, up to the given point. */
static void build(const char *root, const char *agent, const char *digest, bool commit)
{
	cleanup_free char *image = NULL;
	cleanup_free char *file = NULL;
	cleanup_free char *manifest = NULL;
	struct publish publish;
	bool waited;

	assert_int_equal(publish_open(root, NULL, NULL, &waited, &publish, NULL), 0);
	assert_false(waited);
	image = paths_join(publish.scratch, "image");
	file = paths_join(image, "base.erofs");
	manifest = paths_join(image, "manifest.json");
	assert_int_equal(mkdir(image, 0755), 0);
	write_text(file, "content");
	write_text(manifest, "{\"kind\":\"base\"}");
	if (commit)
		assert_int_equal(publish_commit(&publish, "image", agent, digest, NULL), 0);
	publish_close(&publish);
}

static void expect_current(const char *agent, const char *digest, bool system)
{
	cleanup_store_image struct store_image image = { 0 };
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *file = NULL;

	if (!digest) {
		assert_int_equal(store_find_current(&store, agent, &image, &err), -ENOENT);
		assert_non_null(strstr(err.hint, "sbx image build"));
		return;
	}
	assert_int_equal(store_find_current(&store, agent, &image, &err), 0);
	assert_string_equal(image.digest, digest);
	assert_int_equal(image.system, system);
	assert_true(image.current);
	file = store_image_file(&image, "base.erofs");
	assert_int_equal(access(file, R_OK), 0);
}

static void test_current(void **state)
{
	cleanup_store_image struct store_image old = { 0 };

	expect_current(NULL, NULL, false);
	build(store.own, NULL, ONE, true);
	expect_current(NULL, ONE, false);
	build(store.own, NULL, TWO, true);
	expect_current(NULL, TWO, false);
	assert_int_equal(store_find(&store, NULL, ONE, &old, NULL), 0);
	assert_false(old.current);
	/* The same content again: it stays and becomes the current one. */
	build(store.own, NULL, ONE, true);
	expect_current(NULL, ONE, false);
}

static void test_system(void **state)
{
	cleanup_store_image struct store_image image = { 0 };
	cleanup_err struct err err = ERR_INIT;

	build(store.system, NULL, ONE, true);
	build(store.system, "claude", ONE, true);
	expect_current(NULL, ONE, true);
	build(store.own, NULL, TWO, true);
	expect_current(NULL, TWO, false);
	expect_current("claude", ONE, true);
	assert_int_equal(store_find(&store, NULL, ONE, &image, &err), 0);
	assert_true(image.system);
	assert_int_equal(store_remove(&store, ONE, &err), -EROFS);
}

static void test_interrupted(void **state)
{
	cleanup_free char *rest = paths_join(store.own, "tmp/build/image");

	build(store.own, NULL, ONE, false);
	expect_current(NULL, NULL, false);
	assert_int_equal(access(rest, F_OK), 0);
	/* The next builder clears what is left: its own scratch directory is new. */
	build(store.own, "codex", TWO, true);
	assert_int_equal(access(rest, F_OK), -1);
	expect_current("codex", TWO, false);
}

static void test_list_and_remove(void **state)
{
	struct store_image *images;
	cleanup_err struct err err = ERR_INIT;
	size_t count;

	build(store.own, NULL, ONE, true);
	build(store.own, "codex", TWO, true);
	store_list(&store, &images, &count);
	assert_int_equal(count, 2);
	assert_null(images[0].agent);
	assert_string_equal(images[1].agent, "codex");
	assert_true(images[1].current && images[1].size > 0);
	store_images_free(images, count);

	assert_int_equal(store_remove(&store, ONE, &err), 0);
	expect_current(NULL, NULL, false);
	expect_current("codex", TWO, false);
	assert_int_equal(store_remove(&store, ONE, &err), -ENOENT);
	assert_int_equal(store_remove(&store, "../agents", &err), -EINVAL);
}

/* "current" may dangle after somebody removed files by hand: then there is no image. */
static void test_dangling(void **state)
{
	cleanup_free char *image = xasprintf("%s/base/%s", store.own, ONE);
	cleanup_free char *manifest = xasprintf("%s/base/%s/manifest.json", store.own, TWO);
	struct store_image *images;
	size_t count;

	build(store.own, NULL, TWO, true);
	build(store.own, NULL, ONE, true);
	assert_int_equal(io_remove_tree(AT_FDCWD, image), 0);
	expect_current(NULL, NULL, false);
	assert_int_equal(unlink(manifest), 0);
	write_text(manifest, "not json");
	store_list(&store, &images, &count);
	assert_int_equal(count, 0);
	store_images_free(images, count);
}

/* Whether the kernel knows of a process that waits for a lock of flock(2). */
static bool is_waiting(pid_t pid)
{
	cleanup_free char *owner = xasprintf(" %d ", pid);
	cleanup_free char *text = NULL;
	size_t length;
	char *rest, *line;

	if (io_read_file(AT_FDCWD, "/proc/locks", 1 << 20, &text, &length) < 0)
		return true;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (strstr(line, "->") && strstr(line, owner))
			return true;
	return false;
}

/* Holds the lock until the parent waits for it. */
static void hold_lock(int ready_fd)
{
	struct publish publish;
	bool waited;

	alarm(20);
	if (publish_open(store.own, NULL, NULL, &waited, &publish, NULL) < 0 || waited ||
		write(ready_fd, "x", 1) != 1)
		_exit(1);
	while (!is_waiting(getppid()))
		sched_yield();
	_exit(0);
}

static bool told;

static void on_wait(void)
{
	cleanup_err struct err err = ERR_INIT;

	told = true;
	assert_int_equal(store_remove(&store, ONE, &err), -EBUSY);
}

static void test_lock(void **state)
{
	struct publish publish;
	int fds[2], status;
	bool waited;
	char byte;
	pid_t pid;

	build(store.own, NULL, ONE, true);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		hold_lock(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(publish_open(store.own, NULL, on_wait, &waited, &publish, NULL), 0);
	assert_true(waited && told);
	publish_close(&publish);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(fds[0]);
	close(fds[1]);
}

static void test_names(void **state)
{
	assert_true(store_digest_is_valid(ONE));
	assert_false(store_digest_is_valid(""));
	assert_false(store_digest_is_valid("11111111111111111111111111111111a"));
	assert_false(store_digest_is_valid("1111111111111111111111111111111G"));
	assert_false(store_digest_is_valid("../../../../../../../../../../.."));
	assert_true(store_agent_is_valid("claude-2"));
	assert_false(store_agent_is_valid(""));
	assert_false(store_agent_is_valid("-x"));
	assert_false(store_agent_is_valid("a/b"));
	assert_false(store_agent_is_valid(".."));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_current),
		TEST(test_system),
		TEST(test_interrupted),
		TEST(test_list_and_remove),
		TEST(test_dangling),
		TEST(test_lock),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
