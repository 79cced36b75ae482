/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's event loop: descriptors by epoll, timers by timerfd, one thread.
 *
 * Plain epoll and no library: the keeper confines itself to a short list of system calls, and its
 * parent-death signals hang on the thread that started the children. One event is fetched at a
 * time, so a handler may remove and free any watch; nothing stale is ever called.
 *
 * Watches and timers are embedded in their owner's struct (container_of() leads back).
 */
#ifndef KEEPER_LOOP_H
#define KEEPER_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#define container_of(pointer, type, member)                                                        \
	((type *)((char *)(pointer)-offsetof(type, member)))

struct loop {
	int epoll_fd;
	bool stop; /* set to leave loop_run() */
	/* Called before each wait. May be NULL. */
	void (*before_wait)(struct loop *loop);
};

struct watch {
	int fd; /* the owner's; -1: not watched */
	void (*ready)(struct watch *watch, uint32_t events);
};

struct timer {
	struct watch watch;
	void (*expired)(struct timer *timer);
};

int loop_init(struct loop *loop);
void loop_finish(struct loop *loop);

/* Watches watch->fd. Returns 0 or -errno. */
int loop_add(struct loop *loop, struct watch *watch, uint32_t events);

/* Watches for other events; 0 pauses. */
void loop_modify(struct loop *loop, struct watch *watch, uint32_t events);

/* Stops watching; the descriptor stays open. */
void loop_remove(struct loop *loop, struct watch *watch);

/* Stops watching, closes the descriptor and sets it to -1. Fine on one that is not watched. */
void loop_close(struct loop *loop, struct watch *watch);

/* Runs until loop->stop. Returns 0 or -errno. */
int loop_run(struct loop *loop);

/* Timers count CLOCK_MONOTONIC: a host that sleeps does not make a boot late. */
int timer_init(struct timer *timer, struct loop *loop, void (*expired)(struct timer *timer));

/* Expires once, in that many milliseconds; 0 disarms. */
void timer_set(struct timer *timer, uint64_t milliseconds);

uint64_t monotonic_ns(void);
uint64_t realtime_ns(void);

#endif
