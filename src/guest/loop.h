/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of sbx-init: descriptors by epoll, timers by deadline, one thread.
 *
 * Sources and timers are embedded in their owner's struct and may be removed at any time, also
 * from within a handler and for another source whose event is already fetched: a removed source is
 * never called again.
 */
#ifndef GUEST_LOOP_H
#define GUEST_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

enum { LOOP_BATCH = 32 };

struct loop_source {
	int fd;
	uint32_t events; /* what epoll watches now; 0: not registered */
	void (*handle)(void *context, uint32_t events);
	void *context;
};

struct loop_timer {
	uint64_t deadline_ns; /* CLOCK_MONOTONIC; 0: not armed */
	void (*expire)(void *context);
	void *context;
	struct loop_timer *next;
};

struct loop {
	int epoll_fd;
	struct loop_timer *timers;
	struct epoll_event batch[LOOP_BATCH];
	int batch_count;
	int batch_next;
	bool stop; /* set to leave loop_run() */
	/* Called before each wait, to write what the handlers queued. May be NULL. */
	void (*before_wait)(void *context);
	void *before_wait_context;
};

/* Returns 0 or -errno. */
int loop_init(struct loop *loop);
void loop_finish(struct loop *loop);

/* Watches source->fd for events, or for other ones; 0 stops watching. Returns 0 or -errno. */
int loop_watch(struct loop *loop, struct loop_source *source, uint32_t events);

/* Stops watching and drops an event already fetched. Call it before closing the descriptor. */
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms or re-arms a timer that expires once; loop_disarm() is fine on one that is not armed. */
void loop_arm(struct loop *loop, struct loop_timer *timer, unsigned milliseconds);
void loop_disarm(struct loop *loop, struct loop_timer *timer);

/* Runs until loop->stop is set. */
void loop_run(struct loop *loop);

/* CLOCK_MONOTONIC and CLOCK_BOOTTIME in nanoseconds. */
uint64_t loop_now(void);
uint64_t loop_since_boot(void);

#endif
