/* SPDX-License-Identifier: Apache-2.0 */
/* Session protocol codec. */
#include "session/session.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

enum { FIELD_HEADER = 8 };

uint16_t session_get_u16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] | bytes[1] << 8);
}

uint32_t session_get_u32(const unsigned char *bytes)
{
	return session_get_u16(bytes) | (uint32_t)session_get_u16(bytes + 2) << 16;
}

uint64_t session_get_u64(const unsigned char *bytes)
{
	return session_get_u32(bytes) | (uint64_t)session_get_u32(bytes + 4) << 32;
}

void session_put_u16(unsigned char *bytes, uint16_t value)
{
	bytes[0] = (unsigned char)value;
	bytes[1] = (unsigned char)(value >> 8);
}

void session_put_u32(unsigned char *bytes, uint32_t value)
{
	session_put_u16(bytes, (uint16_t)value);
	session_put_u16(bytes + 2, (uint16_t)(value >> 16));
}

void session_put_u64(unsigned char *bytes, uint64_t value)
{
	session_put_u32(bytes, (uint32_t)value);
	session_put_u32(bytes + 4, (uint32_t)(value >> 32));
}

int session_parse_frame(const unsigned char *bytes, size_t length, struct session_header *ret)
{
	struct session_header header;

	if (length < SESSION_HEADER)
		return 0;
	header.type = bytes[0];
	header.flags = bytes[1];
	header.length = session_get_u32(bytes + 4);
	if (session_get_u16(bytes + 2) != 0 || header.length > SESSION_MAX_PAYLOAD)
		return -EPROTO;
	if (length - SESSION_HEADER < header.length)
		return 0;
	*ret = header;
	return 1;
}

int session_put_frame(struct buf *out, uint8_t type, uint8_t flags, const void *payload,
	size_t length)
{
	unsigned char header[SESSION_HEADER] = { type, flags };

	assert(length <= SESSION_MAX_PAYLOAD);
	if (buf_room(out) < sizeof(header) + length)
		return -ENOBUFS;
	session_put_u32(header + 4, (uint32_t)length);
	buf_append(out, header, sizeof(header));
	return buf_append(out, payload, length);
}

int session_put_request(struct buf *out, uint8_t type, const struct buf *request)
{
	const unsigned char *bytes = buf_head(request);
	size_t left = buf_length(request);

	for (;;) {
		bool last = left <= SESSION_MAX_PAYLOAD;
		size_t n = last ? left : SESSION_MAX_PAYLOAD;
		int r = session_put_frame(out, type, last ? 0 : SESSION_FLAG_MORE, bytes, n);

		if (r < 0 || last)
			return r;
		bytes += n;
		left -= n;
	}
}

int session_put_field(struct buf *request, uint16_t tag, const void *bytes, size_t length)
{
	unsigned char header[FIELD_HEADER] = { 0 };

	if (length > SESSION_MAX_REQUEST || buf_room(request) < sizeof(header) + length)
		return -ENOBUFS;
	session_put_u16(header, tag);
	session_put_u32(header + 4, (uint32_t)length);
	buf_append(request, header, sizeof(header));
	return buf_append(request, bytes, length);
}

int session_next_field(const unsigned char *bytes, size_t length, size_t *offset,
	struct session_field *ret)
{
	size_t left = length - *offset;
	const unsigned char *field;
	uint32_t size;

	if (left == 0)
		return 0;
	field = bytes + *offset;
	if (left < FIELD_HEADER || session_get_u16(field + 2) != 0)
		return -EPROTO;
	size = session_get_u32(field + 4);
	if (left - FIELD_HEADER < size)
		return -EPROTO;
	ret->tag = session_get_u16(field);
	ret->length = size;
	ret->bytes = field + FIELD_HEADER;
	*offset += FIELD_HEADER + size;
	return 1;
}
