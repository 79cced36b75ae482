/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends the sandbox: sessions and engine are asked to end, then all is killed, the file systems are
 * written back and the machine is powered off.
 *
 * Theory of operation
 *
 *	idle --shutdown_begin--> asking --nothing runs, or grace is over--> off
 *
 * While asking, the event loop goes on: programs may still write to their clients, and children
 * are reaped. Programs that no session knows (they were left behind) are asked when sessions and
 * engine are gone, at the latest at half of the grace, so that the engine can first end its
 * containers itself. Of the time it may take, RESERVE is kept for writing back.
 */
#ifndef GUEST_SHUTDOWN_H
#define GUEST_SHUTDOWN_H

#include <stdbool.h>

#include "guest/boot.h"
#include "guest/engine.h"
#include "guest/loop.h"
#include "guest/server.h"

struct shutdown {
	struct loop *loop;
	struct server *server;
	struct engine *engine;
	struct loop_timer timer;
	unsigned grace; /* ms */
	bool begun;
	bool all_asked; /* every process has got its SIGTERM */
};

void shutdown_init(struct shutdown *shutdown, struct loop *loop, struct server *server,
	struct engine *engine);

/* Begins; the loop stops when it is time for shutdown_power_off(). */
void shutdown_begin(struct shutdown *shutdown, unsigned milliseconds);

/* Children were reaped; `none_left` when PID 1 has no child any more. */
void shutdown_children_ended(struct shutdown *shutdown, bool none_left);

/* Kills what runs, unmounts, powers off. */
void shutdown_power_off(const struct boot *boot, const struct guest_config *config)
	__attribute__((noreturn));

#endif
