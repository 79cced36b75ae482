/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A real session server in a process of its own, and a client that talks to it over a Unix socket
 * with a deadline on everything. For the tests of src/guest.
 */
#ifndef TEST_GUEST_CLIENT_H
#define TEST_GUEST_CLIENT_H

#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/io.h"
#include "guest/server.h"
#include "session/session.h"

enum { DEADLINE_MS = 10000, CLIENT_BUFFER = 8 << 20 };

struct guest_server {
	char directory[64];
	int dirfd;
	pid_t pid;
};

struct guest_client {
	int fd;
	struct buf in;
	/* The frame last received. */
	uint8_t type;
	struct buf payload;
	/* Sums of what guest_drain() saw. */
	struct buf output, errors;
	uint64_t credit;
};

static struct server *the_server;
static int the_signals;

static void reap_children(void *context, uint32_t events)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(the_signals, &info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		server_child_ended(the_server, pid, status);
}

static void serve_until_killed(int listen_fd)
{
	static struct guest_config config = {
		.hostname = (char *)"box",
		.workdir = (char *)"/usr",
		.env = { { (char *)"CONF=from config" }, 1 },
		.command = { { (char *)"echo", (char *)"default" }, 2 },
	};
	struct loop_source signals = { .handle = reap_children };
	struct server server;
	struct loop loop;
	sigset_t set;

	/* What the test itself has open or ignores is not the server's leak. */
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	signal(SIGPIPE, SIG_DFL);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	loop_init(&loop);
	signals.fd = the_signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	loop_watch(&loop, &signals, EPOLLIN);
	the_server = &server;
	if (server_init(&server, &loop, &config, listen_fd) == 0)
		loop_run(&loop);
	_exit(1);
}

/*
 * The server is the first process of a PID namespace, as it is in a sandbox: programs that lose
 * their parent come to it, and none outlives it.
 */
static void run_in_namespace(int listen_fd)
{
	pid_t pid;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (mount("proc", "/proc", "proc", 0, NULL) == 0)
			serve_until_killed(listen_fd);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	_exit(1);
}

static void guest_server_start(struct guest_server *server)
{
	int fd;

	strcpy(server->directory, "/tmp/sbx-test-XXXXXX");
	assert_non_null(mkdtemp(server->directory));
	server->dirfd = open(server->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_listen(server->dirfd, "s", SOCK_STREAM, &fd), 0);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0)
		run_in_namespace(fd);
	close(fd);
}

/* The server must still be there: whatever the tests did, it may not have ended. */
static void guest_server_stop(struct guest_server *server)
{
	assert_int_equal(waitpid(server->pid, NULL, WNOHANG), 0);
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	unlinkat(server->dirfd, "s", 0);
	rmdir(server->directory);
	close(server->dirfd);
}

static void guest_connect(const struct guest_server *server, struct guest_client *client)
{
	*client = (struct guest_client){ 0 };
	buf_init(&client->in, CLIENT_BUFFER);
	buf_init(&client->payload, SESSION_MAX_PAYLOAD);
	buf_init(&client->output, CLIENT_BUFFER);
	buf_init(&client->errors, CLIENT_BUFFER);
	client->credit = SESSION_CREDIT;
	assert_int_equal(io_connect(server->dirfd, "s", SOCK_STREAM, &client->fd), 0);
}

static void guest_disconnect(struct guest_client *client)
{
	close(client->fd);
	buf_finish(&client->in);
	buf_finish(&client->payload);
	buf_finish(&client->output);
	buf_finish(&client->errors);
}

static void guest_send(struct guest_client *client, uint8_t type, const void *payload,
	size_t length)
{
	struct buf out;

	buf_init(&out, CLIENT_BUFFER);
	session_put_frame(&out, type, 0, payload, length);
	/* A server that has ended the stream is what some tests are about. */
	io_write_full(client->fd, buf_head(&out), buf_length(&out));
	buf_finish(&out);
}

