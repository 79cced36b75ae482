/* SPDX-License-Identifier: Apache-2.0 */
/* A daemon without its server: real registry, real directories, an image store with a base image
 * of name only, the project's own agent definitions. */
#ifndef TESTS_UNIT_DAEMON_FIXTURE_H
#define TESTS_UNIT_DAEMON_FIXTURE_H

#include "unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/daemon.h"

#define DIGEST "0123456789abcdef0123456789abcdef"

struct fixture {
	char home[40];
	char *work;
	struct daemon daemon;
};

static void write_text(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void make_image(struct fixture *fixture)
{
	cleanup_free char *base = paths_join(fixture->home, "images/base");
	cleanup_free char *directory = paths_join(base, DIGEST);
	cleanup_free char *manifest = paths_join(directory, "manifest.json");
	cleanup_free char *current = paths_join(base, "current");

	assert_int_equal(paths_mkdirs(directory, 0700), 0);
	write_text(manifest, "{\"kind\":\"base\",\"digest\":\"" DIGEST "\"}");
	assert_int_equal(symlink(DIGEST, current), 0);
}

static void open_daemon(struct fixture *fixture)
{
	struct daemon *daemon = &fixture->daemon;
	cleanup_free char *db = paths_join(fixture->home, "sbx.db");

	daemon->sandboxes_path = paths_join(fixture->home, "sandboxes");
	mkdir(daemon->sandboxes_path, 0700);
	daemon->sandboxes_fd = open(daemon->sandboxes_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	daemon->store.own = paths_join(fixture->home, "images");
	daemon->store.system = xstrdup("/nonexistent");
	pthread_mutex_init(&daemon->images, NULL);
	sandbox_table_init(&daemon->sandboxes, daemon->sandboxes_fd);
	spec_limits_of_host(&daemon->limits);
	assert_int_equal(agents_load_directory(AGENTS_DIRECTORY, &daemon->agents, NULL), 0);
	assert_int_equal(registry_open(db, &daemon->registry, NULL), 0);
}

static void close_daemon(struct fixture *fixture)
{
	struct daemon *daemon = &fixture->daemon;

	assert_null(daemon->sandboxes.first);
	registry_close(daemon->registry);
	agents_finish(&daemon->agents);
	store_finish(&daemon->store);
	close(daemon->sandboxes_fd);
	free(daemon->sandboxes_path);
	*daemon = (struct daemon){ 0 };
}

static int set_up(void **state)
{
	struct fixture *fixture = xcalloc(1, sizeof(*fixture));

	strcpy(fixture->home, "/tmp/sbx-test-life-XXXXXX");
	if (!mkdtemp(fixture->home))
		return -1;
	fixture->work = paths_join(fixture->home, "work");
	mkdir(fixture->work, 0700);
	make_image(fixture);
	open_daemon(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	close_daemon(fixture);
	io_remove_tree(AT_FDCWD, fixture->home);
	free(fixture->work);
	free(fixture);
	return 0;
}

/* So that the workspaces of the tests, in /tmp, lie apart from what counts as sbx's own. */
static void leave_own_directories(void)
{
	setenv("XDG_STATE_HOME", "/nonexistent/state", 1);
	setenv("XDG_CACHE_HOME", "/nonexistent/cache", 1);
	setenv("XDG_CONFIG_HOME", "/nonexistent/config", 1);
	unsetenv("SBX_IMAGE_STORE");
}

#endif
