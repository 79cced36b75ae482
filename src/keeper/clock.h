/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells when the guest's clock has to be set again: the host's clock was set or the host slept
 * (both cancel a timer of CLOCK_REALTIME), and every CLOCK_PERIOD_MS, because the guest's clock has
 * nothing to discipline it and drifts by some 10 ppm.
 */
#ifndef KEEPER_CLOCK_H
#define KEEPER_CLOCK_H

#include "keeper/loop.h"

enum { CLOCK_PERIOD_MS = 10 * 60 * 1000 };

struct host_clock {
	struct watch set;
	struct timer period;
	void (*changed)(struct host_clock *clock);
};

int clock_init(struct host_clock *clock, struct loop *loop,
	void (*changed)(struct host_clock *clock));

#endif
