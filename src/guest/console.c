/* SPDX-License-Identifier: Apache-2.0 */
/* Lines on the guest's console. */
#include "guest/console.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/io.h"
#include "guest/loop.h"

enum { MAX_LINE = 1024 };

static bool debug_on;

void console_set_debug(bool debug)
{
	debug_on = debug;
}

__attribute__((format(printf, 1, 0))) static void say(const char *format, va_list ap)
{
	char line[MAX_LINE] = "sbx-init: ";
	size_t length = strlen(line);

	vsnprintf(line + length, sizeof(line) - length - 1, format, ap);
	length = strlen(line);
	line[length++] = '\n';
	io_write_full(STDERR_FILENO, line, length);
}

void console_say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	say(format, ap);
	va_end(ap);
}

void console_debug(const char *format, ...)
{
	char text[MAX_LINE];
	va_list ap;

	if (!debug_on)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	console_say("%llu ms: %s", (unsigned long long)(loop_since_boot() / 1000000), text);
}
