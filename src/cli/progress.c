/* SPDX-License-Identifier: Apache-2.0 */
/* Progress of long work on stderr. */
#include "cli/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "cli/width.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

enum { SECOND = 1000000000 };
static const uint64_t QUIET_NS = SECOND / 3, REDRAW_NS = SECOND / 10;

uint64_t progress_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

char *progress_time(uint64_t ns)
{
	uint64_t seconds = ns / SECOND;

	if (seconds < 60)
		return xasprintf("%llu s", (unsigned long long)seconds);
	return xasprintf("%llu min %02llu s", (unsigned long long)seconds / 60,
		(unsigned long long)seconds % 60);
}

void progress_init(struct progress *progress, const char *text)
{
	*progress = (struct progress){ .terminal = terminal_is_capable(STDERR_FILENO),
				       .start_ns = progress_now(),
				       .text = escape_line(text) };
}

/* "text  40/100  12 s", cut to the terminal's width. */
static void draw(struct progress *progress)
{
	cleanup_free char *time = progress_time(progress_now() - progress->start_ns);
	cleanup_free char *count = NULL;
	uint16_t rows = 24, columns = 80;
	size_t room, length;

	if (progress->total > 0)
		count = xasprintf("  %llu/%llu", (unsigned long long)progress->done,
			(unsigned long long)progress->total);
	else
		count = xstrdup("");
	terminal_size(STDERR_FILENO, &rows, &columns);
	room = columns > 40 ? columns - strlen(time) - strlen(count) - 4 : 10;
	length = width_prefix(progress->text, room);
	fprintf(stderr, "\r\033[K%.*s%s  %s", (int)length, progress->text, count, time);
	progress->shown = true;
	progress->drawn_ns = progress_now();
}

void progress_tick(void *arg)
{
	struct progress *progress = arg;
	uint64_t now;

	if (!progress->terminal)
		return;
	now = progress_now();
	if (now - progress->start_ns < QUIET_NS || now - progress->drawn_ns < REDRAW_NS)
		return;
	draw(progress);
}

void progress_step(struct progress *progress, const char *step, const char *text, uint64_t done,
	uint64_t total)
{
	bool fresh = !progress->step || strcmp(progress->step, step) != 0;

	if (fresh) {
		free(progress->step);
		progress->step = xstrdup(step);
	}
	free(progress->text);
	progress->text = escape_line(text);
	progress->done = done;
	progress->total = total;
	if (progress->terminal)
		progress_tick(progress);
	else if (fresh)
		fprintf(stderr, "sbx: %s\n", progress->text);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
	progress->shown = false;
}

void progress_finish(struct progress *progress)
{
	progress_clear(progress);
	free(progress->step);
	free(progress->text);
	progress->step = progress->text = NULL;
}
