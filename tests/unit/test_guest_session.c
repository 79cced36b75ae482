/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's session server with real programs: everything docs/protocol/session.md promises. */
#include "guest_client.h"

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

/* Programs without a terminal: what they say and how they end. */
static const struct {
	const char *script;
	const char *output, *errors;
	uint32_t status;
} programs[] = {
	{ "true", "", "", 0 },
	{ "exit 7", "", "", 7 },
	{ "echo out; echo err >&2", "out\n", "err\n", 0 },
	{ "kill -9 $$", "", "", 137 },
	{ "cat", "", "", 0 }, /* no STDIN flag: reads /dev/null */
	{ "pwd", "/usr\n", "", 0 },
	{ "echo $HOME:$USER:$LOGNAME:$SANDBOX_NAME:$LANG", "/root:root:root:box:C.UTF-8\n", "", 0 },
	{ "echo $CONF", "from config\n", "", 0 },
	{ "ls /proc/self/fd | wc -l", "4\n", "", 0 }, /* 0, 1, 2 and ls's own */
	/* 32 and 33 are glibc's own: nobody can set them back if who runs the tests ignores them. */
	{ "for set in SigBlk SigIgn; do"
	  " echo $((0x$(sed -n \"s/^$set:.//p\" /proc/self/status) & ~0x180000000)); done",
		"0\n0\n", "", 0 },
	{ "sleep 1000 & echo left", "left\n", "", 0 }, /* nobody waits for what stays behind */
	{ "set -- $(cat /proc/self/stat); test $6 -eq $$ && echo leader", "leader\n", "", 0 },
	{ "id -u; id -g", "0\n0\n", "", 0 },
};

static void test_programs(void **state)
{
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct guest_client client;

		connect_or_skip(&client);
		guest_shell(&client, programs[i].script, 0, NULL, 0, 0);
		assert_int_equal(guest_expect_exit(&client), programs[i].status);
		buf_append(&client.output, "", 1);
		buf_append(&client.errors, "", 1);
		assert_string_equal((char *)buf_head(&client.output), programs[i].output);
		assert_string_equal((char *)buf_head(&client.errors), programs[i].errors);
		assert_false(guest_next(&client));
		guest_disconnect(&client);
	}
}

/* Programs that do not start: the shell's status, or an error. */
static const struct {
	const char *program, *user, *directory;
	uint32_t status; /* 0: ERROR */
} failures[] = {
	{ "no-such-program", "0", NULL, 127 },
	{ "/no/such/program", "0", NULL, 127 },
	{ "/etc/passwd", "0", NULL, 126 },
	{ "/etc", "0", NULL, 126 },
	{ "true", "0", "/no/such/directory", 126 },
	{ "true", "nobody-of-that-name", NULL, 0 },
	{ "true", "", NULL, 0 },
};

static void test_failures(void **state)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		struct guest_client client;
		struct buf request;

		connect_or_skip(&client);
		buf_init(&request, SESSION_MAX_REQUEST);
		guest_put(&request, SESSION_TAG_ARG, failures[i].program);
		guest_put(&request, SESSION_TAG_USER, failures[i].user);
		if (failures[i].directory)
			guest_put(&request, SESSION_TAG_CWD, failures[i].directory);
		guest_request(&client, SESSION_EXEC, &request);
		if (failures[i].status) {
			assert_int_equal(guest_expect_exit(&client), failures[i].status);
			assert_true(buf_length(&client.errors) > 0);
		} else {
			guest_expect(&client, SESSION_ERROR);
		}
		guest_disconnect(&client);
	}
}

static void test_environment_and_default_command(void **state)
{
	struct guest_client client;
	struct buf request;

	connect_or_skip(&client);
	buf_init(&request, SESSION_MAX_REQUEST);
	guest_put(&request, SESSION_TAG_ARG, "and mine");
	guest_put(&request, SESSION_TAG_USER, "0");
	guest_put_flags(&request, SESSION_DEFAULT_COMMAND);
	guest_request(&client, SESSION_EXEC, &request);
	assert_int_equal(guest_expect_exit(&client), 0);
	guest_expect_output(&client, "default and mine\n");
	guest_disconnect(&client);

	connect_or_skip(&client);
	buf_init(&request, SESSION_MAX_REQUEST);
	guest_put(&request, SESSION_TAG_ARG, "env");
	guest_put(&request, SESSION_TAG_USER, "0");
	guest_put(&request, SESSION_TAG_ENV, "CONF=mine");
	guest_put(&request, SESSION_TAG_ENV, "EMPTY=");
	guest_request(&client, SESSION_EXEC, &request);
	assert_int_equal(guest_expect_exit(&client), 0);
	assert_true(guest_has_output(&client, "CONF=mine\n"));
	assert_true(guest_has_output(&client, "EMPTY=\n"));
	assert_false(guest_has_output(&client, "CONF=from config\n"));
	guest_disconnect(&client);
}

