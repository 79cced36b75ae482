/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 client (RFC 9112) for one exchange over a connected Unix socket.
 *
 * The answer's body comes with Content-Length, in chunks, or up to the end of the stream, and is
 * handed on as it arrives. Head lines and the head as a whole are bounded.
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* Takes a piece of the body. Returns 0, or -errno to end the exchange with that. */
struct http_sink {
	int (*take)(void *arg, int status, const char *bytes, size_t length);
	void *arg;
};

enum http_state {
	HTTP_STATUS_LINE,
	HTTP_HEADERS,
	HTTP_BODY,
	HTTP_BODY_TO_END,
	HTTP_CHUNK_SIZE,
	HTTP_CHUNK,
	HTTP_CHUNK_END,
	HTTP_TRAILERS,
	HTTP_DONE,
};

/* The answer as a state machine: bytes go in at any split, body pieces come out. */
struct http_parser {
	enum http_state state;
	int status;
	bool chunked;
	bool has_length;
	uint64_t left; /* of the body or the chunk */
	size_t lines;
	size_t line_length;
	char line[1024];
};

void http_parser_init(struct http_parser *parser);

/* Feeds bytes. Returns 1 when the answer is complete, 0 when more is to come, -EPROTO, or what the
 * sink returned. */
int http_parser_feed(struct http_parser *parser, const char *bytes, size_t length,
	const struct http_sink *sink);

/* The stream ended. Returns 0 if the answer is complete with that, else -EPROTO. */
int http_parser_end(const struct http_parser *parser);

struct http_request {
	const char *method;
	const char *path;
	const char *body; /* JSON text or NULL */
	int timeout_ms;	  /* longest wait for the next byte; -1: for ever */
	void (*tick)(void *arg); /* called ten times a second while waiting; may be NULL */
	void *tick_arg;
};

/* Sends the request on a fresh connection and reads the answer. 0 or -errno. */
int http_exchange(int fd, const struct http_request *request, const struct http_sink *sink,
	int *ret_status, struct err *err);

#endif
