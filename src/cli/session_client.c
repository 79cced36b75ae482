/* SPDX-License-Identifier: Apache-2.0 */
/* The client's end of the session protocol. */
#include "cli/session_client.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

enum {
	/* Two of the largest frames, so that a whole one always fits behind a part of another. */
	MOST_IN = 2 * (SESSION_HEADER + SESSION_MAX_PAYLOAD),
	/* A request in frames; input stops at INPUT_LEVEL, small frames may go on beyond it. */
	MOST_OUT = SESSION_MAX_REQUEST + (1 << 20),
	INPUT_LEVEL = 256 << 10,
	SMALL_FRAMES = 64 << 10,
	ENTRY_FIXED = 24,
	/* What the guest can grant at most: the counter cannot overflow. */
	MOST_CREDIT = 16 << 20,
};

void session_client_init(struct session_client *client)
{
	*client = (struct session_client){ .credit = SESSION_CREDIT };
	buf_init(&client->in, MOST_IN);
	buf_init(&client->out, MOST_OUT);
}

void session_client_finish(struct session_client *client)
{
	buf_finish(&client->in);
	buf_finish(&client->out);
}

static int put_text(struct buf *fields, enum session_tag tag, const char *text)
{
	return text ? session_put_field(fields, tag, text, strlen(text)) : 0;
}

static int put_fields(struct buf *fields, const struct session_request *request)
{
	unsigned char size[4], flags[4];
	int r = 0;

	for (size_t i = 0; r == 0 && i < request->arg_count; i++)
		r = put_text(fields, SESSION_TAG_ARG, request->args[i]);
	for (size_t i = 0; r == 0 && i < request->env_count; i++)
		r = put_text(fields, SESSION_TAG_ENV, request->env[i]);
	if (r == 0)
		r = put_text(fields, SESSION_TAG_USER, request->user);
	if (r == 0)
		r = put_text(fields, SESSION_TAG_CWD, request->directory);
	if (r == 0)
		r = put_text(fields, SESSION_TAG_NAME, request->name);
	if (r == 0 && request->tty) {
		session_put_u16(size, request->rows);
		session_put_u16(size + 2, request->columns);
		r = session_put_field(fields, SESSION_TAG_TTY, size, sizeof(size));
	}
	if (r == 0 && request->flags) {
		session_put_u32(flags, request->flags);
		r = session_put_field(fields, SESSION_TAG_FLAGS, flags, sizeof(flags));
	}
	return r;
}

int session_client_request(struct session_client *client, const struct session_request *request)
{
	struct buf fields;
	int r;

	buf_init(&fields, SESSION_MAX_REQUEST);
	r = put_fields(&fields, request);
	if (r == 0)
		r = session_put_request(&client->out, request->type, &fields);
	buf_finish(&fields);
	return r == -ENOBUFS ? -EMSGSIZE : r;
}

static void add_credit(struct session_client *client, uint32_t more)
{
	uint32_t room = MOST_CREDIT - client->credit;

	client->credit += more < room ? more : room;
}

/* Last frames: nothing that follows is looked at. */
static int end(struct session_client *client, struct session_event *event,
	enum session_event_kind kind, size_t fixed)
{
	if (event->length < fixed)
		return -EPROTO;
	event->kind = kind;
	if (fixed) {
		event->value = session_get_u32(event->bytes);
		event->bytes += fixed;
		event->length -= fixed;
	}
	client->ended = true;
	return 1;
}

static int started(struct session_client *client, struct session_event *event)
{
	if (client->started || event->length != 12)
		return -EPROTO;
	client->started = true;
	event->kind = SESSION_EVENT_STARTED;
	event->id = session_get_u64(event->bytes);
	event->value = session_get_u32(event->bytes + 8);
	return 1;
}

