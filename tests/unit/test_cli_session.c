/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions of the command line: frames of the guest, detach keys, the loop against a peer. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cli/detach_keys.h"
#include "cli/session_client.h"
#include "cli/session_loop.h"
#include "common/cleanup.h"
#include "common/io.h"

/* Bytes of the guest and the events they must give, as one line. */
struct frames_case {
	const char *bytes;
	size_t length;
	const char *expected;
};

#define FRAMES(bytes, expected) { bytes, sizeof(bytes) - 1, expected }
#define STARTED "\x81\0\0\0\x0c\0\0\0\x07\0\0\0\0\0\0\0\x01\0\0\0"

static const struct frames_case frames_cases[] = {
	FRAMES("", ""),
	FRAMES(STARTED, "started7/1 "),
	FRAMES(STARTED "\x90\0\0\0\3\0\0\0abc\x91\0\0\0\2\0\0\0de", "started7/1 out(abc) err(de) "),
	FRAMES("\x90\0\0\0\0\0\0\0", "out() "),
	FRAMES("\x92\0\0\0\4\0\0\0\x8f\0\0\0", "exit143 "),
	FRAMES("\x92\0\0\0\4\0\0\0\0\0\0\0\x90\0\0\0\1\0\0\0x", "exit0 "),
	FRAMES("\x93\0\0\0\6\0\0\0\2\0\0\0no", "error2(no) "),
	FRAMES("\x95\0\0\0\2\0\0\0by", "detached(by) "),
	FRAMES("\x97\0\0\0\1\0\0\0k", "text(k) "),
	FRAMES("\x94\0\0\0\x1b\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0n\0c",
		"entry1/3 "),
	FRAMES("\x96\0\0\0\4\0\0\0\1\0\0\0\x90\0\0\0\1\0\0\0x", "out(x) "),
	/* cut short: more must come */
	FRAMES("\x90\0\0\0\3\0\0\0ab", ""),
	FRAMES("\x90\0\0", ""),
	/* never a frame */
	FRAMES("\x90\0\1\0\0\0\0\0", "broken "),
	FRAMES("\x90\0\0\0\1\0\1\0", "broken "),
	FRAMES("\x90\0\0\0\xff\xff\xff\xff", "broken "),
	FRAMES("\x10\0\0\0\0\0\0\0", "broken "),
	FRAMES("\0\0\0\0\0\0\0\0", "broken "),
	FRAMES(STARTED STARTED, "started7/1 broken "),
	FRAMES("\x81\0\0\0\4\0\0\0\0\0\0\0", "broken "),
	FRAMES("\x92\0\0\0\3\0\0\0\0\0\0", "broken "),
	FRAMES("\x92\0\0\0\5\0\0\0\0\0\0\0\0", "broken "),
	FRAMES("\x93\0\0\0\0\0\0\0", "broken "),
	FRAMES("\x96\0\0\0\0\0\0\0", "broken "),
	FRAMES("\x94\0\0\0\x1a\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0nc", "broken "),
	FRAMES("\x94\0\0\0\1\0\0\0x", "broken "),
	FRAMES("HTTP/1.1 200", "broken "),
};

static void describe(char *out, const struct session_event *event)
{
	static const char *const names[] = {
		[SESSION_EVENT_STARTED] = "started", [SESSION_EVENT_OUTPUT] = "out",
		[SESSION_EVENT_ERRORS] = "err",	     [SESSION_EVENT_TEXT] = "text",
		[SESSION_EVENT_ENTRY] = "entry",     [SESSION_EVENT_EXIT] = "exit",
		[SESSION_EVENT_ERROR] = "error",     [SESSION_EVENT_DETACHED] = "detached"
	};

	out += sprintf(out, "%s", names[event->kind]);
	if (event->kind == SESSION_EVENT_STARTED || event->kind == SESSION_EVENT_ENTRY)
		out += sprintf(out, "%u/%u", (unsigned)event->id, event->value);
	if (event->kind == SESSION_EVENT_EXIT || event->kind == SESSION_EVENT_ERROR)
		out += sprintf(out, "%u", event->value);
	if (event->kind != SESSION_EVENT_STARTED && event->kind != SESSION_EVENT_ENTRY &&
		event->kind != SESSION_EVENT_EXIT)
		out += sprintf(out, "(%.*s)", (int)event->length, event->bytes);
	strcpy(out, " ");
}

/* Feeds the bytes in pieces, taking events after each. */
static void events_of(const struct frames_case *c, size_t piece, char *out)
{
	struct session_client client;
	struct session_event event;
	int r = 0;

	*out = '\0';
	session_client_init(&client);
	for (size_t at = 0; at < c->length && r >= 0; at += piece) {
		size_t n = c->length - at < piece ? c->length - at : piece;

		buf_append(&client.in, c->bytes + at, n);
		while ((r = session_client_next(&client, &event)) > 0)
			describe(out + strlen(out), &event);
	}
	if (r < 0)
		strcat(out, "broken ");
	session_client_finish(&client);
}

