/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's event loop. */
#include "keeper/loop.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

int loop_init(struct loop *loop)
{
	*loop = (struct loop){ .epoll_fd = epoll_create1(EPOLL_CLOEXEC) };
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_finish(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
	loop->epoll_fd = -1;
}

int loop_add(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) < 0 ? -errno : 0;
}

void loop_modify(struct loop *loop, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event);
}

void loop_remove(struct loop *loop, struct watch *watch)
{
	if (watch->fd >= 0)
		epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void loop_close(struct loop *loop, struct watch *watch)
{
	if (watch->fd < 0)
		return;
	loop_remove(loop, watch);
	close(watch->fd);
	watch->fd = -1;
}

int loop_run(struct loop *loop)
{
	while (!loop->stop) {
		struct epoll_event event;
		struct watch *watch;
		int n;

		if (loop->before_wait)
			loop->before_wait(loop);
		n = epoll_wait(loop->epoll_fd, &event, 1, -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 1)
			continue;
		watch = event.data.ptr;
		watch->ready(watch, event.events);
	}
	return 0;
}

static void timer_ready(struct watch *watch, uint32_t events)
{
	struct timer *timer = container_of(watch, struct timer, watch);
	uint64_t count;

	if (read(watch->fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		timer->expired(timer);
}

int timer_init(struct timer *timer, struct loop *loop, void (*expired)(struct timer *timer))
{
	timer->expired = expired;
	timer->watch.ready = timer_ready;
	timer->watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timer->watch.fd < 0)
		return -errno;
	return loop_add(loop, &timer->watch, EPOLLIN);
}

void timer_set(struct timer *timer, uint64_t milliseconds)
{
	struct itimerspec when = {
		.it_value = { .tv_sec = (time_t)(milliseconds / 1000),
			      .tv_nsec = (long)(milliseconds % 1000) * 1000000 },
	};

	timerfd_settime(timer->watch.fd, 0, &when, NULL);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ns(void)
{
	return now_ns(CLOCK_MONOTONIC);
}

uint64_t realtime_ns(void)
{
	return now_ns(CLOCK_REALTIME);
}
