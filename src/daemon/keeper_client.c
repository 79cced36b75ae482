/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's end of the keeper protocol. */
#include "daemon/keeper_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

static const char *const state_names[] = {
	[KEEPER_STARTING] = "starting",
	[KEEPER_RUNNING] = "running",
	[KEEPER_STOPPING] = "stopping",
};

int keeper_lock(int dirfd, int *ret_fd)
{
	cleanup_close int fd =
		openat(dirfd, "keeper.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * Unlocked by hand, not by close alone: another thread's posix_spawn may hold a copy of the
 * descriptor for a moment, and a lock lives as long as its last copy.
 */
void keeper_unlock(int fd)
{
	flock(fd, LOCK_UN);
	close(fd);
}

bool keeper_lives(int dirfd)
{
	int fd = -1, r = keeper_lock(dirfd, &fd);

	if (r == 0)
		keeper_unlock(fd);
	return r == -EWOULDBLOCK;
}

int keeper_connect(int dirfd, int *ret_fd, int *ret_pidfd)
{
	cleanup_close int fd = -1, pidfd = -1;
	struct ucred peer;
	socklen_t length = sizeof(peer);
	int r = io_connect(dirfd, "keeper.sock", SOCK_SEQPACKET | SOCK_NONBLOCK, &fd);

	if (r < 0)
		return r;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	if (pidfd < 0)
		return -errno;
	if (!keeper_lives(dirfd))
		return -ESRCH;
	*ret_fd = take_fd(&fd);
	*ret_pidfd = take_fd(&pidfd);
	return 0;
}

int keeper_send(int fd, const char *op, const char *key, uint64_t value)
{
	char packet[128];
	int length;

	if (key)
		length = snprintf(packet, sizeof(packet), "{\"op\":\"%s\",\"%s\":%llu}", op, key,
			(unsigned long long)value);
	else
		length = snprintf(packet, sizeof(packet), "{\"op\":\"%s\"}", op);
	if (send(fd, packet, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static uint64_t get_number(const json_t *object, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(object, key));

	return value > 0 ? (uint64_t)value : 0;
}

static void get_text(const json_t *object, const char *key, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, key));

	snprintf(text, size, "%s", value ? value : "");
}

bool keeper_parse_status(const char *text, size_t length, struct keeper_status *ret_status)
{
	json_t *object = json_loadb(text, length, 0, NULL);
	const char *state = json_string_value(json_object_get(object, "state"));
	struct keeper_status status = { 0 };
	bool found = false;

	for (size_t i = 0; state && i < sizeof(state_names) / sizeof(*state_names); i++)
		if (strcmp(state, state_names[i]) == 0) {
			status.state = (enum keeper_state)i;
			found = true;
		}
	if (found) {
		get_text(object, "accel", status.accel, sizeof(status.accel));
		get_text(object, "accel_reason", status.accel_reason,
			sizeof(status.accel_reason));
		status.pid = (pid_t)get_number(object, "pid");
		status.vmm_pid = (pid_t)get_number(object, "vmm_pid");
		status.streams = (unsigned)get_number(object, "streams");
		status.detached = (unsigned)get_number(object, "detached");
		status.started_ns = get_number(object, "started_ns");
		status.ready_ns = get_number(object, "ready_ns");
		*ret_status = status;
	}
	json_decref(object);
	return found;
}

int keeper_receive(int fd, struct keeper_status *ret_status)
{
	char packet[KEEPER_MAX_PACKET];
	ssize_t n;

	do
		n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (n == 0)
		return -EPIPE;
	return keeper_parse_status(packet, (size_t)n, ret_status);
}

const char *keeper_state_name(enum keeper_state state)
{
	return state_names[state];
}

static char *get_string(const json_t *object, const char *key)
{
	const char *value = json_string_value(json_object_get(object, key));

	return xstrdup(value ? value : "");
}

int keeper_read_exit(int dirfd, struct keeper_exit *ret_exit)
{
	struct keeper_exit exit = { 0 };
	cleanup_free char *bytes = NULL;
	json_t *object = NULL;
	struct stat st;

	if (fstatat(dirfd, "start.json", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (io_read_file(dirfd, "exit.json", KEEPER_MAX_PACKET, &bytes, NULL) == 0)
		object = json_loads(bytes, 0, NULL);
	if (json_is_object(object)) {
		get_text(object, "reason", exit.reason, sizeof(exit.reason));
		exit.message = get_string(object, "message");
		exit.hint = get_string(object, "hint");
		exit.when_ns = get_number(object, "when_ns");
	} else {
		snprintf(exit.reason, sizeof(exit.reason), "killed");
		exit.message = xstrdup("the sandbox's keeper ended without a word: it was killed, "
				       "or the host went down");
		exit.hint = xstrdup("");
	}
	json_decref(object);
	*ret_exit = exit;
	return 0;
}

void keeper_exit_finish(struct keeper_exit *exit)
{
	free(exit->message);
	free(exit->hint);
	*exit = (struct keeper_exit){ 0 };
}
