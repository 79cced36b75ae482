/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of sbx-init. */
#include "guest/loop.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

static uint64_t read_clock(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t loop_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t loop_since_boot(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_finish(struct loop *loop)
{
	close(loop->epoll_fd);
}

int loop_watch(struct loop *loop, struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int operation = EPOLL_CTL_MOD;

	if (events == source->events)
		return 0;
	if (source->events == 0)
		operation = EPOLL_CTL_ADD;
	else if (events == 0)
		operation = EPOLL_CTL_DEL;
	if (epoll_ctl(loop->epoll_fd, operation, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
	loop_watch(loop, source, 0);
	for (int i = loop->batch_next; i < loop->batch_count; i++)
		if (loop->batch[i].data.ptr == source)
			loop->batch[i].data.ptr = NULL;
}

void loop_arm(struct loop *loop, struct loop_timer *timer, unsigned milliseconds)
{
	if (timer->deadline_ns == 0) {
		timer->next = loop->timers;
		loop->timers = timer;
	}
	timer->deadline_ns = loop_now() + (uint64_t)milliseconds * 1000000;
}

void loop_disarm(struct loop *loop, struct loop_timer *timer)
{
	if (timer->deadline_ns == 0)
		return;
	timer->deadline_ns = 0;
	for (struct loop_timer **t = &loop->timers; *t; t = &(*t)->next) {
		if (*t == timer) {
			*t = timer->next;
			return;
		}
	}
}

static struct loop_timer *next_timer(const struct loop *loop)
{
	struct loop_timer *first = loop->timers;

	for (struct loop_timer *t = first; t; t = t->next)
		if (t->deadline_ns < first->deadline_ns)
			first = t;
	return first;
}

/* Milliseconds until the next timer, rounded up; -1 without timers. */
static int wait_time(const struct loop *loop)
{
	const struct loop_timer *timer = next_timer(loop);
	uint64_t now;

	if (!timer)
		return -1;
	now = loop_now();
	if (timer->deadline_ns <= now)
		return 0;
	return (int)((timer->deadline_ns - now + 999999) / 1000000);
}

static void expire_timers(struct loop *loop)
{
	struct loop_timer *timer;
	uint64_t now;

	if (!loop->timers)
		return;
	now = loop_now();
	while ((timer = next_timer(loop)) && timer->deadline_ns <= now) {
		loop_disarm(loop, timer);
		timer->expire(timer->context);
	}
}

void loop_run(struct loop *loop)
{
	for (;;) {
		if (loop->before_wait)
			loop->before_wait(loop->before_wait_context);
		if (loop->stop)
			return;
		loop->batch_count = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH,
			wait_time(loop));
		loop->batch_next = 0;
		while (loop->batch_next < loop->batch_count) {
			struct epoll_event *event = &loop->batch[loop->batch_next++];
			struct loop_source *source = event->data.ptr;

			if (source)
				source->handle(source->context, event->events);
		}
		expire_timers(loop);
	}
}
