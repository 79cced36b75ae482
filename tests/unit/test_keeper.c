/* SPDX-License-Identifier: Apache-2.0 */
/* keeper: the bounded logs, the idle timer's logic, the guest's records and numbers. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "keeper/console.h"
#include "keeper/guest.h"
#include "keeper/idle.h"
#include "keeper/logfile.h"
#include "keeper/record.h"

struct directory {
	char path[64];
	int fd;
};

static int make_directory(void **state)
{
	static struct directory directory;

	strcpy(directory.path, "/tmp/test-keeper-XXXXXX");
	if (!mkdtemp(directory.path))
		return -1;
	directory.fd = open(directory.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = &directory;
	return directory.fd < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
	struct directory *directory = *state;

	close(directory->fd);
	return io_remove_tree(AT_FDCWD, directory->path);
}

static off_t size_of(int dir_fd, const char *name)
{
	struct stat st;

	return fstatat(dir_fd, name, &st, 0) == 0 ? st.st_size : -1;
}

static void test_log_rotates(void **state)
{
	struct directory *directory = *state;
	static char block[64 * 1024];
	struct logfile file;

	assert_int_equal(logfile_open(&file, directory->fd, "log", -1), 0);
	for (int i = 0; i < 100; i++)
		logfile_append(&file, block, sizeof(block));
	assert_in_range(size_of(directory->fd, "log"), 1, LOGFILE_MAX);
	assert_int_equal(size_of(directory->fd, "log.1"), LOGFILE_MAX);
	assert_int_equal(size_of(directory->fd, "log.2"), -1);
	logfile_close(&file);
}

static void test_log_goes_on(void **state)
{
	struct directory *directory = *state;
	struct logfile file;

	assert_int_equal(logfile_open(&file, directory->fd, "log", -1), 0);
	logfile_rotate(&file);
	assert_int_equal(size_of(directory->fd, "log.1"), -1);
	logfile_append(&file, "one", 3);
	logfile_close(&file);
	assert_int_equal(logfile_open(&file, directory->fd, "log", -1), 0);
	logfile_append(&file, "two", 3);
	assert_int_equal(size_of(directory->fd, "log"), 6);
	logfile_rotate(&file);
	assert_int_equal(size_of(directory->fd, "log"), 0);
	assert_int_equal(size_of(directory->fd, "log.1"), 6);
	logfile_close(&file);
}

/* The descriptor's number outlives a rotation made because others wrote to it. */
static void test_log_keeps_its_number(void **state)
{
	struct directory *directory = *state;
	int number = fcntl(directory->fd, F_DUPFD_CLOEXEC, 20);
	struct logfile file;

	assert_int_equal(logfile_open(&file, directory->fd, "log", number), 0);
	assert_int_equal(file.fd, number);
	assert_int_equal(ftruncate(number, LOGFILE_MAX), 0);
	logfile_check(&file);
	assert_int_equal(write(number, "new", 3), 3);
	assert_int_equal(size_of(directory->fd, "log"), 3);
	logfile_close(&file);
}

struct flood {
	struct loop loop;
	struct timer end;
};

static void flood_over(struct timer *timer)
{
	container_of(timer, struct flood, end)->loop.stop = true;
}

/* A writer that never stops gets its share of a second and no more, and is not cut off. */
static void test_console_throttles(void **state)
{
	struct directory *directory = *state;
	static char block[16 * 1024];
	struct console console;
	struct logfile file;
	struct flood flood = { 0 };
	size_t written = 0;
	int fd;

	assert_int_equal(loop_init(&flood.loop), 0);
	assert_int_equal(timer_init(&flood.end, &flood.loop, flood_over), 0);
	assert_int_equal(logfile_open(&file, directory->fd, "log", -1), 0);
	assert_int_equal(console_init(&console, &flood.loop, &file), 0);
	assert_int_equal(console_open(&console, &fd), 0);
	assert_int_equal(io_set_nonblocking(fd, true), 0);
	for (int round = 0; round < 100; round++) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n > 0)
			written += (size_t)n;
		flood.loop.stop = false;
		timer_set(&flood.end, 2);
		loop_run(&flood.loop);
	}
	assert_true(written >= CONSOLE_PER_SECOND);
	assert_in_range(size_of(directory->fd, "log"), CONSOLE_PER_SECOND,
		CONSOLE_PER_SECOND + (int)sizeof(block));
	close(fd);
	console_close(&console);
	assert_int_equal(size_of(directory->fd, "log"), written);
	logfile_close(&file);
	loop_finish(&flood.loop);
}

