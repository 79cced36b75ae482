/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session protocol between a client and the guest's sbx-init: constants and codec.
 * The page is docs/protocol/session.md; both sides include this header.
 *
 * The codec parses bytes of the other side, which is hostile for the client: every length is
 * checked against what was received before it is used. No allocation by announced length.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum {
	SESSION_PORT = 1024,	  /* guest port of the session server */
	SESSION_CONTROL_PORT = 1023, /* host port of the keeper, docs/protocol/control.md */
	SESSION_HEADER = 8,
	SESSION_MAX_PAYLOAD = 65536,
	SESSION_MAX_REQUEST = 4 << 20,
	SESSION_CREDIT = 262144, /* bytes of STDIN before the first CREDIT */
};

enum session_frame {
	SESSION_EXEC = 0x01,
	SESSION_ATTACH = 0x02,
	SESSION_LIST = 0x03,
	SESSION_INFO = 0x04,
	SESSION_STDIN = 0x10,
	SESSION_WINSIZE = 0x11,
	SESSION_SIGNAL = 0x12,
	SESSION_DETACH = 0x13,
	SESSION_STARTED = 0x81,
	SESSION_STDOUT = 0x90,
	SESSION_STDERR = 0x91,
	SESSION_EXIT = 0x92,
	SESSION_ERROR = 0x93,
	SESSION_ENTRY = 0x94,
	SESSION_DETACHED = 0x95,
	SESSION_CREDIT_MORE = 0x96,
	SESSION_TEXT = 0x97,
};

enum { SESSION_FLAG_MORE = 1 }; /* frame flag: the request goes on in the next frame */

enum session_tag {
	SESSION_TAG_ARG = 1,
	SESSION_TAG_ENV = 2,
	SESSION_TAG_USER = 3,
	SESSION_TAG_CWD = 4,
	SESSION_TAG_TTY = 5,
	SESSION_TAG_NAME = 6,
	SESSION_TAG_FLAGS = 7,
	SESSION_TAG_ID = 8,
};

enum session_request_flag {
	SESSION_DETACHED_START = 1,
	SESSION_PERSIST = 2,
	SESSION_OR_ATTACH = 4,
	SESSION_WITH_STDIN = 8,
	SESSION_DEFAULT_COMMAND = 16,
};

enum { SESSION_STARTED_ATTACHED = 1 };
enum { SESSION_ENTRY_TERMINAL = 1, SESSION_ENTRY_PERSIST = 2 };

struct session_header {
	uint8_t type;
	uint8_t flags;
	uint32_t length; /* of the payload that follows */
};

struct session_field {
	uint16_t tag;
	uint32_t length;
	const unsigned char *bytes; /* into the parsed buffer, not NUL-terminated */
};

/* Little-endian fields at unaligned places. */
uint16_t session_get_u16(const unsigned char *bytes);
uint32_t session_get_u32(const unsigned char *bytes);
uint64_t session_get_u64(const unsigned char *bytes);
void session_put_u16(unsigned char *bytes, uint16_t value);
void session_put_u32(unsigned char *bytes, uint32_t value);
void session_put_u64(unsigned char *bytes, uint64_t value);

/*
 * Looks at the front of received bytes. Returns 1 and fills the header when the whole frame
 * (header and payload) is there, 0 when more bytes are needed, -EPROTO when they can never become
 * a frame (reserved field, over-long payload).
 */
int session_parse_frame(const unsigned char *bytes, size_t length, struct session_header *ret);

/* Appends a frame. Payloads over SESSION_MAX_PAYLOAD assert. Returns 0 or -ENOBUFS. */
int session_put_frame(struct buf *out, uint8_t type, uint8_t flags, const void *payload,
	size_t length);

/* Appends a request payload as as many frames as it needs, MORE set on all but the last. */
int session_put_request(struct buf *out, uint8_t type, const struct buf *request);

/* Appends one field to a request payload. */
int session_put_field(struct buf *request, uint16_t tag, const void *bytes, size_t length);

/*
 * Takes the field at *offset of a request payload and moves *offset behind it. Returns 1, 0 at the
 * end, or -EPROTO when the field is cut short or its reserved part is not zero.
 */
int session_next_field(const unsigned char *bytes, size_t length, size_t *offset,
	struct session_field *ret);

#endif
