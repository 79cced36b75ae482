/* SPDX-License-Identifier: Apache-2.0 */
/* One client stream of the session server. */
#include "guest/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "guest/job.h"
#include "guest/request.h"
#include "guest/server.h"

enum {
	REQUEST_DEADLINE = 30000, /* ms */
	CLOSING_DEADLINE = 10000,
	HOLD_TIME = 50,
	/* The slow mark, one read of each of the program's streams, and the last frames. */
	OUT_MAXIMUM = CLIENT_SLOW_QUEUE + 3 * SESSION_MAX_PAYLOAD,
	CREDIT_STEP = SESSION_CREDIT / 4,
	MAX_TEXT = 512,
};

static void handle_stream(void *context, uint32_t events);
static void handle_timer(void *context);

void client_create(struct server *server, int fd)
{
	struct client *client = xcalloc(1, sizeof(*client));

	client->server = server;
	client->stream = (struct loop_source){ .fd = fd,
					       .handle = handle_stream,
					       .context = client };
	client->timer = (struct loop_timer){ .expire = handle_timer, .context = client };
	client->credit = SESSION_CREDIT;
	buf_init(&client->in, SESSION_HEADER + SESSION_MAX_PAYLOAD);
	buf_init(&client->out, OUT_MAXIMUM);
	buf_init(&client->request, SESSION_MAX_REQUEST);
	buf_init(&client->input, SESSION_CREDIT + 1);
	client->next = server->clients;
	server->clients = client;
	server->client_count++;
	loop_arm(server->loop, &client->timer, REQUEST_DEADLINE);
	loop_watch(server->loop, &client->stream, EPOLLIN);
}

void client_destroy(struct client *client)
{
	struct server *server = client->server;

	if (client->job)
		job_leave(client->job, client);
	loop_remove(server->loop, &client->stream);
	loop_disarm(server->loop, &client->timer);
	close(client->stream.fd);
	for (struct client **c = &server->clients; *c; c = &(*c)->next) {
		if (*c == client) {
			*c = client->next;
			break;
		}
	}
	server->client_count--;
	buf_finish(&client->in);
	buf_finish(&client->out);
	buf_finish(&client->request);
	buf_finish(&client->input);
	free(client);
}

/* Ends the stream once its queue is written. What the client still says is not read any more. */
void client_close(struct client *client)
{
	if (client->job)
		job_leave(client->job, client);
	client->state = CLIENT_CLOSING;
	client->held = false;
	loop_arm(client->server->loop, &client->timer, CLOSING_DEADLINE);
}

static void handle_timer(void *context)
{
	struct client *client = context;

	if (client->state == CLIENT_ATTACHED)
		client->held = false;
	else
		client_destroy(client);
}

void client_send(struct client *client, uint8_t type, const void *payload, size_t length)
{
	client->held = false;
	if (session_put_frame(&client->out, type, 0, payload, length) < 0)
		client->overrun = true;
}

void client_send_exit(struct client *client, uint32_t status)
{
	unsigned char payload[4];

	session_put_u32(payload, status);
	client_send(client, SESSION_EXIT, payload, sizeof(payload));
	client_close(client);
}

void client_send_error(struct client *client, int error, const char *format, ...)
{
	unsigned char payload[4 + MAX_TEXT];
	va_list ap;

	session_put_u32(payload, (uint32_t)error);
	va_start(ap, format);
	vsnprintf((char *)payload + 4, MAX_TEXT, format, ap);
	va_end(ap);
	client_send(client, SESSION_ERROR, payload, 4 + strlen((char *)payload + 4));
	client_close(client);
}

void client_send_detached(struct client *client, const char *reason)
{
	client_send(client, SESSION_DETACHED, reason, strlen(reason));
	client_close(client);
}

void client_send_started(struct client *client, uint64_t id, uint32_t flags, bool held)
{
	unsigned char payload[12];

	session_put_u64(payload, id);
	session_put_u32(payload + 8, flags);
	client_send(client, SESSION_STARTED, payload, sizeof(payload));
	if (!held)
		return;
	client->held = true;
	loop_arm(client->server->loop, &client->timer, HOLD_TIME);
}

void client_return_credit(struct client *client, size_t taken)
{
	unsigned char payload[4];

	client->returned += (uint32_t)taken;
	if (client->returned < CREDIT_STEP)
		return;
	session_put_u32(payload, client->returned);
	client->credit += client->returned;
	client->returned = 0;
	client_send(client, SESSION_CREDIT_MORE, payload, sizeof(payload));
}

