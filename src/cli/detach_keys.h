/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the detach keys ("ctrl-p,ctrl-q") in what a person types.
 *
 * A key is a byte, or, where the program inside has switched the terminal to another keyboard
 * protocol, an escape sequence for the same key: CSI code;5u (kitty) and CSI 27;5;code~ (xterm's
 * modifyOtherKeys). Keys that may begin the sequence are held back until the next key decides; half
 * an escape sequence is never held back beyond the read() it came with, so that a lone Escape gets
 * through.
 */
#ifndef CLI_DETACH_KEYS_H
#define CLI_DETACH_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/err.h"

enum { DETACH_MOST_KEYS = 8, DETACH_MOST_HELD = 128 };

struct detach_keys {
	unsigned char keys[DETACH_MOST_KEYS];
	size_t count; /* 0: no key detaches */
	unsigned char held[DETACH_MOST_HELD];
	size_t held_length;
};

/*
 * Parses "ctrl-p,ctrl-q": letters as they are, or ctrl- with a letter or one of @ [ \ ] ^ _.
 * "" means that nothing detaches. NULL means the default.
 */
int detach_keys_parse(struct detach_keys *keys, const char *text, struct err *err);

/*
 * Feeds what one read() gave; what is to go on is appended to `out`, which must have room for
 * DETACH_MOST_HELD bytes more than that. Returns true when the keys were complete: the rest of the
 * bytes is dropped.
 */
bool detach_keys_feed(struct detach_keys *keys, const unsigned char *bytes, size_t length,
	struct buf *out);

#endif
