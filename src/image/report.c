/* SPDX-License-Identifier: Apache-2.0 */
/* What sbx-image tells its caller. */
#include "image/report.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MIN_INTERVAL_MS = 100 };

void report_object(json_t *object)
{
	/* A caller that went away is no reason to stop a build half way. */
	if (json_dumpf(object, stdout, JSON_COMPACT) == 0) {
		putchar('\n');
		fflush(stdout);
	}
	json_decref(object);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void report_step(const char *step, const char *text, unsigned done, unsigned total)
{
	static const char *last_step = "";
	static int64_t last_ms;
	int64_t now = now_ms();

	if (strcmp(step, last_step) == 0 && done != total && now - last_ms < MIN_INTERVAL_MS)
		return;
	last_step = step;
	last_ms = now;
	report_object(json_pack("{s:s, s:s, s:i, s:i}", "step", step, "text", text, "done",
		(int)done, "total", (int)total));
}

void report_result(json_t *result)
{
	report_object(json_pack("{s:o}", "result", result));
}

void report_error(const struct err *err)
{
	report_object(json_pack("{s:s, s:s}", "error", err->message ? err->message : "failed",
		"hint", err->hint ? err->hint : ""));
}