static void test_frames(void **state)
{
	for (size_t i = 0; i < sizeof(frames_cases) / sizeof(*frames_cases); i++) {
		for (size_t piece = 1; piece <= frames_cases[i].length + 1; piece++) {
			char text[512];

			events_of(&frames_cases[i], piece, text);
			assert_string_equal(text, frames_cases[i].expected);
		}
	}
}

static void feed(struct session_client *client, const char *bytes, size_t length)
{
	struct session_event event;

	buf_append(&client->in, bytes, length);
	while (session_client_next(client, &event) > 0)
		continue;
}

static void test_credit(void **state)
{
	static const char grant[] = "\x96\0\0\0\4\0\0\0\xff\xff\xff\xff";
	static const unsigned char input[SESSION_MAX_PAYLOAD];
	struct session_client client;

	session_client_init(&client);
	for (int i = 0; i < SESSION_CREDIT / SESSION_MAX_PAYLOAD; i++) {
		assert_int_equal(session_client_input_room(&client), SESSION_MAX_PAYLOAD);
		session_client_input(&client, input, sizeof(input));
		buf_consume(&client.out, buf_length(&client.out));
	}
	assert_int_equal(session_client_input_room(&client), 0);
	for (int i = 0; i < 1000; i++)
		feed(&client, grant, sizeof(grant) - 1);
	assert_int_equal(session_client_input_room(&client), SESSION_MAX_PAYLOAD);
	/* A stream that takes nothing stops the input long before the credit does. */
	for (int i = 0; i < 1000 && session_client_input_room(&client); i++)
		session_client_input(&client, input, sizeof(input));
	assert_true(buf_length(&client.out) < 1 << 20);
	for (int i = 0; i < 10000000 && buf_room(&client.out) > 64 << 10; i++)
		session_client_window(&client, 24, 80);
	session_client_signal(&client, 15);
	session_client_detach(&client);
	session_client_finish(&client);
}

static void test_request(void **state)
{
	static const char *const args[] = { "echo", "x" };
	static const char *const env[] = { "A=b" };
	static const char expected[] = "\1\0\0\0\x38\0\0\0"
				       "\1\0\0\0\4\0\0\0echo\1\0\0\0\1\0\0\0x"
				       "\2\0\0\0\3\0\0\0A=b"
				       "\5\0\0\0\4\0\0\0\x18\0\x50\0"
				       "\7\0\0\0\4\0\0\0\x08\0\0\0";
	struct session_request request = { .type = SESSION_EXEC, .args = args, .arg_count = 2,
		.env = env, .env_count = 1, .tty = true, .rows = 24, .columns = 80,
		.flags = SESSION_WITH_STDIN };
	struct session_client client;
	char *large = calloc(1, SESSION_MAX_REQUEST + 1);

	session_client_init(&client);
	assert_int_equal(session_client_request(&client, &request), 0);
	assert_int_equal(buf_length(&client.out), sizeof(expected) - 1);
	assert_memory_equal(buf_head(&client.out), expected, sizeof(expected) - 1);
	session_client_finish(&client);
	session_client_init(&client);
	memset(large, 'x', SESSION_MAX_REQUEST);
	request.user = large;
	assert_int_equal(session_client_request(&client, &request), -EMSGSIZE);
	assert_int_equal(buf_length(&client.out), 0);
	session_client_finish(&client);
	free(large);
}

/* What is typed, in reads separated by '|', and what goes on to the guest. */
static const struct {
	const char *keys, *typed, *passed;
	bool detaches;
} typing_cases[] = {
	{ NULL, "hello", "hello", false },
	{ NULL, "\x10\x11", "", true },
	{ NULL, "ab\x10\x11zz", "ab", true },
	{ NULL, "\x10|\x11", "", true },
	{ NULL, "\x10", "", false },
	{ NULL, "\x10|x", "\x10x", false },
	{ NULL, "\x10\x10\x11", "\x10", true },
	{ NULL, "\x10|\x10|\x11", "\x10", true },
	{ NULL, "\033", "\033", false },
	{ NULL, "\033[", "\033[", false },
	{ NULL, "\033[A", "\033[A", false },
	{ NULL, "\033[112;5u\033[113;5u", "", true },
	{ NULL, "\033[112;5u|\033[113;5u", "", true },
	{ NULL, "\033[112;5u|\033[114;5u", "\033[112;5u\033[114;5u", false },
	{ NULL, "\033[27;5;112~|\x11", "", true },
	{ NULL, "\033[112;5:1u|\033[113;5:1u", "", true },
	{ NULL, "\x10|\033[1", "\x10\033[1", false },
	{ "", "\x10\x11", "\x10\x11", false },
	{ "ctrl-a,d", "\x01" "d", "", true },
	{ "ctrl-a,d", "\x01" "\x01" "d", "\x01", true },
	{ "a,a,b", "aaab", "a", true },
	{ "ctrl-@", "x", "x", false },
	{ "ctrl-]", "\x1d", "", true },
};

