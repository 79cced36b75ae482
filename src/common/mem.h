/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation that cannot fail: on exhaustion the process aborts.
 *
 * Not for sizes a guest or the network chooses; those live in fixed tables or in a struct buf,
 * which has a maximum.
 */
#ifndef COMMON_MEM_H
#define COMMON_MEM_H

#include <stdarg.h>
#include <stddef.h>

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *ptr, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
