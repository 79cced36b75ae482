/* SPDX-License-Identifier: Apache-2.0 */
/* Tells when the guest's clock has to be set again. */
#include "keeper/clock.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* Far away: the timer is there to be cancelled, not to expire. */
enum { YEAR_S = 365 * 24 * 3600 };

static int arm(int fd)
{
	struct itimerspec when = { .it_value.tv_sec = time(NULL) + YEAR_S };

	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL) < 0
		? -errno
		: 0;
}

static void clock_set(struct watch *watch, uint32_t events)
{
	struct host_clock *clock = container_of(watch, struct host_clock, set);
	uint64_t count;
	ssize_t n = read(watch->fd, &count, sizeof(count));

	if (n < 0 && errno != ECANCELED)
		return;
	arm(watch->fd);
	clock->changed(clock);
}

static void period_over(struct timer *timer)
{
	struct host_clock *clock = container_of(timer, struct host_clock, period);

	timer_set(timer, CLOCK_PERIOD_MS);
	clock->changed(clock);
}

int clock_init(struct host_clock *clock, struct loop *loop,
	void (*changed)(struct host_clock *clock))
{
	int r = timer_init(&clock->period, loop, period_over);

	if (r < 0)
		return r;
	clock->changed = changed;
	clock->set.ready = clock_set;
	clock->set.fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (clock->set.fd < 0)
		return -errno;
	r = arm(clock->set.fd);
	if (r == 0)
		r = loop_add(loop, &clock->set, EPOLLIN);
	if (r == 0)
		timer_set(&clock->period, CLOCK_PERIOD_MS);
	return r;
}
