/* SPDX-License-Identifier: Apache-2.0 */
/* From a pipe to a bounded log file. */
#include "keeper/console.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/io.h"

enum { AT_ONCE = 8 * 1024, WINDOW_MS = 1000 };

/* Returns what read() returned. */
static ssize_t take(struct console *console)
{
	char bytes[AT_ONCE];
	ssize_t n = read(console->watch.fd, bytes, sizeof(bytes));

	if (n > 0)
		logfile_append(console->file, bytes, (size_t)n);
	return n;
}

/* Counts what was taken; true if the writer has had its share of this second. */
static bool over_limit(struct console *console, size_t count)
{
	uint64_t now = monotonic_ns();

	if (now - console->window_ns >= (uint64_t)WINDOW_MS * 1000000) {
		console->window_ns = now;
		console->taken = 0;
	}
	console->taken += count;
	return console->taken >= CONSOLE_PER_SECOND;
}

static void pipe_ready(struct watch *watch, uint32_t events)
{
	struct console *console = container_of(watch, struct console, watch);
	ssize_t n = take(console);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		loop_close(console->loop, watch);
		return;
	}
	if (n > 0 && over_limit(console, (size_t)n)) {
		loop_modify(console->loop, watch, 0);
		timer_set(&console->pause, WINDOW_MS);
	}
}

static void pause_over(struct timer *timer)
{
	struct console *console = container_of(timer, struct console, pause);

	if (console->watch.fd >= 0)
		loop_modify(console->loop, &console->watch, EPOLLIN);
}

int console_init(struct console *console, struct loop *loop, struct logfile *file)
{
	*console = (struct console){
		.watch = { .fd = -1, .ready = pipe_ready },
		.loop = loop,
		.file = file,
	};
	return timer_init(&console->pause, loop, pause_over);
}

int console_open(struct console *console, int *ret_fd)
{
	int pipe_fds[2], r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	console->watch.fd = pipe_fds[0];
	r = io_set_nonblocking(pipe_fds[0], true);
	if (r == 0)
		r = loop_add(console->loop, &console->watch, EPOLLIN);
	if (r < 0) {
		close(pipe_fds[1]);
		loop_close(console->loop, &console->watch);
		return r;
	}
	*ret_fd = pipe_fds[1];
	return 0;
}

void console_close(struct console *console)
{
	int size;

	if (console->watch.fd < 0)
		return;
	size = fcntl(console->watch.fd, F_GETPIPE_SZ);
	for (int left = size; left > 0; left -= AT_ONCE)
		if (take(console) <= 0)
			break;
	timer_set(&console->pause, 0);
	loop_close(console->loop, &console->watch);
}
