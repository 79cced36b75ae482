/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions with a terminal, several clients, none: mirrors, detached sessions, vanished and slow
 * clients, with real programs.
 */
#include "guest_client.h"

#include <stdio.h>
#include <sys/stat.h>

static struct guest_server server;

static int start_server(void **state)
{
	if (getuid() != 0)
		return 0;
	guest_server_start(&server);
	return 0;
}

static int stop_server(void **state)
{
	if (getuid() == 0)
		guest_server_stop(&server);
	return 0;
}

static void connect_or_skip(struct guest_client *client)
{
	if (getuid() != 0) {
		print_message("SKIP: the server sets users, which needs root\n");
		skip();
	}
	guest_connect(&server, client);
}

static void type(struct guest_client *client, const char *text)
{
	guest_send(client, SESSION_STDIN, text, strlen(text));
}

static void set_window(struct guest_client *client, uint16_t rows, uint16_t columns)
{
	unsigned char bytes[4];

	session_put_u16(bytes, rows);
	session_put_u16(bytes + 2, columns);
	guest_send(client, SESSION_WINSIZE, bytes, sizeof(bytes));
}

static void attach(struct guest_client *client, const char *name, uint16_t rows, uint16_t columns)
{
	struct buf request;

	connect_or_skip(client);
	buf_init(&request, SESSION_MAX_REQUEST);
	guest_put(&request, SESSION_TAG_NAME, name);
	guest_put_terminal(&request, rows, columns);
	guest_request(client, SESSION_ATTACH, &request);
	guest_expect(client, SESSION_STARTED);
	assert_int_equal(session_get_u32(buf_head(&client->payload) + 8), SESSION_STARTED_ATTACHED);
}

/* Ends the session of a shell that waits for a line. */
static void end(struct guest_client *client)
{
	type(client, "\n");
	assert_int_equal(guest_expect_exit(client), 0);
	guest_disconnect(client);
}

static void test_terminal(void **state)
{
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client,
		"test -t 0 && test -t 1 && test -t 2 && echo terminal; stty size; echo $TERM;"
		"trap 'stty size; exit 3' WINCH; echo ready; sleep 1000 & wait",
		0, NULL, 33, 101);
	guest_expect_output(&client, "terminal\r\n33 101\r\nxterm-256color\r\nready");
	set_window(&client, 44, 120);
	guest_expect_output(&client, "44 120\r\n");
	assert_int_equal(guest_expect_exit(&client), 3);
	guest_disconnect(&client);
}

/* The terminal's interrupt key and a SIGNAL frame both reach the foreground group. */
static void test_interrupt(void **state)
{
	struct guest_client client;
	unsigned char number[4];

	connect_or_skip(&client);
	guest_shell(&client, "echo ready; exec sleep 1000", 0, NULL, 24, 80);
	guest_expect_output(&client, "ready");
	type(&client, "\003");
	assert_int_equal(guest_expect_exit(&client), 128 + SIGINT);
	guest_disconnect(&client);

	connect_or_skip(&client);
	guest_shell(&client, "echo ready; exec sleep 1000", 0, NULL, 24, 80);
	guest_expect_output(&client, "ready");
	session_put_u32(number, SIGQUIT);
	guest_send(&client, SESSION_SIGNAL, number, sizeof(number));
	assert_int_equal(guest_expect_exit(&client) & ~128U, SIGQUIT);
	guest_disconnect(&client);
}

static void test_all_output_before_exit(void **state)
{
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "sleep 1000 & i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1));"
			     "done", 0, NULL, 24, 80);
	assert_int_equal(guest_expect_exit(&client), 0);
	assert_true(guest_has_output(&client, "line 4999\r\n"));
	guest_disconnect(&client);
}

static void test_detach_and_come_back(void **state)
{
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "echo on the screen; read line; echo got $line; read line", 0,
		"back", 24, 80);
	guest_expect_output(&client, "on the screen");
	guest_send(&client, SESSION_DETACH, NULL, 0);
	guest_expect(&client, SESSION_DETACHED);
	assert_false(guest_next(&client));
	guest_disconnect(&client);

	attach(&client, "back", 24, 80);
	guest_expect_output(&client, "on the screen");
	type(&client, "word\n");
	guest_expect_output(&client, "got word");
	end(&client);
}