/* Sends within the credit, byte for byte, while the program writes the same amount back. */
static void test_input_and_output_of_megabytes(void **state)
{
	enum { TOTAL = 5 << 20, CHUNK = 32768 };
	static unsigned char chunk[CHUNK];
	struct guest_client client;
	size_t sent = 0;
	bool ended = false;

	connect_or_skip(&client);
	for (size_t i = 0; i < CHUNK; i++)
		chunk[i] = (unsigned char)(i * 7 + i / 256);
	guest_shell(&client, "cat", SESSION_WITH_STDIN, NULL, 0, 0);
	while (buf_length(&client.output) < TOTAL) {
		while (sent < TOTAL && client.credit >= CHUNK) {
			guest_send(&client, SESSION_STDIN, chunk, CHUNK);
			client.credit -= CHUNK;
			sent += CHUNK;
		}
		if (sent == TOTAL && !ended) {
			guest_send(&client, SESSION_STDIN, NULL, 0);
			ended = true;
		}
		assert_true(guest_step(&client));
	}
	assert_int_equal(guest_expect_exit(&client), 0);
	assert_int_equal(buf_length(&client.output), TOTAL);
	for (size_t i = 0; i < TOTAL; i += CHUNK)
		assert_memory_equal(buf_head(&client.output) + i, chunk, CHUNK);
	guest_disconnect(&client);
}

/* A program that does not read stops the input at the credit, and takes signals all the same. */
static void test_signal_passes_stuck_input(void **state)
{
	static unsigned char bytes[SESSION_MAX_PAYLOAD];
	unsigned char term[4];
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "echo ready; exec sleep 1000", SESSION_WITH_STDIN, NULL, 0, 0);
	guest_expect_output(&client, "ready");
	for (size_t sent = 0; sent < SESSION_CREDIT; sent += sizeof(bytes))
		guest_send(&client, SESSION_STDIN, bytes, sizeof(bytes));
	session_put_u32(term, SIGTERM);
	guest_send(&client, SESSION_SIGNAL, term, sizeof(term));
	assert_int_equal(guest_expect_exit(&client), 128 + SIGTERM);
	guest_disconnect(&client);
}

static void test_input_beyond_credit_ends_the_stream(void **state)
{
	static unsigned char bytes[SESSION_MAX_PAYLOAD];
	struct guest_client client;

	connect_or_skip(&client);
	guest_shell(&client, "exec sleep 1000", SESSION_WITH_STDIN, NULL, 0, 0);
	for (size_t sent = 0; sent <= 2 * SESSION_CREDIT; sent += sizeof(bytes))
		guest_send(&client, SESSION_STDIN, bytes, sizeof(bytes));
	guest_expect(&client, SESSION_ERROR);
	guest_disconnect(&client);
}

/* What must not disturb a server: each ends the stream with ERROR. */
static const struct {
	const char *bytes;
	size_t length;
} malformed[] = {
	{ "\x10\0\0\0\0\0\0\0", 8 },			  /* STDIN before a request */
	{ "\x81\0\0\0\0\0\0\0", 8 },			  /* a guest's frame */
	{ "\x01\0\0\0\xff\xff\xff\xff", 8 },		  /* too long */
	{ "\x01\0\1\0\0\0\0\0", 8 },			  /* reserved field */
	{ "\x01\0\0\0\0\0\0\0", 8 },			  /* no command */
	{ "\x01\0\0\0\4\0\0\0\1\0\0\0", 12 },		  /* half a field */
	{ "\x01\0\0\0\x9\0\0\0\1\0\0\0\1\0\0\0\0", 17 },  /* NUL in an argument */
	{ "\x01\0\0\0\x9\0\0\0\xf\0\0\0\1\0\0\0a", 17 },  /* unknown tag */
	{ "\x01\0\0\0\x9\0\0\0\5\0\0\0\1\0\0\0a", 17 },	  /* terminal of one byte */
	{ "\x01\1\0\0\0\0\0\0\x02\0\0\0\0\0\0\0", 16 },	  /* EXEC goes on as ATTACH */
	{ "\x02\0\0\0\0\0\0\0", 8 },			  /* ATTACH to nothing */
};

