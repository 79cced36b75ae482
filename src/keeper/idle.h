/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a running VM is idle: no client is connected to the session port and no session lives
 * without one, both for the idle timeout. Counted from READY on.
 *
 * `detached` is the guest's word. A guest that lies keeps itself running, or ends itself early;
 * both are its user's loss alone.
 */
#ifndef KEEPER_IDLE_H
#define KEEPER_IDLE_H

#include <stdbool.h>
#include <stdint.h>

struct idle {
	bool running;	    /* READY was seen, and no stop was begun */
	uint32_t streams;   /* clients of the session port */
	uint32_t detached;  /* sessions without a client */
	uint64_t timeout_s; /* 0: never */
	bool armed;	    /* the timer runs */
};

enum idle_action { IDLE_NOTHING, IDLE_ARM, IDLE_DISARM };

/* What to do with the timer after any of the fields changed. */
enum idle_action idle_update(struct idle *idle);

/* Sets the timeout; the count starts again. Returns what to do with the timer. */
enum idle_action idle_set_timeout(struct idle *idle, uint64_t timeout_s);

#endif
