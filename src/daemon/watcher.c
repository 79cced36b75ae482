/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows one keeper from its start (or from our finding it) to its end.
 *
 * Theory of operation. A thread per living keeper alternates between two phases until the keeper
 * is gone:
 *
 *	unconnected	tries keeper.sock again and again, soon after the start, then less often.
 *			The keeper makes the socket some time after it was spawned, and takes it
 *			away some time before it ends.
 *	connected	sleeps in poll() on the socket and on the keeper's pidfd
 *
 * "Gone" means: the process that we know is dead (its pidfd is readable) and nobody holds
 * keeper.lock. While we know a living process the lock is not probed, since the probe itself would
 * be in the way of a keeper that is just about to take it. A known process that is dead while the
 * lock is held was not the keeper (two were started around a crash of the daemon): it is forgotten
 * and the other one is looked for.
 */
#include "daemon/sandbox.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/program.h"

enum { FIRST_PAUSE_MS = 2, LAST_PAUSE_MS = 100 };

struct watcher {
	struct sandbox_table *table;
	struct sandbox *sandbox; /* holds a reference */
	int dirfd;		 /* the sandbox's directory */
	pid_t child;		 /* to be reaped, or 0: not our child */
};

static void disconnect(struct sandbox *sandbox)
{
	pthread_mutex_lock(&sandbox->lock);
	if (sandbox->socket >= 0)
		close(sandbox->socket);
	sandbox->socket = -1;
	pthread_mutex_unlock(&sandbox->lock);
}

/* The known process is dead. */
static void forget_process(struct watcher *watcher)
{
	struct sandbox *sandbox = watcher->sandbox;

	disconnect(sandbox);
	pthread_mutex_lock(&sandbox->lock);
	close(sandbox->pidfd);
	sandbox->pidfd = -1;
	pthread_mutex_unlock(&sandbox->lock);
	if (watcher->child > 0)
		program_reap(watcher->child);
	watcher->child = 0;
}

static void try_connect(struct watcher *watcher)
{
	struct sandbox *sandbox = watcher->sandbox;
	int fd, pidfd;

	if (keeper_connect(watcher->dirfd, &fd, &pidfd) < 0)
		return;
	if (keeper_send(fd, "watch", NULL, 0) < 0) {
		close(fd);
		close(pidfd);
		return;
	}
	pthread_mutex_lock(&sandbox->lock);
	sandbox->socket = fd;
	if (sandbox->pidfd < 0)
		sandbox->pidfd = pidfd;
	else
		close(pidfd);
	pthread_cond_broadcast(&sandbox->changed);
	pthread_mutex_unlock(&sandbox->lock);
}

static void receive(struct sandbox *sandbox)
{
	struct keeper_status status;
	int r;

	while ((r = keeper_receive(sandbox->socket, &status)) >= 0) {
		if (r == 0)
			continue;
		pthread_mutex_lock(&sandbox->lock);
		sandbox->status = status;
		sandbox->heard = true;
		sandbox->packets++;
		pthread_cond_broadcast(&sandbox->changed);
		pthread_mutex_unlock(&sandbox->lock);
	}
	if (r != -EAGAIN)
		disconnect(sandbox);
}

static void watch(struct watcher *watcher)
{
	struct sandbox *sandbox = watcher->sandbox;
	int pause = FIRST_PAUSE_MS;

	for (;;) {
		struct pollfd fds[2];

		if (sandbox->pidfd < 0 && !keeper_lives(watcher->dirfd))
			return;
		if (sandbox->socket < 0)
			try_connect(watcher);
		fds[0] = (struct pollfd){ .fd = sandbox->socket, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = sandbox->pidfd, .events = POLLIN };
		if (poll(fds, 2, sandbox->socket < 0 ? pause : -1) < 0 && errno != EINTR)
			log_error("sandbox %s: poll: %m", sandbox->id);
		pause = pause * 2 < LAST_PAUSE_MS ? pause * 2 : LAST_PAUSE_MS;
		if (fds[0].revents) {
			receive(sandbox);
			pause = FIRST_PAUSE_MS;
		}
		if (fds[1].revents)
			forget_process(watcher);
	}
}

static void *watcher_main(void *argument)
{
	struct watcher *watcher = argument;
	struct sandbox *sandbox = watcher->sandbox;

	watch(watcher);
	log_info("sandbox %s: its keeper is gone", sandbox->id);
	pthread_mutex_lock(&sandbox->lock);
	sandbox->alive = false;
	sandbox->heard = false;
	pthread_cond_broadcast(&sandbox->changed);
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_release(watcher->table, sandbox);
	close(watcher->dirfd);
	free(watcher);
	return NULL;
}

/* Lock held. */
static int start_watcher(struct sandbox_table *table, struct sandbox *sandbox, pid_t child,
	int pidfd)
{
	int dirfd = sandbox_open(sandbox);
	struct watcher *watcher;
	pthread_attr_t attributes;
	pthread_t thread;
	int r;

	if (dirfd < 0)
		return dirfd;
	watcher = xcalloc(1, sizeof(*watcher));
	*watcher = (struct watcher){ table, sandbox, dirfd, child };
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	sandbox->pidfd = pidfd;
	sandbox->alive = true;
	sandbox->heard = false;
	sandbox->packets = 0;
	sandbox->references++; /* without the table's lock: the caller has one already */
	r = pthread_create(&thread, &attributes, watcher_main, watcher);
	pthread_attr_destroy(&attributes);
	if (r != 0) {
		sandbox->references--;
		sandbox->alive = false;
		sandbox->pidfd = -1;
		close(dirfd);
		free(watcher);
	}
	pthread_cond_broadcast(&sandbox->changed);
	return -r;
}

int sandbox_watch(struct sandbox_table *table, struct sandbox *sandbox, pid_t child, int pidfd)
{
	int r;

	pthread_mutex_lock(&sandbox->lock);
	r = start_watcher(table, sandbox, child, pidfd);
	pthread_mutex_unlock(&sandbox->lock);
	return r;
}

void sandbox_adopt(struct sandbox_table *table, struct sandbox *sandbox)
{
	pthread_mutex_lock(&sandbox->lock);
	if (!sandbox->busy && !sandbox->alive) {
		cleanup_close int dirfd = sandbox_open(sandbox);

		if (dirfd >= 0 && keeper_lives(dirfd)) {
			log_info("sandbox %s: found its keeper running", sandbox->id);
			if (start_watcher(table, sandbox, 0, -1) < 0)
				log_error("sandbox %s: cannot watch its keeper", sandbox->id);
		}
	}
	pthread_mutex_unlock(&sandbox->lock);
}
