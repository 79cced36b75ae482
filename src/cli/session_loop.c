/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one session between descriptors of this process and the guest.
 *
 * Theory of operation. One poll loop over the guest's stream, our input, our two outputs and a
 * signalfd. Back pressure goes both ways: while something waits to be written to an output, no
 * further frame is taken from the stream, and the guest stops; input is read only as far as the
 * guest gave credit.
 *
 * The end: the guest's last frame (then what is pending is still written out), the end of the
 * stream, the detach keys, a signal that asks us to go, or an output that nobody reads.
 *
 * Signals. With a terminal the person's keys go to the guest as bytes; TERM, HUP, INT and QUIT sent
 * to us mean "leave", and TSTP restores the terminal before it stops us. Without one INT, TERM, HUP
 * and QUIT are forwarded to the program; the third of a kind leaves, so that a program that ignores
 * them cannot keep a person waiting.
 */
#include "cli/session_loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cli/filter.h"
#include "cli/session_sink.h"
#include "cli/terminal.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/io.h"

enum {
	PATIENCE = 3,
	WATCHED = 5,
};

struct loop {
	struct session_client *client;
	const struct session_io *io;
	struct detach_keys keys;
	struct session_sink output, errors;
	struct buf typed; /* what the detach keys let through of one read */
	int fd;
	int signals;
	bool input_open;
	bool over;
	int asked[3]; /* INT, QUIT, TERM and HUP: how often */
	struct session_outcome outcome;
};

void session_io_pass_from_environment(struct session_io *io)
{
	const char *pass = getenv("SBX_TERMINAL_PASS");

	io->pass_title = pass && strstr(pass, "title");
	io->pass_clipboard = pass && strstr(pass, "clipboard");
}

static void finish(struct loop *loop, enum session_end end, int status)
{
	loop->outcome.end = end;
	loop->outcome.status = status;
	loop->over = true;
}

static void keep_text(struct loop *loop, const struct session_event *event)
{
	size_t length = event->length < 200 ? event->length : 200;
	cleanup_free char *text = escape_bytes((const char *)event->bytes, length);
	size_t n = strnlen(text, sizeof(loop->outcome.text) - 1);

	memcpy(loop->outcome.text, text, n);
	loop->outcome.text[n] = '\0';
}

static void take_event(struct loop *loop, const struct session_event *event)
{
	switch (event->kind) {
	case SESSION_EVENT_STARTED:
		loop->outcome.started = true;
		loop->outcome.attached = event->value & SESSION_STARTED_ATTACHED;
		break;
	case SESSION_EVENT_OUTPUT:
	case SESSION_EVENT_TEXT:
		session_sink_put(&loop->output, event->bytes, event->length);
		break;
	case SESSION_EVENT_ERRORS:
		session_sink_put(&loop->errors, event->bytes, event->length);
		break;
	case SESSION_EVENT_ENTRY:
		break;
	case SESSION_EVENT_EXIT:
		finish(loop, SESSION_END_EXIT, event->value > 255 ? 255 : (int)event->value);
		break;
	case SESSION_EVENT_ERROR:
		keep_text(loop, event);
		finish(loop, SESSION_END_REFUSED, (int)(event->value & 0xfff));
		break;
	case SESSION_EVENT_DETACHED:
		keep_text(loop, event);
		finish(loop, SESSION_END_DETACHED, 0);
		break;
	}
}

static bool is_pending(const struct loop *loop)
{
	return buf_length(&loop->output.pending) || buf_length(&loop->errors.pending);
}

/* Takes frames as long as nothing waits to be written. */
static void take_events(struct loop *loop)
{
	while (!loop->over && !is_pending(loop)) {
		struct session_event event;
		int r = session_client_next(loop->client, &event);

		if (r == 0)
			return;
		if (r < 0)
			finish(loop, SESSION_END_BROKEN, 0);
		else
			take_event(loop, &event);
	}
}