static void test_malformed(void **state)
{
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		struct guest_client client;

		connect_or_skip(&client);
		io_write_full(client.fd, malformed[i].bytes, malformed[i].length);
		guest_expect(&client, SESSION_ERROR);
		assert_false(guest_next(&client));
		guest_disconnect(&client);
	}
}

static void test_list_and_info(void **state)
{
	struct guest_client client, lister;
	struct buf request;

	connect_or_skip(&client);
	guest_shell(&client, "echo ready; exec sleep 1000", 0, "sleeper", 0, 0);
	guest_expect_output(&client, "ready");
	connect_or_skip(&lister);
	buf_init(&request, SESSION_MAX_REQUEST);
	guest_request(&lister, SESSION_LIST, &request);
	do
		guest_expect(&lister, SESSION_ENTRY);
	while (strcmp((char *)buf_head(&lister.payload) + 24, "sleeper") != 0);
	assert_int_equal(session_get_u32(buf_head(&lister.payload) + 12), 1);
	assert_int_equal(guest_expect_exit(&lister), 0);
	guest_disconnect(&lister);
	guest_disconnect(&client);

	connect_or_skip(&lister);
	buf_init(&request, SESSION_MAX_REQUEST);
	guest_request(&lister, SESSION_INFO, &request);
	guest_expect(&lister, SESSION_TEXT);
	assert_memory_equal(buf_head(&lister.payload), "kernel ", 7);
	assert_int_equal(guest_expect_exit(&lister), 0);
	guest_disconnect(&lister);
}

static uint32_t noise(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* Frames of every kind and content to running programs: the stream may end, the server may not. */
static void test_noise(void **state)
{
	static const uint8_t types[] = { SESSION_STDIN, SESSION_WINSIZE, SESSION_SIGNAL,
		SESSION_DETACH, SESSION_ATTACH, SESSION_STDOUT };
	static const char *const programs_run[] = { "cat", "exec sleep 1000", "yes", "stty size" };
	uint32_t seed = 20260101;

	for (int round = 0; round < 300; round++) {
		struct guest_client client;
		unsigned char payload[8];

		connect_or_skip(&client);
		guest_shell(&client, programs_run[round % 4], SESSION_WITH_STDIN, NULL,
			round % 3 ? 0 : 24, 80);
		for (int i = 0; i < 20; i++) {
			uint32_t kind = noise(&seed) % 100;
			size_t length = noise(&seed) % 3 ? 4 : noise(&seed) % sizeof(payload);

			for (size_t n = 0; n < sizeof(payload); n++)
				payload[n] = (unsigned char)(noise(&seed) % 7 ? 0 : noise(&seed));
			guest_send(&client, kind < 90 ? types[kind % 3] : types[kind % 6], payload,
				length);
		}
		/* Some wait for an answer first, others vanish at once. */
		if (round % 2)
			guest_step(&client);
		guest_disconnect(&client);
	}
	test_programs(state);
}

static void test_crowd(void **state)
{
	enum { CROWD = SERVER_MAX_JOBS + 10 };
	struct guest_client clients[CROWD];
	unsigned refused = 0;

	for (size_t i = 0; i < CROWD; i++) {
		connect_or_skip(&clients[i]);
		guest_shell(&clients[i], "echo here; exec sleep 1000", 0, NULL, 0, 0);
	}
	for (size_t i = 0; i < CROWD; i++) {
		while (clients[i].type != SESSION_ERROR && !guest_has_output(&clients[i], "here"))
			assert_true(guest_step(&clients[i]));
		refused += clients[i].type == SESSION_ERROR;
	}
	assert_int_equal(refused, CROWD - SERVER_MAX_JOBS);
	for (size_t i = 0; i < CROWD; i++)
		guest_disconnect(&clients[i]);
	/* The places are free again: the programs were hung up. */
	test_programs(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_environment_and_default_command),
		cmocka_unit_test(test_input_and_output_of_megabytes),
		cmocka_unit_test(test_signal_passes_stuck_input),
		cmocka_unit_test(test_input_beyond_credit_ends_the_stream),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_list_and_info),
		cmocka_unit_test(test_crowd),
		/* Last: noise may detach, and so leave sessions behind. */
		cmocka_unit_test(test_noise),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
