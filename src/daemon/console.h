/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a guest's console on its way into JSON. The guest chose every byte of it. */
#ifndef DAEMON_CONSOLE_H
#define DAEMON_CONSOLE_H

#include <jansson.h>
#include <stddef.h>

enum { CONSOLE_TAIL_LINES = 20, CONSOLE_TAIL_BYTES = 8 << 10 };

/* The last lines of DIRFD/console.log as a list of strings, for an error message. Never NULL. */
json_t *console_tail(int dirfd);

/* A JSON string of any bytes: what is not UTF-8 comes out as '?'. The client escapes the rest. */
json_t *console_string(const char *bytes, size_t length);

#endif