static const struct {
	const char *what;
	bool running;
	uint32_t streams, detached;
	uint64_t timeout_s;
	enum idle_action action;
} idle_steps[] = {
	{ "starting", false, 0, 0, 30, IDLE_NOTHING },
	{ "running and idle", true, 0, 0, 30, IDLE_ARM },
	{ "still idle: not postponed", true, 0, 0, 30, IDLE_NOTHING },
	{ "a client", true, 1, 0, 30, IDLE_DISARM },
	{ "two", true, 2, 0, 30, IDLE_NOTHING },
	{ "they left a session", true, 0, 1, 30, IDLE_NOTHING },
	{ "it ended", true, 0, 0, 30, IDLE_ARM },
	{ "stopping", false, 0, 0, 30, IDLE_DISARM },
	{ "never", true, 0, 0, 0, IDLE_NOTHING },
};

static void test_idle(void **state)
{
	struct idle idle = { 0 };

	for (size_t i = 0; i < sizeof(idle_steps) / sizeof(*idle_steps); i++) {
		enum idle_action action;

		idle.running = idle_steps[i].running;
		idle.streams = idle_steps[i].streams;
		idle.detached = idle_steps[i].detached;
		idle.timeout_s = idle_steps[i].timeout_s;
		action = idle_update(&idle);
		if (action != idle_steps[i].action)
			fail_msg("%s: %d", idle_steps[i].what, action);
	}
}

static void test_idle_keep(void **state)
{
	struct idle idle = { .running = true, .timeout_s = 30 };

	assert_int_equal(idle_update(&idle), IDLE_ARM);
	assert_int_equal(idle_set_timeout(&idle, 60), IDLE_ARM);
	assert_int_equal(idle_set_timeout(&idle, 0), IDLE_DISARM);
	assert_int_equal(idle_set_timeout(&idle, 0), IDLE_NOTHING);
	assert_int_equal(idle_set_timeout(&idle, 5), IDLE_ARM);
}

struct seen {
	struct record last;
	unsigned count;
};

static void see(void *arg, const struct record *record)
{
	struct seen *seen = arg;

	seen->last = *record;
	seen->count++;
}

static void test_records_in_pieces(void **state)
{
	const struct record in = { RECORD_READY, 0x01020304, 0x1122334455667788 };
	struct record_reader reader = { 0 };
	unsigned char bytes[RECORD_SIZE];
	struct seen seen = { 0 };

	record_encode(&in, bytes);
	assert_memory_equal(bytes, "\1\0\0\0\4\3\2\1\x88\x77\x66\x55\x44\x33\x22\x11", 16);
	for (size_t piece = 1; piece <= RECORD_SIZE; piece++) {
		seen = (struct seen){ 0 };
		for (size_t at = 0; at < RECORD_SIZE; at += piece) {
			size_t n = RECORD_SIZE - at < piece ? RECORD_SIZE - at : piece;

			assert_int_equal(record_feed(&reader, bytes + at, n, 0, see, &seen), 0);
		}
		assert_int_equal(seen.count, 1);
		assert_int_equal(seen.last.type, in.type);
		assert_int_equal(seen.last.argument, in.argument);
		assert_true(seen.last.value == in.value);
	}
}

static void test_record_flood(void **state)
{
	static const unsigned char bytes[RECORD_SIZE * 2 * RECORD_PER_SECOND];
	struct record_reader reader = { 0 };
	struct seen seen = { 0 };

	assert_int_equal(record_feed(&reader, bytes, sizeof(bytes) / 2, 1, see, &seen), 0);
	assert_int_equal(record_feed(&reader, bytes, sizeof(bytes) / 2, 1100000000, see, &seen), 0);
	assert_int_equal(seen.count, 2 * RECORD_PER_SECOND);
	assert_int_equal(record_feed(&reader, bytes, RECORD_SIZE, 1200000000, see, &seen), -EDQUOT);
	assert_int_equal(seen.count, 2 * RECORD_PER_SECOND);
}