static void test_mirrors(void **state)
{
	struct guest_client first, second;

	connect_or_skip(&first);
	guest_shell(&first, "echo begin; while read line; do [ -z \"$line\" ] && exit;"
			    "stty size; done",
		SESSION_PERSIST | SESSION_OR_ATTACH, "mirror", 20, 70);
	guest_expect_output(&first, "begin");

	/* The same request again joins instead. */
	connect_or_skip(&second);
	guest_shell(&second, "echo never", SESSION_PERSIST | SESSION_OR_ATTACH, "mirror", 50, 90);
	guest_expect(&second, SESSION_STARTED);
	assert_int_equal(session_get_u32(buf_head(&second.payload) + 8), SESSION_STARTED_ATTACHED);
	guest_expect_output(&second, "begin");

	/* The window of the one who typed last holds; both see the same. */
	type(&first, "x\n");
	guest_expect_output(&first, "20 70\r\n");
	guest_expect_output(&second, "20 70\r\n");
	type(&second, "x\n");
	guest_expect_output(&first, "50 90\r\n");
	guest_expect_output(&second, "50 90\r\n");
	set_window(&first, 10, 10);
	set_window(&second, 51, 91);
	type(&second, "x\n");
	guest_expect_output(&first, "51 91\r\n");

	/* One vanishes; the other goes on. Without a client it lives, for it is persistent. */
	guest_disconnect(&second);
	type(&first, "y\n");
	guest_expect_output(&first, "20 70\r\n");
	guest_disconnect(&first);
	attach(&first, "mirror", 20, 70);
	end(&first);
}

static void test_name_is_taken(void **state)
{
	struct guest_client first, second;

	connect_or_skip(&first);
	guest_shell(&first, "echo ready; read line", SESSION_WITH_STDIN, "taken", 0, 0);
	guest_expect_output(&first, "ready");
	connect_or_skip(&second);
	guest_shell(&second, "true", 0, "taken", 0, 0);
	guest_expect(&second, SESSION_ERROR);
	assert_int_equal(session_get_u32(buf_head(&second.payload)), EEXIST);
	guest_disconnect(&second);
	end(&first);
}

static void test_detached_start(void **state)
{
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "echo output nobody reads; read line; echo $line; read line",
		SESSION_DETACHED_START, "detached", 24, 80);
	guest_expect(&client, SESSION_STARTED);
	assert_false(guest_next(&client));
	guest_disconnect(&client);
	attach(&client, "detached", 24, 80);
	guest_expect_output(&client, "output nobody reads");
	type(&client, "hello\n");
	guest_expect_output(&client, "hello\r\nhello");
	end(&client);
}

/* The write end of a fifo that the program holds open tells when it is gone. */
static void expect_hang_up(uint16_t rows)
{
	char path[] = "/tmp/sbx-test-fifo-XXXXXX", script[128], byte;
	struct guest_client client;
	struct pollfd pollfd = { .events = POLLIN };

	assert_int_equal(close(mkstemp(path)), 0);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	pollfd.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	snprintf(script, sizeof(script), "exec 9>%s; echo ready; exec sleep 1000", path);
	connect_or_skip(&client);
	guest_shell(&client, script, 0, NULL, rows, 80);
	guest_expect_output(&client, "ready");
	guest_disconnect(&client);
	assert_int_equal(poll(&pollfd, 1, DEADLINE_MS), 1);
	assert_int_equal(read(pollfd.fd, &byte, 1), 0);
	close(pollfd.fd);
	unlink(path);
}

static void test_vanished_client_hangs_up(void **state)
{
	if (getuid() != 0)
		skip();
	expect_hang_up(0);
	expect_hang_up(24);
}

/* A sole client that does not read stops the program; nothing is lost. */
static void test_sole_slow_client_loses_nothing(void **state)
{
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "head -c 6000000 /dev/zero; echo done >&2; cat /proc/uptime", 0, NULL,
		0, 0);
	assert_int_equal(guest_expect_exit(&client), 0);
	assert_true(buf_length(&client.output) > 6000000);
	assert_memory_equal(buf_head(&client.errors), "done\n", 5);
	guest_disconnect(&client);
}

/* One of two that does not read is sent away; the other gets everything. */
static void test_slow_mirror_is_detached(void **state)
{
	struct guest_client reader, sleeper;

	connect_or_skip(&reader);
	guest_shell(&reader, "echo ready; read line; head -c 4000000 /dev/zero; read line",
		SESSION_WITH_STDIN, "slow", 0, 0);
	guest_expect_output(&reader, "ready");
	attach(&sleeper, "slow", 24, 80);
	type(&reader, "go\n");
	while (buf_length(&reader.output) < 4000000)
		assert_true(guest_step(&reader));
	guest_expect(&sleeper, SESSION_DETACHED);
	guest_disconnect(&sleeper);
	end(&reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_interrupt),
		cmocka_unit_test(test_all_output_before_exit),
		cmocka_unit_test(test_detach_and_come_back),
		cmocka_unit_test(test_mirrors),
		cmocka_unit_test(test_name_is_taken),
		cmocka_unit_test(test_detached_start),
		cmocka_unit_test(test_vanished_client_hangs_up),
		cmocka_unit_test(test_sole_slow_client_loses_nothing),
		cmocka_unit_test(test_slow_mirror_is_detached),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
