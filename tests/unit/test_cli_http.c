/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client's parser, at every split of the bytes. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "cli/http.h"

struct answer_case {
	const char *text;
	int result; /* of feed: 1 complete, 0 wants more, -EPROTO */
	int end;    /* of the end of the stream after that */
	int status;
	const char *body;
};

#define OK_LINE "HTTP/1.1 200 OK\r\n"

static const struct answer_case cases[] = {
	{ OK_LINE "Content-Length: 5\r\n\r\nhello", 1, 0, 200, "hello" },
	{ OK_LINE "content-LENGTH:5 \r\n\r\nhello", 1, 0, 200, "hello" },
	{ "HTTP/1.0 404 Not Found\nContent-Length: 2\n\n{}", 1, 0, 404, "{}" },
	{ OK_LINE "Content-Length: 0\r\n\r\n", 1, 0, 200, "" },
	{ "HTTP/1.1 204 \r\n\r\n", 1, 0, 204, "" },
	{ OK_LINE "\r\nto the end", 0, 0, 200, "to the end" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n", 1,
		0, 200, "hello world" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", 1,
		0, 200, "0123456789" },
	{ "HTTP/1.1 100 Continue\r\n\r\n" OK_LINE "Content-Length: 1\r\n\r\nx", 1, 0, 200, "x" },
	{ OK_LINE "Content-Length: 5\r\n\r\nhel", 0, -EPROTO, 200, "hel" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 0, -EPROTO, 200, "hello" },
	{ OK_LINE "Content-Length: 5\r\n", 0, -EPROTO, 200, "" },
	{ "", 0, -EPROTO, 0, "" },
	{ "HTTP/2 200\r\n\r\n", -EPROTO, 0, 0, "" },
	{ "HTTP/1.1 20x OK\r\n\r\n", -EPROTO, 0, 0, "" },
	{ "SSH-2.0-x\r\n", -EPROTO, 0, 0, "" },
	{ OK_LINE "no colon\r\n\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Content-Length: -1\r\n\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Content-Length: 99999999999999999999\r\n\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Transfer-Encoding: gzip\r\n\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n1234567890123456\r\n", -EPROTO, 0, 200, "" },
	{ OK_LINE "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", -EPROTO, 0, 200, "ab" },
};

struct body {
	char text[256];
	size_t length;
};

static int take(void *arg, int status, const char *bytes, size_t length)
{
	struct body *body = arg;

	assert_true(body->length + length < sizeof(body->text));
	memcpy(body->text + body->length, bytes, length);
	body->length += length;
	return 0;
}

static void run(const struct answer_case *c, size_t split)
{
	struct body body = { .length = 0 };
	struct http_sink sink = { take, &body };
	struct http_parser parser;
	size_t length = strlen(c->text);
	int r;

	http_parser_init(&parser);
	r = http_parser_feed(&parser, c->text, split, &sink);
	if (r == 0)
		r = http_parser_feed(&parser, c->text + split, length - split, &sink);
	assert_int_equal(r, c->result);
	body.text[body.length] = '\0';
	assert_string_equal(body.text, c->body);
	if (r >= 0) {
		assert_int_equal(http_parser_end(&parser), c->end);
		assert_int_equal(parser.status, c->status);
	}
}

static void test_every_split(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (size_t split = 0; split <= strlen(cases[i].text); split++)
			run(&cases[i], split);
}

static void test_byte_by_byte(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct body body = { .length = 0 };
		struct http_sink sink = { take, &body };
		struct http_parser parser;
		int r = 0;

		http_parser_init(&parser);
		for (const char *p = cases[i].text; *p && r == 0; p++)
			r = http_parser_feed(&parser, p, 1, &sink);
		assert_int_equal(r, cases[i].result);
	}
}

/* A server that never ends its head must not make us collect it. */
static void test_bounds(void **state)
{
	struct body body = { .length = 0 };
	struct http_sink sink = { take, &body };
	struct http_parser parser;
	int r = 0, fed = 0;

	http_parser_init(&parser);
	for (; r == 0 && fed < 100000; fed++)
		r = http_parser_feed(&parser, "x", 1, &sink);
	assert_int_equal(r, -EPROTO);
	assert_true(fed <= 2000);
	http_parser_init(&parser);
	r = http_parser_feed(&parser, OK_LINE, strlen(OK_LINE), &sink);
	for (fed = 0; r == 0 && fed < 100000; fed++)
		r = http_parser_feed(&parser, "A: b\r\n", 6, &sink);
	assert_int_equal(r, -EPROTO);
	assert_true(fed <= 200);
}

static int refuse(void *arg, int status, const char *bytes, size_t length)
{
	return -ENOBUFS;
}

static void test_sink_ends_it(void **state)
{
	struct http_sink sink = { refuse, NULL };
	struct http_parser parser;

	http_parser_init(&parser);
	assert_int_equal(http_parser_feed(&parser, cases[0].text, strlen(cases[0].text), &sink),
		-ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_sink_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
