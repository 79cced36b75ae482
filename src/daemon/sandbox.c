/* SPDX-License-Identifier: Apache-2.0 */
/* A sandbox as the running daemon sees it. The watcher is in watcher.c. */
#include "daemon/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"

void sandbox_table_init(struct sandbox_table *table, int dirfd)
{
	pthread_mutex_init(&table->lock, NULL);
	table->first = NULL;
	table->dirfd = dirfd;
}

static struct sandbox *make(struct sandbox_table *table, const char *id)
{
	struct sandbox *sandbox = xcalloc(1, sizeof(*sandbox));
	pthread_condattr_t attributes;

	snprintf(sandbox->id, sizeof(sandbox->id), "%s", id);
	pthread_mutex_init(&sandbox->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sandbox->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	sandbox->dirfd = table->dirfd;
	sandbox->socket = -1;
	sandbox->pidfd = -1;
	sandbox->next = table->first;
	table->first = sandbox;
	return sandbox;
}

static struct sandbox *get(struct sandbox_table *table, const char *id, bool busy)
{
	struct sandbox *sandbox;

	pthread_mutex_lock(&table->lock);
	for (sandbox = table->first; sandbox; sandbox = sandbox->next)
		if (strcmp(sandbox->id, id) == 0)
			break;
	if (!sandbox) {
		sandbox = make(table, id);
		sandbox->busy = busy;
	}
	sandbox->references++;
	pthread_mutex_unlock(&table->lock);
	return sandbox;
}

struct sandbox *sandbox_get(struct sandbox_table *table, const char *id)
{
	return get(table, id, false);
}

struct sandbox *sandbox_get_busy(struct sandbox_table *table, const char *id)
{
	return get(table, id, true);
}

void sandbox_release(struct sandbox_table *table, struct sandbox *sandbox)
{
	struct sandbox **link = &table->first;
	bool last;

	pthread_mutex_lock(&table->lock);
	last = --sandbox->references == 0;
	if (last) {
		while (*link != sandbox)
			link = &(*link)->next;
		*link = sandbox->next;
	}
	pthread_mutex_unlock(&table->lock);
	if (!last)
		return;
	pthread_cond_destroy(&sandbox->changed);
	pthread_mutex_destroy(&sandbox->lock);
	free(sandbox);
}

int sandbox_open(const struct sandbox *sandbox)
{
	int fd = openat(sandbox->dirfd, sandbox->id,
		O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

uint64_t sandbox_deadline(uint64_t milliseconds)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 + milliseconds;
}

bool sandbox_wait(struct sandbox *sandbox, uint64_t deadline)
{
	struct timespec until = { .tv_sec = (time_t)(deadline / 1000),
				  .tv_nsec = (long)(deadline % 1000) * 1000000 };

	return pthread_cond_timedwait(&sandbox->changed, &sandbox->lock, &until) != ETIMEDOUT;
}

bool sandbox_begin(struct sandbox *sandbox, uint64_t deadline)
{
	while (sandbox->busy)
		if (!sandbox_wait(sandbox, deadline))
			return false;
	sandbox->busy = true;
	return true;
}

void sandbox_end(struct sandbox *sandbox)
{
	sandbox->busy = false;
	pthread_cond_broadcast(&sandbox->changed);
}

int sandbox_send(struct sandbox *sandbox, const char *op, const char *key, uint64_t value)
{
	if (sandbox->socket < 0)
		return -ENOTCONN;
	return keeper_send(sandbox->socket, op, key, value);
}

void sandbox_kill_keeper(struct sandbox *sandbox)
{
	if (sandbox->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, sandbox->pidfd, SIGKILL, NULL, 0);
}

void sandbox_refresh(struct sandbox *const *sandboxes, size_t count, uint64_t deadline)
{
	unsigned *seen = xcalloc(count + 1, sizeof(*seen));

	for (size_t i = 0; i < count; i++) {
		struct sandbox *sandbox = sandboxes[i];

		pthread_mutex_lock(&sandbox->lock);
		seen[i] = sandbox->packets;
		if (sandbox_send(sandbox, "status", NULL, 0) < 0)
			seen[i]--; /* nothing to wait for */
		pthread_mutex_unlock(&sandbox->lock);
	}
	for (size_t i = 0; i < count; i++) {
		struct sandbox *sandbox = sandboxes[i];

		pthread_mutex_lock(&sandbox->lock);
		while (sandbox->alive && sandbox->packets == seen[i] &&
			sandbox_wait(sandbox, deadline))
			;
		pthread_mutex_unlock(&sandbox->lock);
	}
	free(seen);
}
