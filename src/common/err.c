/* SPDX-License-Identifier: Apache-2.0 */
/* The error a person reads. */
#include "common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

static void set_message(struct err *err, int code, char *message)
{
	free(err->message);
	free(err->hint);
	err->code = code;
	err->message = message;
	err->hint = NULL;
}

int err_set(struct err *err, int code, const char *format, ...)
{
	va_list ap;

	if (!err)
		return -code;
	va_start(ap, format);
	set_message(err, code, xvasprintf(format, ap));
	va_end(ap);
	return -code;
}

int err_errno(struct err *err, int code, const char *format, ...)
{
	cleanup_free char *what = NULL;
	va_list ap;

	if (!err)
		return -code;
	va_start(ap, format);
	what = xvasprintf(format, ap);
	va_end(ap);
	set_message(err, code, xasprintf("%s: %s", what, strerror(code)));
	return -code;
}

int err_wrap(struct err *err, const char *format, ...)
{
	cleanup_free char *prefix = NULL;
	cleanup_free char *old = NULL;
	va_list ap;

	if (!err)
		return -EIO;
	va_start(ap, format);
	prefix = xvasprintf(format, ap);
	va_end(ap);
	old = err->message;
	err->message = xasprintf("%s: %s", prefix, old ? old : "unknown error");
	return -err->code;
}

void err_hint(struct err *err, const char *format, ...)
{
	va_list ap;

	if (!err)
		return;
	free(err->hint);
	va_start(ap, format);
	err->hint = xvasprintf(format, ap);
	va_end(ap);
}

void err_print(const struct err *err, const char *program)
{
	cleanup_free char *message = escape_line(err->message ? err->message : "unknown error");
	cleanup_free char *hint = err->hint ? escape_line(err->hint) : NULL;

	fprintf(stderr, "%s: %s\n", program, message);
	if (hint)
		fprintf(stderr, "hint: %s\n", hint);
}

void err_finish(struct err *err)
{
	free(err->message);
	free(err->hint);
	*err = (struct err)ERR_INIT;
}
