/* SPDX-License-Identifier: Apache-2.0 */
/* The log of the long-running processes. */
#include "common/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

static const char *const names[] = { "error", "warn", "info", "debug" };
static const char *program_name = "sbx";
static enum log_level log_limit = LOG_LEVEL_INFO;

void log_init(const char *program)
{
	const char *wanted = getenv("SBX_LOG");

	program_name = program;
	for (size_t i = 0; wanted && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(wanted, names[i]) == 0)
			log_limit = (enum log_level)i;
}

static void write_line(enum log_level level, const char *format, va_list ap)
{
	cleanup_free char *text = xvasprintf(format, ap);
	cleanup_free char *safe = escape_line(text);
	struct timespec now;
	struct tm tm;
	char stamp[32];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &tm);
	dprintf(STDERR_FILENO, "%s.%03ldZ %s[%d] %s: %s\n", stamp, now.tv_nsec / 1000000,
		program_name, (int)getpid(), names[level], safe);
}

void log_write(enum log_level level, const char *format, ...)
{
	va_list ap;

	if (level > log_limit)
		return;
	va_start(ap, format);
	write_line(level, format, ap);
	va_end(ap);
}

void die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line(LOG_LEVEL_ERROR, format, ap);
	va_end(ap);
	exit(1);
}