/* An output that nobody reads ends the session. */
static void drain(struct loop *loop, struct session_sink *sink)
{
	if (session_sink_drain(sink) < 0)
		finish(loop, SESSION_END_LEFT, 128 + SIGPIPE);
}

static void receive(struct loop *loop)
{
	ssize_t n = buf_read(&loop->client->in, loop->fd, SESSION_HEADER + SESSION_MAX_PAYLOAD);

	if (n == -EAGAIN || n == -EINTR)
		return;
	take_events(loop);
	/* Frames may still lie behind output that waits; the end counts when they are used up. */
	if (n <= 0 && n != -ENOBUFS && !loop->over && !is_pending(loop))
		finish(loop, SESSION_END_BROKEN, 0);
}

/* `count` bytes were read into `bytes`: through the detach keys, then to the guest. */
static void send_typed(struct loop *loop, const unsigned char *bytes, size_t count)
{
	bool leave = detach_keys_feed(&loop->keys, bytes, count, &loop->typed);
	size_t length = buf_length(&loop->typed);

	if (length)
		session_client_input(loop->client, buf_head(&loop->typed), length);
	buf_consume(&loop->typed, length);
	if (leave) {
		session_client_detach(loop->client);
		finish(loop, SESSION_END_DETACHED, 0);
	}
}

static size_t input_room(const struct loop *loop)
{
	size_t room = session_client_input_room(loop->client);
	size_t held = loop->keys.held_length;

	return room > held ? room - held : 0;
}

static void read_input(struct loop *loop)
{
	unsigned char bytes[32768];
	size_t room = input_room(loop);
	ssize_t n = read(loop->io->input, bytes, room < sizeof(bytes) ? room : sizeof(bytes));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n > 0) {
		if (loop->io->tty)
			send_typed(loop, bytes, (size_t)n);
		else
			session_client_input(loop->client, bytes, (size_t)n);
		return;
	}
	loop->input_open = false;
	if (loop->io->tty)
		finish(loop, SESSION_END_LEFT, 128 + SIGHUP); /* the terminal is gone */
	else
		session_client_input(loop->client, NULL, 0);
}

static void send_pending(struct loop *loop)
{
	ssize_t n = buf_write(&loop->client->out, loop->fd);

	/* The guest's last words may lie in the stream although it takes nothing any more. */
	if (n < 0 && n != -EAGAIN && n != -EINTR)
		buf_consume(&loop->client->out, buf_length(&loop->client->out));
}

static void send_window(struct loop *loop)
{
	uint16_t rows, columns;

	if (terminal_size(loop->io->output, &rows, &columns))
		session_client_window(loop->client, rows, columns);
}

/* Stops like any program would, with the terminal as the shell wants it. */
static void stop_and_continue(struct loop *loop, struct err *err)
{
	terminal_restore();
	kill(getpid(), SIGSTOP);
	if (terminal_raw(loop->io->input, err) < 0)
		finish(loop, SESSION_END_LEFT, 1);
	send_window(loop);
}

static void forward(struct loop *loop, int number)
{
	int *count = &loop->asked[number == SIGINT ? 0 : number == SIGQUIT ? 1 : 2];

	if (++*count >= PATIENCE)
		finish(loop, SESSION_END_LEFT, 128 + number);
	else
		session_client_signal(loop->client, number);
}

static void take_signal(struct loop *loop, struct err *err)
{
	struct signalfd_siginfo info;
	int number;

	if (read(loop->signals, &info, sizeof(info)) != sizeof(info))
		return;
	number = (int)info.ssi_signo;
	if (number == SIGWINCH)
		send_window(loop);
	else if (number == SIGTSTP)
		stop_and_continue(loop, err);
	else if (loop->io->tty)
		finish(loop, SESSION_END_LEFT, 128 + number);
	else
		forward(loop, number);
}

static void watch(struct pollfd *poller, int fd, short events)
{
	*poller = (struct pollfd){ .fd = events ? fd : -1, .events = events };
}

