/* SPDX-License-Identifier: Apache-2.0 */
/* A small HTTP/1.1 client. */
#include "cli/http.h"

#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

enum { MOST_LINES = 64, TICK_MS = 100 };

void http_parser_init(struct http_parser *parser)
{
	*parser = (struct http_parser){ 0 };
}

/*
 * Collects a line up to its LF. Returns 1 when `line` is complete (without CR LF), 0 when the bytes
 * are used up, -EPROTO when it is too long.
 */
static int take_line(struct http_parser *parser, const char **bytes, size_t *length)
{
	while (*length > 0) {
		char c = *(*bytes)++;

		--*length;
		if (c == '\n') {
			size_t n = parser->line_length;

			if (n > 0 && parser->line[n - 1] == '\r')
				n--;
			parser->line[n] = '\0';
			parser->line_length = 0;
			return 1;
		}
		if (c == '\0' || parser->line_length == sizeof(parser->line) - 1)
			return -EPROTO;
		parser->line[parser->line_length++] = c;
	}
	return 0;
}

static int parse_status_line(struct http_parser *parser)
{
	const char *line = parser->line;

	if (!text_has_prefix(line, "HTTP/1.") || !isdigit((unsigned char)line[7]) || line[8] != ' ')
		return -EPROTO;
	for (int i = 9; i < 12; i++)
		if (!isdigit((unsigned char)line[i]))
			return -EPROTO;
	parser->status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
	parser->state = HTTP_HEADERS;
	return 0;
}

/* The empty line behind the head: decides how the body is delimited. */
static void end_head(struct http_parser *parser)
{
	if (parser->status < 200)
		http_parser_init(parser);
	else if (parser->status == 204 || parser->status == 304)
		parser->state = HTTP_DONE;
	else if (parser->chunked)
		parser->state = HTTP_CHUNK_SIZE;
	else if (!parser->has_length)
		parser->state = HTTP_BODY_TO_END;
	else
		parser->state = parser->left ? HTTP_BODY : HTTP_DONE;
}

static int parse_header(struct http_parser *parser)
{
	char *value = strchr(parser->line, ':');

	if (!*parser->line) {
		end_head(parser);
		return 0;
	}
	if (!value || ++parser->lines > MOST_LINES)
		return -EPROTO;
	*value++ = '\0';
	value += strspn(value, " \t");
	value[strcspn(value, " \t")] = '\0';
	if (strcasecmp(parser->line, "Content-Length") == 0) {
		if (parser->has_length || text_parse_u64(value, INT64_MAX, &parser->left) < 0)
			return -EPROTO;
		parser->has_length = true;
	} else if (strcasecmp(parser->line, "Transfer-Encoding") == 0) {
		if (strcasecmp(value, "chunked") != 0)
			return -EPROTO;
		parser->chunked = true;
	}
	return 0;
}

/* "1a2b" or "1a2b;extension". At most 15 digits, so that nothing overflows. */
static int parse_chunk_size(struct http_parser *parser)
{
	const char *p = parser->line;
	uint64_t size = 0;

	while (isxdigit((unsigned char)*p) && p - parser->line < 15) {
		char c = (char)tolower((unsigned char)*p++);

		size = size * 16 + (uint64_t)(isdigit((unsigned char)c) ? c - '0' : c - 'a' + 10);
	}
	if (p == parser->line || (*p && *p != ';' && *p != ' '))
		return -EPROTO;
	parser->left = size;
	parser->state = size ? HTTP_CHUNK : HTTP_TRAILERS;
	return 0;
}

static int parse_line(struct http_parser *parser)
{
	switch (parser->state) {
	case HTTP_STATUS_LINE:
		return parse_status_line(parser);
	case HTTP_HEADERS:
		return parse_header(parser);
	case HTTP_CHUNK_SIZE:
		return parse_chunk_size(parser);
	case HTTP_CHUNK_END:
		parser->state = HTTP_CHUNK_SIZE;
		return *parser->line ? -EPROTO : 0;
	default: /* trailers, which mean nothing to us */
		if (!*parser->line)
			parser->state = HTTP_DONE;
		return ++parser->lines > MOST_LINES ? -EPROTO : 0;
	}
}

