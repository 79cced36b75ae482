/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's control stream, in any pieces and at any speed. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "keeper/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned handled;

static void handle(void *arg, const struct record *record)
{
	unsigned char bytes[RECORD_SIZE];
	const unsigned char *expected = arg;

	/* The record is the next 16 bytes of the stream, and encodes to them again. */
	record_encode(record, bytes);
	if (memcmp(bytes, expected + (size_t)handled * RECORD_SIZE, RECORD_SIZE) != 0)
		abort();
	handled++;
}

/* Each piece begins with its length and the time that passed; the rest is the stream. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record_reader reader = { 0 };
	unsigned char *stream = malloc(size + 1);
	uint64_t now_ns = 1;
	size_t length = 0;

	handled = 0;
	while (size > 2) {
		size_t n = data[0] < size - 2 ? data[0] : size - 2;

		now_ns += (uint64_t)data[1] * 10000000;
		memcpy(stream + length, data + 2, n);
		if (record_feed(&reader, stream + length, n, now_ns, handle, stream) < 0)
			break;
		length += n;
		if (handled != length / RECORD_SIZE)
			abort();
		data += n + 2;
		size -= n + 2;
	}
	free(stream);
	return 0;
}