/* Waits for more bytes. False at the end of the stream; fails the test at the deadline. */
static bool guest_receive(struct guest_client *client)
{
	struct pollfd pollfd = { .fd = client->fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pollfd, 1, DEADLINE_MS) != 1)
		fail_msg("no answer from the server");
	n = buf_read(&client->in, client->fd, 65536);
	return n > 0;
}

/* The next frame; false at the end of the stream. */
static bool guest_next(struct guest_client *client)
{
	struct session_header header;

	while (session_parse_frame(buf_head(&client->in), buf_length(&client->in), &header) == 0)
		if (!guest_receive(client))
			return false;
	client->type = header.type;
	buf_consume(&client->payload, buf_length(&client->payload));
	buf_append(&client->payload, buf_head(&client->in) + SESSION_HEADER, header.length);
	buf_consume(&client->in, SESSION_HEADER + header.length);
	return true;
}

/* One frame, of which output, errors and credit are added up. */
static bool guest_step(struct guest_client *client)
{
	if (!guest_next(client))
		return false;
	if (client->type == SESSION_STDOUT)
		buf_append(&client->output, buf_head(&client->payload),
			buf_length(&client->payload));
	else if (client->type == SESSION_STDERR)
		buf_append(&client->errors, buf_head(&client->payload),
			buf_length(&client->payload));
	else if (client->type == SESSION_CREDIT_MORE)
		client->credit += session_get_u32(buf_head(&client->payload));
	return true;
}

/* Steps until a frame of the type. */
static void guest_expect(struct guest_client *client, uint8_t type)
{
	do
		if (!guest_step(client))
			fail_msg("stream ended before frame 0x%02x", type);
	while (client->type != type);
}

static uint32_t guest_expect_exit(struct guest_client *client)
{
	guest_expect(client, SESSION_EXIT);
	return session_get_u32(buf_head(&client->payload));
}

static bool guest_has_output(const struct guest_client *client, const char *text)
{
	return buf_length(&client->output) &&
	       memmem(buf_head(&client->output), buf_length(&client->output), text, strlen(text));
}

/* Steps until the output holds the text. */
static void guest_expect_output(struct guest_client *client, const char *text)
{
	while (!guest_has_output(client, text))
		if (!guest_step(client))
			fail_msg("stream ended before \"%s\"", text);
}

/* A request under construction. */
static void guest_put(struct buf *request, uint16_t tag, const char *text)
{
	session_put_field(request, tag, text, strlen(text));
}

static void guest_put_flags(struct buf *request, uint32_t flags)
{
	unsigned char bytes[4];

	session_put_u32(bytes, flags);
	session_put_field(request, SESSION_TAG_FLAGS, bytes, sizeof(bytes));
}

static void guest_put_terminal(struct buf *request, uint16_t rows, uint16_t columns)
{
	unsigned char bytes[4];

	session_put_u16(bytes, rows);
	session_put_u16(bytes + 2, columns);
	session_put_field(request, SESSION_TAG_TTY, bytes, sizeof(bytes));
}

static void guest_request(struct guest_client *client, uint8_t type, struct buf *request)
{
	struct buf out;

	buf_init(&out, CLIENT_BUFFER);
	session_put_request(&out, type, request);
	io_write_full(client->fd, buf_head(&out), buf_length(&out));
	buf_finish(&out);
	buf_finish(request);
}

/* EXEC of `sh -c SCRIPT` as root; rows 0: no terminal. */
static void guest_shell(struct guest_client *client, const char *script, uint32_t flags,
	const char *name, uint16_t rows, uint16_t columns)
{
	struct buf request;

	buf_init(&request, SESSION_MAX_REQUEST);
	guest_put(&request, SESSION_TAG_ARG, "sh");
	guest_put(&request, SESSION_TAG_ARG, "-c");
	guest_put(&request, SESSION_TAG_ARG, script);
	guest_put(&request, SESSION_TAG_USER, "0:0");
	guest_put_flags(&request, flags);
	if (name)
		guest_put(&request, SESSION_TAG_NAME, name);
	if (rows)
		guest_put_terminal(&request, rows, columns);
	guest_request(client, SESSION_EXEC, &request);
}

#endif