static int take_body(struct http_parser *parser, const char **bytes, size_t *length,
	const struct http_sink *sink)
{
	size_t n = *length;
	int r;

	if (parser->state != HTTP_BODY_TO_END && n > parser->left)
		n = (size_t)parser->left;
	r = sink->take(sink->arg, parser->status, *bytes, n);
	*bytes += n;
	*length -= n;
	if (r < 0 || parser->state == HTTP_BODY_TO_END)
		return r;
	parser->left -= n;
	if (parser->left == 0)
		parser->state = parser->state == HTTP_CHUNK ? HTTP_CHUNK_END : HTTP_DONE;
	return 0;
}

int http_parser_feed(struct http_parser *parser, const char *bytes, size_t length,
	const struct http_sink *sink)
{
	while (length > 0 && parser->state != HTTP_DONE) {
		int r;

		if (parser->state == HTTP_BODY || parser->state == HTTP_BODY_TO_END ||
			parser->state == HTTP_CHUNK) {
			r = take_body(parser, &bytes, &length, sink);
		} else {
			r = take_line(parser, &bytes, &length);
			if (r > 0)
				r = parse_line(parser);
		}
		if (r < 0)
			return r;
	}
	return parser->state == HTTP_DONE;
}

int http_parser_end(const struct http_parser *parser)
{
	return parser->state == HTTP_DONE || parser->state == HTTP_BODY_TO_END ? 0 : -EPROTO;
}

/* Waits until the socket can be read, ticking. Returns 0, -ETIMEDOUT or -errno. */
static int wait_readable(int fd, const struct http_request *request)
{
	int waited = 0;

	for (;;) {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		int step = request->tick ? TICK_MS : request->timeout_ms;
		int n;

		n = poll(&poller, 1, step);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (request->tick)
			request->tick(request->tick_arg);
		waited += n == 0 ? step : 0;
		if (request->timeout_ms >= 0 && waited >= request->timeout_ms)
			return -ETIMEDOUT;
	}
}

static int send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

static int send_request(int fd, const struct http_request *request)
{
	const char *body = request->body ? request->body : "";
	cleanup_free char *text = xasprintf("%s %s HTTP/1.1\r\nHost: sbx\r\nConnection: close\r\n"
					    "Content-Length: %zu\r\n\r\n%s",
		request->method, request->path, strlen(body), body);

	return send_all(fd, text, strlen(text));
}

static int receive_answer(int fd, const struct http_request *request, struct http_parser *parser,
	const struct http_sink *sink)
{
	char bytes[16384];
	int r = 0;

	while (r == 0) {
		ssize_t n;

		r = wait_readable(fd, request);
		if (r < 0)
			return r;
		n = recv(fd, bytes, sizeof(bytes), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return http_parser_end(parser);
		r = http_parser_feed(parser, bytes, (size_t)n, sink);
	}
	return r < 0 ? r : 0;
}

int http_exchange(int fd, const struct http_request *request, const struct http_sink *sink,
	int *ret_status, struct err *err)
{
	struct http_parser parser;
	int r;

	http_parser_init(&parser);
	r = send_request(fd, request);
	/* A server that refuses a body early answers before it has read all of it. */
	if (r == 0 || r == -EPIPE)
		r = receive_answer(fd, request, &parser, sink);
	if (r == -ETIMEDOUT) {
		err_set(err, ETIMEDOUT, "the daemon does not answer");
		err_hint(err, "'sbx daemon stop' and try again; its log is sbxd.log");
		return r;
	}
	if (r == -EPROTO || r == -ECONNRESET || r == -EPIPE)
		return err_set(err, EPROTO, "the daemon broke off its answer");
	if (r < 0)
		return err->message ? r : err_errno(err, -r, "talk to the daemon");
	*ret_status = parser.status;
	return 0;
}
