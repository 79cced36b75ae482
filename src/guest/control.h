/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's end of the control stream (docs/protocol/control.md): a connection to the keeper
 * that is made again whenever it breaks. Records that do not fit into the socket's buffer are lost
 * with the stream; the next one starts with READY and the present count again.
 */
#ifndef GUEST_CONTROL_H
#define GUEST_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/loop.h"

enum { CONTROL_RECORD = 16 };

enum control_type {
	CONTROL_READY = 1,
	CONTROL_SESSIONS = 2,
	CONTROL_SHUTDOWN = 17,
	CONTROL_CLOCK = 18,
};

struct control {
	struct loop *loop;
	struct loop_source stream; /* fd -1: not connected */
	struct loop_timer retry;
	bool connected;
	unsigned char record[CONTROL_RECORD]; /* received so far */
	size_t received;
	unsigned detached;

	/* SHUTDOWN came. */
	void (*shutdown)(void *context, unsigned milliseconds);
	void *context;
};

/* Fill shutdown and context before; starts to connect. */
void control_start(struct control *control, struct loop *loop);

/* Tells the keeper how many sessions live without a client. */
void control_set_detached(struct control *control, unsigned detached);

#endif
