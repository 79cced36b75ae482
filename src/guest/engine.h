/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's Docker Engine, started by the first connection to its socket.
 *
 * Theory of operation: sbx-init listens on /run/docker.sock and watches it while no engine runs.
 * A connection starts dockerd, which inherits the listening socket (sd_listen_fds(3)) and accepts
 * what waits there. When it ends, the socket is watched again. An engine that ends soon after its
 * start will not do better at once: the connections that wait are closed, so that clients fail
 * instead of hanging, and only a later connection starts it again.
 *
 *	waiting --connection--> running --ends--> waiting
 *	                        running --ends within QUICK_END--> resting --REST--> waiting
 */
#ifndef GUEST_ENGINE_H
#define GUEST_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/loop.h"

struct engine {
	struct loop *loop;
	struct loop_source socket; /* fd -1: this sandbox has no engine */
	struct loop_timer rest;
	pid_t pid; /* 0: not running */
	uint64_t started_ns;
	bool failed;   /* the last one ended by itself, with an error */
	bool stopping; /* never start it again */
	int null_fd;
};

/* Makes the socket. Connections wait until engine_open(). */
void engine_init(struct engine *engine, struct loop *loop, int null_fd);

/* The system is ready for an engine. */
void engine_open(struct engine *engine);

/* A child was reaped. True if it was the engine. */
bool engine_child_ended(struct engine *engine, pid_t pid, int wait_status);

/* Asks a running engine to end, and starts no other. */
void engine_stop(struct engine *engine);

/* "none", "stopped", "running" or "failed". */
const char *engine_state(const struct engine *engine);

#endif
