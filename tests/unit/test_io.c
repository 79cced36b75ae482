/* SPDX-License-Identifier: Apache-2.0 */
/* common/io: atomic files, trees that are removed without following links, long socket paths. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/paths.h"

static int directory = -1;
static char root[] = "/tmp/sbx-test-io-XXXXXX";

static int set_up(void **state)
{
	if (!mkdtemp(root))
		return -1;
	directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	close(directory);
	return io_remove_tree(AT_FDCWD, root);
}

static void test_replace_file(void **state)
{
	cleanup_free char *bytes = NULL;
	size_t length;
	struct stat st;

	assert_int_equal(io_replace_file(directory, "f", "one", 3), 0);
	assert_int_equal(io_replace_file(directory, "f", "second", 6), 0);
	assert_int_equal(io_read_file(directory, "f", 100, &bytes, &length), 0);
	assert_int_equal(length, 6);
	assert_string_equal(bytes, "second");
	assert_int_equal(fstatat(directory, "f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fstatat(directory, ".f.new", &st, 0), -1);
}

static void test_read_file_is_bounded(void **state)
{
	char *bytes = NULL;

	assert_int_equal(io_read_file(AT_FDCWD, "/dev/zero", 100000, &bytes, NULL), -EFBIG);
	assert_null(bytes);
}

static void test_remove_tree_follows_no_link(void **state)
{
	struct stat st;

	assert_int_equal(mkdirat(directory, "keep", 0700), 0);
	assert_int_equal(io_replace_file(directory, "keep-file", "x", 1), 0);
	assert_int_equal(mkdirat(directory, "tree", 0700), 0);
	assert_int_equal(mkdirat(directory, "tree/below", 0700), 0);
	assert_int_equal(symlinkat("../keep", directory, "tree/link"), 0);
	assert_int_equal(symlinkat("../../keep-file", directory, "tree/below/link"), 0);
	assert_int_equal(io_remove_tree(directory, "tree"), 0);
	assert_int_equal(fstatat(directory, "tree", &st, 0), -1);
	assert_int_equal(fstatat(directory, "keep", &st, 0), 0);
	assert_int_equal(fstatat(directory, "keep-file", &st, 0), 0);
	assert_int_equal(symlinkat("keep", directory, "tree"), 0);
	assert_int_equal(io_remove_tree(directory, "tree"), 0);
	assert_int_equal(fstatat(directory, "keep", &st, 0), 0);
	assert_int_equal(io_remove_tree(directory, "never-was"), 0);
}

static void test_socket_in_long_directory(void **state)
{
	cleanup_close int deep = -1, server = -1, client = -1, peer = -1;
	char path[600];
	int fds[2], got[2];
	size_t count = 1;
	char byte;

	memset(path, 'a', 200);
	path[200] = '/';
	memset(path + 201, 'b', 200);
	path[401] = '\0';
	assert_int_equal(fchdir(directory), 0);
	assert_int_equal(paths_mkdirs(path, 0700), 0);
	deep = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(deep >= 0);
	assert_int_equal(io_listen(deep, "s", SOCK_SEQPACKET, &server), 0);
	close(take_fd(&server));
	assert_int_equal(io_connect(deep, "s", SOCK_SEQPACKET, &client), -ECONNREFUSED);
	assert_int_equal(io_listen(deep, "s", SOCK_SEQPACKET, &server), 0);
	assert_int_equal(io_connect(deep, "s", SOCK_SEQPACKET, &client), 0);
	peer = accept(server, NULL, NULL);
	assert_true(peer >= 0);

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(io_send_fds(client, "x", 1, fds, 2), 0);
	assert_int_equal(io_recv_fds(peer, &byte, 1, got, &count), 1);
	assert_int_equal(count, 1);
	assert_int_equal(fcntl(got[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
	close(got[0]);
}

/* The state directory is the caller's alone, or it is not used. */
static void test_directory_of_others(void **state)
{
	char base[] = "/tmp/test-paths-XXXXXX";
	cleanup_free char *path = NULL;
	cleanup_free char *again = NULL;

	assert_non_null(mkdtemp(base));
	assert_int_equal(setenv("XDG_STATE_HOME", base, 1), 0);
	assert_int_equal(paths_make_dir(PATHS_STATE, &path, NULL), 0);
	assert_int_equal(chmod(path, 0720), 0);
	assert_int_equal(paths_make_dir(PATHS_STATE, &again, NULL), -EPERM);
	assert_int_equal(chmod(path, 0755), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(paths_make_dir(PATHS_STATE, &again, NULL), -EPERM);
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(paths_make_dir(PATHS_STATE, &again, NULL), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, base), 0);
	unsetenv("XDG_STATE_HOME");
}

/* A guest that writes to a place on the user's PATH gets none of its programs run. */
static void test_search(void **state)
{
	cleanup_free char *before = getenv("PATH") ? strdup(getenv("PATH")) : NULL;
	cleanup_free char *search = NULL;
	cleanup_free char *found = NULL;
	char base[] = "/tmp/test-paths-XXXXXX";
	int dir;

	assert_non_null(mkdtemp(base));
	dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (const char *const *name = (const char *const[]){ "sh", "only-here", NULL }; *name; name++)
		close(openat(dir, *name, O_WRONLY | O_CREAT | O_CLOEXEC, 0755));
	setenv("PATH", base, 1);
	found = paths_find_program("sh");
	assert_non_null(found);
	assert_true(strncmp(found, base, strlen(base)) != 0);
	free(found);
	found = paths_find_program("only-here");
	assert_true(strncmp(found, base, strlen(base)) == 0);
	setenv("PATH", ".::bin:/x", 1);
	search = paths_search();
	assert_string_equal(strstr(search, "/usr/local/bin"), "/usr/local/bin:/x");
	if (before)
		setenv("PATH", before, 1);
	close(dir);
	assert_int_equal(io_remove_tree(AT_FDCWD, base), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replace_file),
		cmocka_unit_test(test_read_file_is_bounded),
		cmocka_unit_test(test_remove_tree_follows_no_link),
		cmocka_unit_test(test_socket_in_long_directory),
		cmocka_unit_test(test_directory_of_others),
		cmocka_unit_test(test_search),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
