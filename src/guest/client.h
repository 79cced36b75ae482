/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client stream of the session server: frames in, queued frames out, credit for its input.
 * Owned by the server; freed when its stream has ended, or with its last frame written.
 */
#ifndef GUEST_CLIENT_H
#define GUEST_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/buf.h"
#include "guest/loop.h"
#include "session/session.h"

enum {
	CLIENT_SOLE_QUEUE = 256 * 1024, /* a sole client holds the output back from here */
	CLIENT_SLOW_QUEUE = 1 << 20,	/* one of several is detached from here */
};

struct job;
struct server;

enum client_state { CLIENT_REQUEST, CLIENT_ATTACHED, CLIENT_CLOSING };

struct client {
	struct server *server;
	struct client *next;
	struct loop_source stream;
	struct loop_timer timer; /* deadline of the state; in ATTACHED: end of `held` */
	enum client_state state;
	struct buf in;
	struct buf out;
	struct buf request;
	uint8_t request_type;
	bool held;    /* a lone STARTED waits a moment for company */
	bool blocked; /* the stream took no more */
	bool overrun; /* a frame found no room; the stream ends at the next flush */

	struct job *job; /* while ATTACHED */
	struct client *next_in_job;
	struct buf input;   /* STDIN that the program has not taken */
	uint32_t credit;    /* bytes of STDIN the client may still send */
	uint32_t returned;  /* bytes taken, not yet announced as credit */
	bool input_ended;
	uint16_t rows, columns; /* 0: has no terminal */
};

/* Takes the descriptor. */
void client_create(struct server *server, int fd);

/* Closes the stream, leaves the job, frees. */
void client_destroy(struct client *client);

/* Queues a frame. Never frees the client: one without room for the frame ends when flushed. */
void client_send(struct client *client, uint8_t type, const void *payload, size_t length);

/* Queues the last frame of the kind and lets the stream end when all is written. */
void client_close(struct client *client);
void client_send_exit(struct client *client, uint32_t status);
void client_send_error(struct client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void client_send_detached(struct client *client, const char *reason);

/* STARTED; a `held` one is written with the next frame or a moment later. */
void client_send_started(struct client *client, uint64_t id, uint32_t flags, bool held);

/* The program took bytes of the client's input; announces credit now and then. */
void client_return_credit(struct client *client, size_t taken);

/* Writes the queue as far as the stream takes it. May destroy the client. */
void client_flush(struct client *client);

#endif
