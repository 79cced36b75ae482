/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sandbox as the running daemon sees it: who works on it, and what its keeper last said.
 *
 * The registry says what exists, the keeper's lock what runs; this is only what is needed to wait
 * for both without asking anybody who may not answer. One struct sandbox per registry record,
 * found by id, counted by reference. While a keeper lives, a thread of its own (the watcher)
 * follows its messages into `status` and notices its end, so a request never reads from a keeper.
 */
#ifndef DAEMON_SANDBOX_H
#define DAEMON_SANDBOX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "daemon/keeper_client.h"
#include "daemon/registry.h"

struct sandbox {
	char id[RECORD_ID_LENGTH + 1];
	int dirfd; /* of the table's directory; the sandbox's own is opened when needed */

	atomic_int references;
	struct sandbox *next; /* protected by the table's lock */

	pthread_mutex_t lock; /* protects all below */
	pthread_cond_t changed;
	bool busy;     /* one thread works in the directory: create, launch or remove */
	bool removing; /* no start any more */
	bool gone;     /* its record is deleted */
	bool alive;    /* a keeper lives or was just spawned; a watcher follows it */
	bool heard;    /* `status` came from this keeper */
	struct keeper_status status;
	unsigned packets; /* status packets of this keeper so far */
	int socket;	  /* to the keeper, owned by the watcher; -1 until connected */
	int pidfd;	  /* of the keeper, owned by the watcher; -1 while unknown */
};

struct sandbox_table {
	pthread_mutex_t lock;
	struct sandbox *first;
	int dirfd; /* <state>/sandboxes */
};

void sandbox_table_init(struct sandbox_table *table, int dirfd);

/*
 * The sandbox with this id, made where the table has none. The caller holds a reference to the
 * result and drops it with sandbox_release().
 */
struct sandbox *sandbox_get(struct sandbox_table *table, const char *id);

/* As sandbox_get() for one that is being created: it is busy from the first moment. */
struct sandbox *sandbox_get_busy(struct sandbox_table *table, const char *id);
void sandbox_release(struct sandbox_table *table, struct sandbox *sandbox);

/* Opens the sandbox's directory. Returns a descriptor or -errno. */
int sandbox_open(const struct sandbox *sandbox);

/*
 * Sees to it that a living keeper is watched: one that an earlier daemon started, or that took its
 * lock after we looked. Called before each operation, lock not held.
 */
void sandbox_adopt(struct sandbox_table *table, struct sandbox *sandbox);

/*
 * Marks the sandbox alive and starts the watcher of a keeper that was just spawned; `child` is
 * reaped and `pidfd` closed by it. Called by the thread that made the sandbox busy. On failure
 * nothing is watched and both stay the caller's.
 */
int sandbox_watch(struct sandbox_table *table, struct sandbox *sandbox, pid_t child, int pidfd);

/* Waiting for a change, lock held. Returns false once the deadline (monotonic ms) has passed. */
uint64_t sandbox_deadline(uint64_t milliseconds);
bool sandbox_wait(struct sandbox *sandbox, uint64_t deadline);

/* Makes the sandbox busy, waiting for the thread that has it. Lock held. */
bool sandbox_begin(struct sandbox *sandbox, uint64_t deadline);
void sandbox_end(struct sandbox *sandbox);

/* Sends a request to the keeper. Lock held. -ENOTCONN before there is a connection. */
int sandbox_send(struct sandbox *sandbox, const char *op, const char *key, uint64_t value);

/* Kills the keeper, and so its VM, without asking it. Lock held. */
void sandbox_kill_keeper(struct sandbox *sandbox);

/*
 * Asks the keepers of these sandboxes for their status and gives them until `deadline` to answer;
 * one that does not keeps what it said last.
 */
void sandbox_refresh(struct sandbox *const *sandboxes, size_t count, uint64_t deadline);

#endif
