/* SPDX-License-Identifier: Apache-2.0 */
/* Session codec: frames out of hostile bytes, fields out of their payloads. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "session/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte a field names must lie inside the payload it came from. */
static void walk_fields(const unsigned char *payload, size_t length)
{
	struct session_field field;
	size_t offset = 0;

	while (session_next_field(payload, length, &offset, &field) == 1) {
		if (field.bytes < payload || field.length > length ||
			field.bytes + field.length > payload + length)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_header header;

	while (session_parse_frame(data, size, &header) == 1) {
		if (SESSION_HEADER + (size_t)header.length > size)
			abort();
		walk_fields(data + SESSION_HEADER, header.length);
		data += SESSION_HEADER + header.length;
		size -= SESSION_HEADER + header.length;
	}
	return 0;
}