static void test_detach_keys(void **state)
{
	for (size_t i = 0; i < sizeof(typing_cases) / sizeof(*typing_cases); i++) {
		cleanup_free char *copy = strdup(typing_cases[i].typed);
		struct detach_keys keys;
		bool detached = false;
		struct buf out;

		buf_init(&out, 1024);
		assert_int_equal(detach_keys_parse(&keys, typing_cases[i].keys, NULL), 0);
		for (char *read = strtok(copy, "|"); read && !detached; read = strtok(NULL, "|"))
			detached = detach_keys_feed(&keys, (unsigned char *)read, strlen(read),
				&out);
		assert_int_equal(detached, typing_cases[i].detaches);
		assert_int_equal(buf_length(&out), strlen(typing_cases[i].passed));
		if (buf_length(&out))
			assert_memory_equal(buf_head(&out), typing_cases[i].passed,
				buf_length(&out));
		buf_finish(&out);
	}
}

static void test_detach_keys_spelling(void **state)
{
	static const char *const bad[] = { "ctrl-", "ctrl-pp", "control-p", "ctrl-1", "ctrl-p;q",
					   "a,b,c,d,e,f,g,h,i", "ctrl-p,ctrl-" };
	struct detach_keys keys;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(detach_keys_parse(&keys, bad[i], NULL), -EINVAL);
	assert_int_equal(detach_keys_parse(&keys, "ctrl-P,ctrl-Q", NULL), 0);
	assert_int_equal(keys.count, 2);
	assert_int_equal(keys.keys[0], 0x10);
}

/* The session loop between pipes and a socket whose other end is played by a child process. */
struct played {
	struct session_outcome outcome;
	char output[64];
	size_t output_length;
};

static void play(void (*guest)(int fd), int input, struct played *ret)
{
	struct session_io io = { .input = input };
	struct session_client client;
	int sockets[2], output[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	assert_int_equal(pipe(output), 0);
	pid = fork();
	if (pid == 0) {
		close(sockets[0]);
		guest(sockets[1]);
		_exit(0);
	}
	close(sockets[1]);
	io_set_nonblocking(sockets[0], true);
	session_client_init(&client);
	io.output = io.errors = output[1];
	*ret = (struct played){ 0 };
	assert_int_equal(session_loop(&client, sockets[0], &io, &ret->outcome, NULL), 0);
	session_client_finish(&client);
	close(output[1]);
	close(sockets[0]);
	n = io_read_full(output[0], ret->output, sizeof(ret->output));
	ret->output_length = n > 0 ? (size_t)n : 0;
	close(output[0]);
	waitpid(pid, NULL, 0);
}

static void say(int fd, const char *bytes, size_t length)
{
	io_write_full(fd, bytes, length);
}

static void guest_exits(int fd)
{
	static const char bytes[] = STARTED "\x90\0\0\0\2\0\0\0hi\x92\0\0\0\4\0\0\0\3\0\0\0";

	say(fd, bytes, sizeof(bytes) - 1);
}

static void guest_vanishes(int fd)
{
	static const char bytes[] = STARTED "\x90\0\0\0\2\0\0\0hi\x90\0\0\0\2\0\0\0x";

	say(fd, bytes, sizeof(bytes) - 1);
}

static void guest_lies(int fd)
{
	say(fd, "\x90\0\0\0\xff\xff\xff\xff", 8);
}

/* Answers what it got on STDIN, up to the empty frame. */
static void guest_echoes(int fd)
{
	unsigned char frame[SESSION_HEADER + 64];

	for (;;) {
		uint32_t length;

		if (io_read_full(fd, frame, SESSION_HEADER) != SESSION_HEADER)
			return;
		length = session_get_u32(frame + 4);
		if (length == 0 || length > 64)
			break;
		io_read_full(fd, frame + SESSION_HEADER, length);
		frame[0] = SESSION_STDOUT;
		io_write_full(fd, frame, SESSION_HEADER + length);
	}
	say(fd, "\x92\0\0\0\4\0\0\0\0\0\0\0", 12);
}

static void test_loop(void **state)
{
	struct played played;
	int input[2];

	play(guest_exits, -1, &played);
	assert_int_equal(played.outcome.end, SESSION_END_EXIT);
	assert_int_equal(played.outcome.status, 3);
	assert_true(played.outcome.attached);
	assert_int_equal(played.output_length, 2);
	assert_memory_equal(played.output, "hi", 2);

	play(guest_vanishes, -1, &played);
	assert_int_equal(played.outcome.end, SESSION_END_BROKEN);
	assert_true(played.outcome.started);
	assert_int_equal(played.output_length, 2);

	play(guest_lies, -1, &played);
	assert_int_equal(played.outcome.end, SESSION_END_BROKEN);
	assert_false(played.outcome.started);

	assert_int_equal(pipe(input), 0);
	assert_int_equal(write(input[1], "typed", 5), 5);
	close(input[1]);
	play(guest_echoes, input[0], &played);
	close(input[0]);
	assert_int_equal(played.outcome.end, SESSION_END_EXIT);
	assert_int_equal(played.output_length, 5);
	assert_memory_equal(played.output, "typed", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),
		cmocka_unit_test(test_credit),
		cmocka_unit_test(test_request),
		cmocka_unit_test(test_detach_keys),
		cmocka_unit_test(test_detach_keys_spelling),
		cmocka_unit_test(test_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
