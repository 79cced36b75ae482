/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image builds.
 *
 * A thread per build reads sbx-image's lines to their end, reaps it, and makes sure that the last
 * line is a result or an error whatever happened to it. Listeners copy from what was said so far,
 * each from its own offset, and wait for more.
 */
#include "daemon/build.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/program.h"

enum {
	MAX_SAID = 4 << 20,   /* all lines of one build; progress beyond is dropped */
	MAX_LINE = 256 << 10, /* the longest is a manifest with its packages */
	KEPT_ROOM = 2 * MAX_LINE, /* for the conclusion */
	READ_SIZE = 4096,
};

struct build {
	struct build *next;
	char *agent; /* "" for the base */
	int references;
	bool ended;
	struct buf said; /* whole lines; consumed by nobody */
	pid_t pid;
	int output;	/* the read end of its stdout */
	bool concluded; /* a result or an error was said; its thread only */
};

/* One lock for all: builds are few and say little. */
static pthread_mutex_t builds_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t builds_changed = PTHREAD_COND_INITIALIZER;
static struct build *builds;

/* Lock held. A build that ended is in the list no more. */
static void release_locked(struct build *build)
{
	if (--build->references > 0)
		return;
	buf_finish(&build->said);
	free(build->agent);
	free(build);
}

void build_release(struct build *build)
{
	pthread_mutex_lock(&builds_lock);
	release_locked(build);
	pthread_mutex_unlock(&builds_lock);
}

/* Takes one line without its end. What is no JSON object is dropped, and progress when there has
 * been too much of it; there is always room for the conclusion. */
static void say(struct build *build, const char *line, size_t length)
{
	json_t *object = json_loadb(line, length, 0, NULL);
	bool concludes = json_object_get(object, "result") || json_object_get(object, "error");

	if (json_is_object(object)) {
		pthread_mutex_lock(&builds_lock);
		if (concludes || buf_room(&build->said) > KEPT_ROOM) {
			buf_append(&build->said, line, length);
			buf_append(&build->said, "\n", 1);
		}
		pthread_cond_broadcast(&builds_changed);
		pthread_mutex_unlock(&builds_lock);
		build->concluded |= concludes;
	}
	json_decref(object);
}

static void read_lines(struct build *build)
{
	cleanup_buf struct buf partial;

	buf_init(&partial, MAX_LINE);
	while (buf_read(&partial, build->output, READ_SIZE) > 0) {
		unsigned char *newline;

		while ((newline = memchr(buf_head(&partial), '\n', buf_length(&partial)))) {
			size_t length = (size_t)(newline - buf_head(&partial));

			if (!build->concluded)
				say(build, (const char *)buf_head(&partial), length);
			buf_consume(&partial, length + 1);
		}
	}
}

static void remove_from_list(struct build *build)
{
	struct build **link = &builds;

	while (*link != build)
		link = &(*link)->next;
	*link = build->next;
}

static void *build_main(void *argument)
{
	struct build *build = argument;
	int status;

	read_lines(build);
	close(build->output); /* ends a writer whose line was too long */
	status = program_reap(build->pid);
	log_info("image build%s%s ended with status %d", *build->agent ? " of " : "", build->agent,
		status);
	if (!build->concluded) {
		cleanup_free char *line = xasprintf("{\"error\":\"sbx-image ended with status %d "
			"and without a result\",\"hint\":\"sbxd.log in sbx's state directory may "
			"say more\"}", status);

		say(build, line, strlen(line));
	}
	pthread_mutex_lock(&builds_lock);
	build->ended = true;
	remove_from_list(build);
	pthread_cond_broadcast(&builds_changed);
	release_locked(build);
	pthread_mutex_unlock(&builds_lock);
	return NULL;
}

/* Spawns sbx-image with a pipe as its stdout. */
static int spawn_builder(const char *agent, pid_t *ret_pid, int *ret_output, struct err *err)
{
	cleanup_free char *program = NULL;
	cleanup_close int read_end = -1, write_end = -1, pidfd = -1;
	char *argv[] = { NULL, (char *)"build", (char *)agent, NULL };
	int pipe_fds[2], r = paths_program("sbx-image", &program, err);

	if (r < 0)
		return r;
	argv[0] = program;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "start an image build");
	read_end = pipe_fds[0];
	write_end = pipe_fds[1];
	r = program_spawn(argv, write_end, -1, ret_pid, &pidfd, err);
	if (r < 0)
		return r;
	*ret_output = take_fd(&read_end);
	return 0;
}

/* Lock held. */
static int start(const char *agent, struct build **ret_build, struct err *err)
{
	struct build *build;
	pthread_t thread;
	pid_t pid = 0;
	int output = -1, r = spawn_builder(agent, &pid, &output, err);

	if (r < 0)
		return r;
	build = xcalloc(1, sizeof(*build));
	build->agent = xstrdup(agent ? agent : "");
	build->pid = pid;
	build->output = output;
	build->references = 1; /* the thread's */
	buf_init(&build->said, MAX_SAID);
	build->next = builds;
	builds = build;
	r = pthread_create(&thread, NULL, build_main, build);
	if (r != 0) {
		/* Without a reader the builder ends by itself; init reaps it after us. */
		close(output);
		remove_from_list(build);
		release_locked(build);
		return err_errno(err, r, "start an image build");
	}
	pthread_detach(thread);
	*ret_build = build;
	return 0;
}

int build_join(const char *agent, struct build **ret_build, struct err *err)
{
	struct build *build;
	int r = 0;

	pthread_mutex_lock(&builds_lock);
	for (build = builds; build; build = build->next)
		if (strcmp(build->agent, agent ? agent : "") == 0)
			break;
	if (!build)
		r = start(agent, &build, err);
	if (r == 0 && build) {
		build->references++;
		*ret_build = build;
	}
	pthread_mutex_unlock(&builds_lock);
	return r;
}

size_t build_read(struct build *build, size_t offset, char *bytes, size_t size)
{
	size_t length;

	pthread_mutex_lock(&builds_lock);
	while (buf_length(&build->said) == offset && !build->ended)
		pthread_cond_wait(&builds_changed, &builds_lock);
	length = buf_length(&build->said) - offset;
	if (length > size)
		length = size;
	memcpy(bytes, buf_head(&build->said) + offset, length);
	pthread_mutex_unlock(&builds_lock);
	return length;
}
