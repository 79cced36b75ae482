/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control stream's records (docs/protocol/control.md). Every byte that comes in is the guest's:
 * whole records are handed on, the rest of one is kept, and more than RECORD_PER_SECOND end the
 * stream.
 */
#ifndef KEEPER_RECORD_H
#define KEEPER_RECORD_H

#include <stddef.h>
#include <stdint.h>

enum { RECORD_SIZE = 16, RECORD_PER_SECOND = 1000 };

enum record_type {
	RECORD_READY = 1,
	RECORD_SESSIONS = 2,
	RECORD_SHUTDOWN = 17,
	RECORD_CLOCK = 18,
};

struct record {
	uint32_t type; /* any value, not only those of enum record_type */
	uint32_t argument;
	uint64_t value;
};

struct record_reader {
	unsigned char partial[RECORD_SIZE];
	size_t have;
	uint64_t window_ns; /* when the current second began */
	unsigned in_window;
};

/*
 * Hands each whole record to `handle`. Returns 0, or -EDQUOT when there are too many in a second;
 * the rest of the bytes is then dropped.
 */
int record_feed(struct record_reader *reader, const void *bytes, size_t length, uint64_t now_ns,
	void (*handle)(void *arg, const struct record *record), void *arg);

void record_encode(const struct record *record, unsigned char bytes[RECORD_SIZE]);

#endif
