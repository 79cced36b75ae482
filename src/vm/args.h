/* SPDX-License-Identifier: Apache-2.0 */
/* A growing, NULL-terminated argument list that owns its strings. */
#ifndef VM_ARGS_H
#define VM_ARGS_H

#include <stddef.h>

struct args {
	char **list; /* NULL-terminated once something was added */
	size_t count;
};

/* Appends one formatted argument. */
void args_add(struct args *args, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Appends an option and its formatted value: two arguments. */
void args_option(struct args *args, const char *option, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void args_finish(struct args *args);

static inline void cleanup_args_(struct args *args)
{
	args_finish(args);
}

#define cleanup_args __attribute__((cleanup(cleanup_args_)))

#endif
