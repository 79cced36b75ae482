/* SPDX-License-Identifier: Apache-2.0 */
/* A growing argument list. */
#include "vm/args.h"

#include <stdarg.h>
#include <stdlib.h>

#include "common/mem.h"

static void append(struct args *args, char *taken)
{
	args->list = xreallocarray(args->list, args->count + 2, sizeof(*args->list));
	args->list[args->count++] = taken;
	args->list[args->count] = NULL;
}

void args_add(struct args *args, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	append(args, xvasprintf(format, ap));
	va_end(ap);
}

void args_option(struct args *args, const char *option, const char *format, ...)
{
	va_list ap;

	append(args, xstrdup(option));
	va_start(ap, format);
	append(args, xvasprintf(format, ap));
	va_end(ap);
}

void args_finish(struct args *args)
{
	for (size_t i = 0; i < args->count; i++)
		free(args->list[i]);
	free(args->list);
	*args = (struct args){ 0 };
}