struct world {
	struct loop loop;
	struct guest guest;
	int vsock; /* sbx-vsock's end of the link */
	unsigned readies, changes;
};

static void count_ready(struct guest *guest)
{
	container_of(guest, struct world, guest)->readies++;
}

static void count_change(struct guest *guest)
{
	container_of(guest, struct world, guest)->changes++;
}

static int make_world(void **state)
{
	static struct world world;
	int pair[2];

	world = (struct world){ 0 };
	if (loop_init(&world.loop) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	guest_init(&world.guest, &world.loop, count_ready, count_change);
	world.vsock = pair[1];
	*state = &world;
	return guest_attach(&world.guest, pair[0]);
}

static int end_world(void **state)
{
	struct world *world = *state;

	guest_detach(&world->guest);
	close(world->vsock);
	loop_finish(&world->loop);
	return 0;
}

/* As sbx-vsock, with the descriptor as the control stream, or -1. */
static void say_to_keeper(struct world *world, uint32_t type, uint32_t value, int fd)
{
	const uint32_t message[] = { type, value };

	assert_int_equal(io_send_fds(world->vsock, message, sizeof(message), &fd, fd >= 0), 0);
	world->guest.vsock.ready(&world->guest.vsock, EPOLLIN);
}

static void say_to_stream(struct world *world, int fd, uint32_t type, uint32_t argument)
{
	const struct record record = { type, argument, 0 };
	unsigned char bytes[RECORD_SIZE];

	record_encode(&record, bytes);
	assert_int_equal(io_write_full(fd, bytes, sizeof(bytes)), 0);
	world->guest.stream.ready(&world->guest.stream, EPOLLIN);
}

static void test_guest_numbers(void **state)
{
	struct world *world = *state;
	int pair[2];

	say_to_keeper(world, 1, 3, -1);
	assert_int_equal(world->guest.streams, 3);
	say_to_keeper(world, 1, GUEST_STREAMS_MAX + 1, -1);
	assert_int_equal(world->guest.streams, 3);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	say_to_keeper(world, 2, 0, pair[1]);
	close(pair[1]);
	say_to_stream(world, pair[0], RECORD_READY, 0);
	assert_int_equal(world->readies, 1);
	say_to_stream(world, pair[0], RECORD_SESSIONS, 2);
	assert_int_equal(world->guest.detached, 2);
	say_to_stream(world, pair[0], RECORD_SESSIONS, UINT32_MAX);
	assert_int_equal(world->guest.detached, GUEST_DETACHED_MAX);
	assert_int_equal(world->changes, 3);
	close(pair[0]);
}

/*
 * A sbx-vsock that was taken over keeps a copy of the stream, takes its bytes away before the
 * keeper reads them, and has made it blocking; or it sends something else. The keeper must not wait.
 */
static void test_guest_stream_cannot_block(void **state)
{
	struct world *world = *state;
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	say_to_keeper(world, 2, 0, pair[1]);
	assert_int_equal(io_set_nonblocking(pair[1], false), 0);
	alarm(10);
	world->guest.stream.ready(&world->guest.stream, EPOLLIN);
	assert_true(world->guest.stream.fd >= 0);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	say_to_keeper(world, 2, 0, pair[0]);
	world->guest.stream.ready(&world->guest.stream, EPOLLIN);
	assert_int_equal(world->guest.stream.fd, -1);
	alarm(0);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_log_rotates, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_log_goes_on, make_directory, remove_directory),
		cmocka_unit_test_setup_teardown(test_log_keeps_its_number, make_directory,
			remove_directory),
		cmocka_unit_test_setup_teardown(test_console_throttles, make_directory,
			remove_directory),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_idle_keep),
		cmocka_unit_test(test_records_in_pieces),
		cmocka_unit_test(test_record_flood),
		cmocka_unit_test_setup_teardown(test_guest_numbers, make_world, end_world),
		cmocka_unit_test_setup_teardown(test_guest_stream_cannot_block, make_world,
			end_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