void client_flush(struct client *client)
{
	if (client->overrun) {
		client_destroy(client);
		return;
	}
	while (!client->blocked && !client->held && buf_length(&client->out) > 0) {
		ssize_t n = send(client->stream.fd, buf_head(&client->out),
			buf_length(&client->out), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			client_destroy(client);
			return;
		}
		if (n < 0)
			client->blocked = true;
		else
			buf_consume(&client->out, (size_t)n);
	}
	if (client->state == CLIENT_CLOSING && buf_length(&client->out) == 0) {
		client_destroy(client);
		return;
	}
	loop_watch(client->server->loop, &client->stream,
		(client->state == CLIENT_CLOSING ? 0 : EPOLLIN) | (client->blocked ? EPOLLOUT : 0));
	if (client->job)
		job_update(client->job);
}

static void take_input(struct client *client, const unsigned char *bytes, size_t length)
{
	if (length > client->credit || client->input_ended) {
		client_send_error(client, EPROTO, "input beyond the credit or after its end");
		return;
	}
	client->credit -= (uint32_t)length;
	client->input_ended = length == 0;
	buf_append(&client->input, bytes, length);
	job_input(client->job, client);
}

static void take_window(struct client *client, const unsigned char *bytes, size_t length)
{
	if (length != 4) {
		client_send_error(client, EPROTO, "malformed window size");
		return;
	}
	client->rows = session_get_u16(bytes);
	client->columns = session_get_u16(bytes + 2);
	job_window_changed(client->job, client);
}

static void take_signal(struct client *client, const unsigned char *bytes, size_t length)
{
	if (length != 4)
		client_send_error(client, EPROTO, "malformed signal");
	else
		job_signal(client->job, session_get_u32(bytes));
}

static void take_detach(struct client *client, const unsigned char *bytes, size_t length)
{
	client->job->persist = true;
	client_send_detached(client, "detached");
}

/* Frames of an attached client. */
static const struct {
	uint8_t type;
	void (*take)(struct client *client, const unsigned char *bytes, size_t length);
} attached_frames[] = {
	{ SESSION_STDIN, take_input },
	{ SESSION_WINSIZE, take_window },
	{ SESSION_SIGNAL, take_signal },
	{ SESSION_DETACH, take_detach },
};

static void take_attached(struct client *client, const struct session_header *header,
	const unsigned char *bytes)
{
	for (size_t i = 0; i < sizeof(attached_frames) / sizeof(attached_frames[0]); i++) {
		if (attached_frames[i].type == header->type) {
			attached_frames[i].take(client, bytes, header->length);
			return;
		}
	}
	client_send_error(client, EPROTO, "unexpected frame of type %u", header->type);
}

static void take_request(struct client *client, const struct session_header *header,
	const unsigned char *bytes)
{
	struct request request = { 0 };
	bool first = buf_length(&client->request) == 0;

	if (header->type < SESSION_EXEC || header->type > SESSION_INFO ||
		(!first && header->type != client->request_type) ||
		buf_append(&client->request, bytes, header->length) < 0) {
		client_send_error(client, EPROTO, "not a request");
		return;
	}
	client->request_type = header->type;
	if (header->flags & SESSION_FLAG_MORE)
		return;
	if (request_parse(&request, header->type, buf_head(&client->request),
		    buf_length(&client->request)) < 0) {
		client_send_error(client, EPROTO, "malformed request");
		return;
	}
	buf_finish(&client->request);
	loop_disarm(client->server->loop, &client->timer);
	server_answer(client->server, client, &request);
	request_finish(&request);
}

/* Takes all whole frames that were received. */
static void take_frames(struct client *client)
{
	struct session_header header;
	int r = 0;

	while (client->state != CLIENT_CLOSING &&
		(r = session_parse_frame(buf_head(&client->in), buf_length(&client->in),
			 &header)) > 0) {
		const unsigned char *bytes = buf_head(&client->in) + SESSION_HEADER;

		if (client->state == CLIENT_REQUEST)
			take_request(client, &header, bytes);
		else
			take_attached(client, &header, bytes);
		buf_consume(&client->in, SESSION_HEADER + header.length);
	}
	if (r < 0)
		client_send_error(client, EPROTO, "malformed frame");
}

static void handle_stream(void *context, uint32_t events)
{
	struct client *client = context;
	ssize_t n;

	if (events & EPOLLOUT)
		client->blocked = false;
	if (client->state == CLIENT_CLOSING) {
		if (events & (EPOLLERR | EPOLLHUP))
			client_destroy(client);
		return;
	}
	if (!(events & (EPOLLIN | EPOLLERR | EPOLLHUP)))
		return;
	n = buf_read(&client->in, client->stream.fd, SESSION_HEADER + SESSION_MAX_PAYLOAD);
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0)
		client_destroy(client);
	else
		take_frames(client);
}
