/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes strings that a guest may have chosen safe for a person's terminal.
 *
 * Printable ASCII and well-formed UTF-8 pass; control characters (C0, DEL, C1), malformed UTF-8,
 * bidirectional overrides (U+202A-202E, U+2066-2069, U+200E, U+200F, U+061C) and the backslash
 * come out as \n, \t, \\ or \xNN of each byte. The result can be told apart from every other input.
 */
#ifndef COMMON_ESCAPE_H
#define COMMON_ESCAPE_H

#include <stddef.h>

/* Escapes a NUL-terminated string for one line of output. The caller frees the result. */
char *escape_line(const char *s);

/* As escape_line() for `length` bytes, which may include NUL. */
char *escape_bytes(const char *bytes, size_t length);

/*
 * As escape_bytes(), but newline and tab pass and the backslash is left alone: for text of several
 * lines such as a console log.
 */
char *escape_text(const char *bytes, size_t length);

#endif
