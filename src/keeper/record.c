/* SPDX-License-Identifier: Apache-2.0 */
/* The control stream's records. */
#include "keeper/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static struct record decode(const unsigned char bytes[RECORD_SIZE])
{
	uint32_t type, argument;
	uint64_t value;

	memcpy(&type, bytes, sizeof(type));
	memcpy(&argument, bytes + 4, sizeof(argument));
	memcpy(&value, bytes + 8, sizeof(value));
	return (struct record){ le32toh(type), le32toh(argument), le64toh(value) };
}

void record_encode(const struct record *record, unsigned char bytes[RECORD_SIZE])
{
	uint32_t type = htole32(record->type), argument = htole32(record->argument);
	uint64_t value = htole64(record->value);

	memcpy(bytes, &type, sizeof(type));
	memcpy(bytes + 4, &argument, sizeof(argument));
	memcpy(bytes + 8, &value, sizeof(value));
}

/* Counts one more record; -EDQUOT if the second has had its share. */
static int count(struct record_reader *reader, uint64_t now_ns)
{
	if (now_ns - reader->window_ns >= 1000000000) {
		reader->window_ns = now_ns;
		reader->in_window = 0;
	}
	return ++reader->in_window > RECORD_PER_SECOND ? -EDQUOT : 0;
}

int record_feed(struct record_reader *reader, const void *bytes, size_t length, uint64_t now_ns,
	void (*handle)(void *arg, const struct record *record), void *arg)
{
	const unsigned char *p = bytes;

	while (length > 0) {
		size_t n = RECORD_SIZE - reader->have;
		struct record record;

		if (n > length)
			n = length;
		memcpy(reader->partial + reader->have, p, n);
		reader->have += n;
		p += n;
		length -= n;
		if (reader->have < RECORD_SIZE)
			break;
		reader->have = 0;
		if (count(reader, now_ns) < 0)
			return -EDQUOT;
		record = decode(reader->partial);
		handle(arg, &record);
	}
	return 0;
}
