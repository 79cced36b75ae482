/* SPDX-License-Identifier: Apache-2.0 */
/* Measures the rate of the time stamp counter. */
#include "vm/tsc.h"

#include <time.h>

enum { APART_NS = 10 * 1000 * 1000, ATTEMPTS = 8 };

struct reading {
	uint64_t ticks;
	uint64_t ns;
};

static struct reading first;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_RAW, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t now_ticks(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

/* The tightest of some readings, so that an interruption between the two clocks does not count. */
static struct reading take_reading(void)
{
	struct reading best = { 0 };
	uint64_t best_width = UINT64_MAX;

	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t before = now_ns();
		uint64_t ticks = now_ticks();
		uint64_t width = now_ns() - before;

		if (width >= best_width)
			continue;
		best_width = width;
		best = (struct reading){ .ticks = ticks, .ns = before + width / 2 };
	}
	return best;
}

void tsc_start(void)
{
	first = take_reading();
}

uint64_t tsc_khz(void)
{
	struct reading second;

	if (first.ticks == 0)
		tsc_start();
	if (first.ticks == 0)
		return 0;
	for (;;) {
		second = take_reading();
		if (second.ns - first.ns >= APART_NS)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = (long)(first.ns + APART_NS - second.ns) },
			NULL);
	}
	return (uint64_t)((unsigned __int128)(second.ticks - first.ticks) * 1000000 /
		(second.ns - first.ns));
}
