/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's end of the keeper protocol (docs/protocol/keeper.md): the lock that tells whether a
 * keeper lives, the connection to it, what it says, and why it ended.
 *
 * Keepers are trusted but may be stopped (SIGSTOP) or dead at any moment: nothing here waits.
 */
#ifndef DAEMON_KEEPER_CLIENT_H
#define DAEMON_KEEPER_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { KEEPER_MAX_PACKET = 16 << 10 };

enum keeper_state { KEEPER_STARTING, KEEPER_RUNNING, KEEPER_STOPPING };

struct keeper_status {
	enum keeper_state state;
	char accel[8];		/* "kvm", "tcg", or "" while it is not chosen */
	char accel_reason[256]; /* why not kvm */
	pid_t pid;
	pid_t vmm_pid;
	unsigned streams;  /* host connections to the guest's session port */
	unsigned detached; /* sessions that run without a client, by what the guest says */
	uint64_t started_ns;
	uint64_t ready_ns;
};

/* exit.json */
struct keeper_exit {
	char reason[32];
	char *message;
	char *hint;
	uint64_t when_ns;
};

/*
 * Whether a keeper holds DIRFD/keeper.lock. The lock is taken and given back: not to be called
 * while a keeper of ours may be about to take it.
 */
bool keeper_lives(int dirfd);

/* Takes the lock, so that no keeper can start. -EWOULDBLOCK while one lives. */
int keeper_lock(int dirfd, int *ret_fd);
void keeper_unlock(int fd);

/*
 * Connects, without waiting. *ret_pidfd refers to the keeper: the process that listens held the
 * lock after the descriptor was opened, so the pid was not reused.
 */
int keeper_connect(int dirfd, int *ret_fd, int *ret_pidfd);

/*
 * Sends a request, without waiting: -EAGAIN from a keeper that does not read. `key` may be
 * NULL; else it is sent as a member with `value`.
 */
int keeper_send(int fd, const char *op, const char *key, uint64_t value);

/*
 * Reads one packet. Returns 1 with *ret_status filled, 0 if it was no status, -EPIPE at the end
 * of the stream, or -errno.
 */
int keeper_receive(int fd, struct keeper_status *ret_status);

/* Parses a status packet. Returns whether it was one. */
bool keeper_parse_status(const char *text, size_t length, struct keeper_status *ret_status);

const char *keeper_state_name(enum keeper_state state);

/*
 * Reads why the last run in DIRFD ended. Returns 0, or -ENOENT if it never ran. A keeper that left
 * no word was killed, and so says *ret_exit.
 */
int keeper_read_exit(int dirfd, struct keeper_exit *ret_exit);
void keeper_exit_finish(struct keeper_exit *exit);

static inline void cleanup_keeper_exit_(struct keeper_exit *exit)
{
	keeper_exit_finish(exit);
}

#define cleanup_keeper_exit __attribute__((cleanup(cleanup_keeper_exit_)))

#endif
