/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The person's terminal: size, colours, and raw mode that is undone on every way out.
 *
 * Raw mode is a property of the process: one terminal, saved once. It is restored by
 * terminal_restore(), at exit(), and by handlers of the signals that end a process by a fault.
 * Signals that ask (TERM, HUP, TSTP…) are taken by the session loop, which restores before it
 * obeys.
 */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/* Puts the terminal of `fd` into raw mode. */
int terminal_raw(int fd, struct err *err);

/* Undoes raw mode; what was typed and not read is dropped. Does nothing when not raw. */
void terminal_restore(void);

/* The window's size. Returns false, and leaves the values, if `fd` has none. */
bool terminal_size(int fd, uint16_t *rows, uint16_t *columns);

/* A terminal that understands control sequences (not TERM=dumb). */
bool terminal_is_capable(int fd);

/* Colours on `fd`: a capable terminal and no NO_COLOR. */
bool terminal_has_colour(int fd);

/* Asks a yes/no question on the terminal; anything but y or yes is no. */
bool terminal_confirm(const char *question);

#endif
