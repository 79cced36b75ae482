/* SPDX-License-Identifier: Apache-2.0 */
/* A stream to the guest's session server. */
#include "cli/session_open.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/escape.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

enum { MOST_ANSWER = 256, ANSWER_TIMEOUT_MS = 20000 };

static int connect_socket(const char *path, int *ret_fd)
{
	cleanup_free char *directory = xstrdup(path);
	cleanup_free char *name = xstrdup(path);
	cleanup_close int fd = open(dirname(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return io_connect(fd, basename(name), SOCK_STREAM, ret_fd);
}

/* Reads up to the end of the answer's line. Returns its length with the newline, or -errno. */
static ssize_t read_line(int fd, struct buf *in)
{
	for (;;) {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		const unsigned char *end = NULL;
		ssize_t n;

		if (buf_length(in))
			end = memchr(buf_head(in), '\n', buf_length(in));
		if (end)
			return end - buf_head(in) + 1;
		if (buf_length(in) >= MOST_ANSWER)
			return -EPROTO;
		n = poll(&poller, 1, ANSWER_TIMEOUT_MS);
		if (n == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno == EINTR)
			continue;
		n = n < 0 ? -errno : buf_read(in, fd, MOST_ANSWER);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0)
			return n;
	}
}

static int check_answer(struct buf *in, size_t length, struct err *err)
{
	cleanup_free char *line = escape_bytes((const char *)buf_head(in), length - 1);

	buf_consume(in, length);
	if (text_has_prefix(line, "OK "))
		return 0;
	return err_set(err, ECONNREFUSED, "connect to the sandbox: %s",
		text_has_prefix(line, "ERR ") ? line + 4 : line);
}

/*
 * The greeting, and behind it, in the same go, as much of the request as the socket takes: the relay
 * leaves it there until the guest has accepted, so it costs no round trip of its own.
 */
static int send_greeting(int fd, struct buf *request)
{
	static const char greeting[] = "CONNECT 1024\n";
	const size_t length = sizeof(greeting) - 1;
	struct iovec iov[] = { { (void *)greeting, length },
			       { buf_head(request), buf_length(request) } };
	const struct msghdr message = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	if ((size_t)n < length)
		return -EPROTO;
	buf_consume(request, (size_t)n - length);
	return 0;
}

int session_open(const char *vsock_path, struct session_client *client, int *ret_fd,
	struct err *err)
{
	cleanup_close int fd = -1;
	ssize_t length;
	int r = connect_socket(vsock_path, &fd);

	if (r == 0)
		r = send_greeting(fd, &client->out);
	if (r < 0)
		return err_errno(err, -r, "connect to the sandbox");
	length = read_line(fd, &client->in);
	if (length < 0)
		return err_errno(err, (int)-length, "connect to the sandbox");
	r = check_answer(&client->in, (size_t)length, err);
	if (r == 0)
		r = io_set_nonblocking(fd, true);
	if (r == 0)
		*ret_fd = take_fd(&fd);
	return r;
}
