/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of the session protocol (docs/protocol/session.md) as a state machine without
 * any I/O: received bytes go in, events come out. Every byte comes from a hostile guest.
 *
 * Memory is bounded by the buffers' maxima whatever the guest sends. The caller sends
 * what is in `out` and reads into `in`.
 */
#ifndef CLI_SESSION_CLIENT_H
#define CLI_SESSION_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "session/session.h"

enum session_event_kind {
	SESSION_EVENT_STARTED,	 /* id, value: flags */
	SESSION_EVENT_OUTPUT,	 /* bytes of standard output */
	SESSION_EVENT_ERRORS,	 /* bytes of standard error */
	SESSION_EVENT_TEXT,	 /* bytes of an INFO answer */
	SESSION_EVENT_ENTRY,	 /* bytes of a LIST entry, checked to be whole */
	SESSION_EVENT_EXIT,	 /* value: status; the end */
	SESSION_EVENT_ERROR,	 /* value: errno of Linux; bytes: a text; the end */
	SESSION_EVENT_DETACHED,	 /* bytes: a text; the end */
};

struct session_event {
	enum session_event_kind kind;
	const unsigned char *bytes; /* valid until the next call; not NUL-terminated */
	size_t length;
	uint32_t value;
	uint64_t id;
};

struct session_client {
	struct buf in;
	struct buf out;
	size_t consume;	 /* bytes of `in` that the last event used */
	uint32_t credit; /* bytes of STDIN that may be sent */
	bool started;
	bool ended;
};

/* What to ask for. Strings are borrowed. */
struct session_request {
	enum session_frame type;
	const char *const *args;
	size_t arg_count;
	const char *const *env; /* NAME=VALUE */
	size_t env_count;
	const char *user;
	const char *directory;
	const char *name;
	uint32_t flags;
	bool tty;
	uint16_t rows, columns;
};

void session_client_init(struct session_client *client);
void session_client_finish(struct session_client *client);

/* Queues the opening request. Returns -EMSGSIZE if it is over SESSION_MAX_REQUEST. */
int session_client_request(struct session_client *client, const struct session_request *request);

/*
 * The next event of what was received. Returns 1 and the event, 0 when more must be received, or
 * -EPROTO when this is no session protocol: nothing more can be had from this stream.
 */
int session_client_next(struct session_client *client, struct session_event *ret);

/* How many bytes of input can be sent now: credit, and room in `out`. */
size_t session_client_input_room(const struct session_client *client);

/* Queues input, at most the room; no bytes: the end of input. */
void session_client_input(struct session_client *client, const void *bytes, size_t length);
void session_client_window(struct session_client *client, uint16_t rows, uint16_t columns);
void session_client_signal(struct session_client *client, int number);
void session_client_detach(struct session_client *client);

#endif