/* id, flags, clients, start time, name NUL command. */
static int entry(struct session_event *event)
{
	if (event->length < ENTRY_FIXED + 1 ||
		!memchr(event->bytes + ENTRY_FIXED, '\0', event->length - ENTRY_FIXED))
		return -EPROTO;
	event->kind = SESSION_EVENT_ENTRY;
	event->id = session_get_u64(event->bytes);
	event->value = session_get_u32(event->bytes + 8);
	return 1;
}

static int bytes(struct session_event *event, enum session_event_kind kind)
{
	event->kind = kind;
	return 1;
}

/* Returns 1 for an event, 0 for a frame that is dealt with here, -EPROTO. */
static int take_frame(struct session_client *client, uint8_t type, struct session_event *event)
{
	switch (type) {
	case SESSION_STARTED:
		return started(client, event);
	case SESSION_STDOUT:
		return bytes(event, SESSION_EVENT_OUTPUT);
	case SESSION_STDERR:
		return bytes(event, SESSION_EVENT_ERRORS);
	case SESSION_TEXT:
		return bytes(event, SESSION_EVENT_TEXT);
	case SESSION_ENTRY:
		return entry(event);
	case SESSION_EXIT:
		return event->length == 4 ? end(client, event, SESSION_EVENT_EXIT, 4) : -EPROTO;
	case SESSION_ERROR:
		return end(client, event, SESSION_EVENT_ERROR, 4);
	case SESSION_DETACHED:
		return end(client, event, SESSION_EVENT_DETACHED, 0);
	case SESSION_CREDIT_MORE:
		if (event->length != 4)
			return -EPROTO;
		add_credit(client, session_get_u32(event->bytes));
		return 0;
	default:
		return -EPROTO;
	}
}

int session_client_next(struct session_client *client, struct session_event *ret)
{
	int r;

	buf_consume(&client->in, client->consume);
	client->consume = 0;
	if (client->ended)
		return 0;
	do {
		struct session_header header;
		struct session_event event = { 0 };

		r = session_parse_frame(buf_head(&client->in), buf_length(&client->in), &header);
		if (r <= 0)
			return r;
		event.bytes = buf_head(&client->in) + SESSION_HEADER;
		event.length = header.length;
		r = take_frame(client, header.type, &event);
		if (r == 0)
			buf_consume(&client->in, SESSION_HEADER + header.length);
		if (r > 0) {
			client->consume = SESSION_HEADER + header.length;
			*ret = event;
		}
	} while (r == 0);
	return r;
}

size_t session_client_input_room(const struct session_client *client)
{
	size_t room = client->credit;

	if (buf_length(&client->out) >= INPUT_LEVEL)
		return 0;
	return room < SESSION_MAX_PAYLOAD ? room : SESSION_MAX_PAYLOAD;
}

void session_client_input(struct session_client *client, const void *data, size_t length)
{
	assert(length <= client->credit && length <= SESSION_MAX_PAYLOAD);
	session_put_frame(&client->out, SESSION_STDIN, 0, data ? data : "", length);
	client->credit -= (uint32_t)length;
}

/* Signals and sizes come at the pace of a person; while the stream does not drain, drop them. */
static bool has_room(const struct session_client *client)
{
	return buf_room(&client->out) >= SMALL_FRAMES;
}

void session_client_window(struct session_client *client, uint16_t rows, uint16_t columns)
{
	unsigned char size[4];

	session_put_u16(size, rows);
	session_put_u16(size + 2, columns);
	if (has_room(client))
		session_put_frame(&client->out, SESSION_WINSIZE, 0, size, sizeof(size));
}

void session_client_signal(struct session_client *client, int number)
{
	unsigned char value[4];

	session_put_u32(value, (uint32_t)number);
	if (has_room(client))
		session_put_frame(&client->out, SESSION_SIGNAL, 0, value, sizeof(value));
}

void session_client_detach(struct session_client *client)
{
	if (has_room(client))
		session_put_frame(&client->out, SESSION_DETACH, 0, "", 0);
}