static bool wait(struct loop *loop, struct err *err)
{
	struct pollfd p[WATCHED];
	struct session_client *client = loop->client;
	bool pending = is_pending(loop);
	bool reads = loop->input_open && !loop->over && input_room(loop) > 0;
	bool receives = !pending && !loop->over;
	int stream = (receives ? POLLIN : 0) | (buf_length(&client->out) ? POLLOUT : 0);

	watch(&p[0], loop->fd, (short)stream);
	watch(&p[1], loop->io->input, reads ? POLLIN : 0);
	watch(&p[2], loop->output.fd, buf_length(&loop->output.pending) ? POLLOUT : 0);
	watch(&p[3], loop->errors.fd, buf_length(&loop->errors.pending) ? POLLOUT : 0);
	watch(&p[4], loop->signals, POLLIN);
	if (poll(p, WATCHED, -1) < 0)
		return errno == EINTR;
	if (p[4].revents)
		take_signal(loop, err);
	if (p[2].revents)
		drain(loop, &loop->output);
	if (p[3].revents)
		drain(loop, &loop->errors);
	if (p[1].revents && !loop->over)
		read_input(loop);
	if (p[0].revents & POLLOUT || (p[0].revents && buf_length(&client->out)))
		send_pending(loop);
	if (p[0].revents & (POLLIN | POLLHUP | POLLERR) && !pending && !loop->over)
		receive(loop);
	take_events(loop);
	return true;
}

/* The detach frame is a courtesy: a client that just goes leaves a persistent session as well. */
static int run(struct loop *loop, struct err *err)
{
	take_events(loop);
	while (!loop->over || is_pending(loop)) {
		if (loop->over && loop->outcome.end == SESSION_END_LEFT)
			break;
		if (!wait(loop, err))
			return err_errno(err, errno, "wait for the session");
	}
	if (buf_length(&loop->client->out))
		send_pending(loop);
	return 0;
}

static int take_signals(const struct session_io *io, sigset_t *ret_old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (io->tty) {
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGTSTP);
	}
	sigprocmask(SIG_BLOCK, &set, ret_old);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/*
 * Either output may be the terminal: with the other one in a file, modes set by way of this one
 * would stay. When the program did not end by itself, the cursor stands anywhere on its screen:
 * what follows gets a line of its own, and what stood below goes.
 */
static void reset_terminal(const struct loop *loop)
{
	const char *sequence = filter_reset_sequence();
	int fd = isatty(loop->io->output) ? loop->io->output : loop->io->errors;

	if (!isatty(fd))
		return;
	io_write_full(fd, sequence, strlen(sequence));
	if (loop->io->tty && loop->outcome.end != SESSION_END_EXIT)
		io_write_full(fd, "\r\n\033[J", 5);
}

int session_loop(struct session_client *client, int fd, const struct session_io *io,
	struct session_outcome *ret, struct err *err)
{
	struct loop loop = { .client = client, .io = io, .keys = io->keys, .fd = fd };
	cleanup_close int signals = -1;
	sigset_t old;
	int r = 0;

	signal(SIGPIPE, SIG_IGN);
	signals = take_signals(io, &old);
	loop.signals = signals;
	loop.input_open = io->input >= 0;
	session_sink_init(&loop.output, io->output, io->pass_title, io->pass_clipboard);
	session_sink_init(&loop.errors, io->errors, io->pass_title, io->pass_clipboard);
	buf_init(&loop.typed, SESSION_MAX_PAYLOAD + DETACH_MOST_HELD);
	if (io->tty && io->input >= 0)
		r = terminal_raw(io->input, err);
	if (r == 0)
		r = run(&loop, err);
	reset_terminal(&loop);
	terminal_restore();
	sigprocmask(SIG_SETMASK, &old, NULL);
	session_sink_finish(&loop.output);
	session_sink_finish(&loop.errors);
	buf_finish(&loop.typed);
	if (r == 0)
		*ret = loop.outcome;
	return r;
}
