/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's program and its clients.
 *
 * Output is read only while it can be delivered: a sole client that does not read stops the
 * program, one of several is detached instead. When the program has ended, what it wrote until
 * then is still delivered, but nobody waits for programs it left behind: of a pipe exactly the
 * bytes that are in it at that moment are read, a terminal is read until it reports hang-up (the
 * kernel hangs it up when its session leader ends) or DRAIN_TIME has passed.
 */
#include "guest/job.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "common/io.h"
#include "guest/client.h"
#include "guest/screen.h"
#include "guest/server.h"

enum {
	DRAIN_TIME = 500, /* ms */
	/* A client that joins must not be over the mark for slow ones from the start. */
	SCREEN_MAXIMUM = CLIENT_SLOW_QUEUE - 2 * SESSION_MAX_PAYLOAD,
	END_OF_TRANSMISSION = 4,
};

static struct job_channel *input_channel(struct job *job)
{
	return &job->channels[job->terminal ? JOB_OUTPUT : JOB_INPUT];
}

static void close_channel(struct job_channel *channel)
{
	if (channel->source.fd < 0)
		return;
	loop_remove(channel->job->server->loop, &channel->source);
	close(channel->source.fd);
	channel->source.fd = -1;
}

void job_destroy(struct job *job)
{
	struct server *server = job->server;

	for (int i = 0; i < JOB_CHANNELS; i++)
		close_channel(&job->channels[i]);
	loop_disarm(server->loop, &job->drain);
	for (struct job **j = &server->jobs; *j; j = &(*j)->next) {
		if (*j == job) {
			*j = job->next;
			server->job_count--;
			break;
		}
	}
	screen_destroy(job->screen);
	free(job->name);
	free(job->command);
	free(job);
}

/* The program ended and its output is out. */
static void finish(struct job *job)
{
	while (job->clients) {
		struct client *client = job->clients;

		/* Detaching first keeps client_close() from ending the job under our feet. */
		job->clients = client->next_in_job;
		client->job = NULL;
		client_send_exit(client, job->status);
	}
	job_destroy(job);
}

static void finish_when_drained(struct job *job)
{
	if (job->exited && job->channels[JOB_OUTPUT].source.fd < 0 &&
		job->channels[JOB_ERRORS].source.fd < 0)
		finish(job);
	else
		job_update(job);
}

/* Output may be read while someone takes it, or nobody is there to wait for. */
static bool may_read(const struct job *job)
{
	return job->client_count != 1 || buf_length(&job->clients->out) < CLIENT_SOLE_QUEUE;
}

static bool has_input(const struct job *job)
{
	for (struct client *c = job->clients; c; c = c->next_in_job)
		if (buf_length(&c->input) > 0)
			return true;
	return false;
}

void job_update(struct job *job)
{
	uint32_t wanted[JOB_CHANNELS] = { 0 };

	if (may_read(job))
		wanted[JOB_OUTPUT] = wanted[JOB_ERRORS] = EPOLLIN;
	if (has_input(job))
		wanted[job->terminal ? JOB_OUTPUT : JOB_INPUT] |= EPOLLOUT;
	for (int i = 0; i < JOB_CHANNELS; i++)
		if (job->channels[i].source.fd >= 0)
			loop_watch(job->server->loop, &job->channels[i].source, wanted[i]);
}

/* All clients see the same output; the slow ones among several are sent away. */
static void deliver(struct job *job, uint8_t frame, const unsigned char *bytes, size_t length)
{
	struct client *next;

	if (job->screen)
		screen_feed(job->screen, bytes, length);
	for (struct client *client = job->clients; client; client = next) {
		next = client->next_in_job;
		client_send(client, frame, bytes, length);
		if (job->client_count > 1 && buf_length(&client->out) > CLIENT_SLOW_QUEUE)
			client_send_detached(client, "too slow");
	}
}

static void read_channel(struct job_channel *channel)
{
	static unsigned char bytes[SESSION_MAX_PAYLOAD];
	struct job *job = channel->job;
	size_t most = sizeof(bytes);
	ssize_t n;

	if (job->exited && !job->terminal && channel->left < most)
		most = channel->left;
	n = most > 0 ? read(channel->source.fd, bytes, most) : 0;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		deliver(job, channel->frame, bytes, (size_t)n);
	if (n > 0 && job->exited)
		channel->left -= (size_t)n < channel->left ? (size_t)n : channel->left;
	if (n <= 0 || (job->exited && !job->terminal && channel->left == 0))
		close_channel(channel);
	finish_when_drained(job);
}

/* Without a reader the input is dropped, so that the client's credit does not run dry. */
static void drop_input(struct client *client)
{
	size_t length = buf_length(&client->input);

	buf_consume(&client->input, length);
	client_return_credit(client, length);
}

static int write_input(struct job_channel *channel, struct client *client)
{
	while (buf_length(&client->input) > 0) {
		ssize_t n = buf_write(&client->input, channel->source.fd);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		client_return_credit(client, (size_t)n);
	}
	return 0;
}

/* Moves queued input to the program. The end of any client's input is the end of all input. */
static void pump_input(struct job *job)
{
	struct job_channel *channel = input_channel(job);
	struct client *next;
	bool ended = false;
	int r = 0;

	for (struct client *client = job->clients; client && r != -EAGAIN; client = next) {
		next = client->next_in_job;
		if (channel->source.fd >= 0)
			r = write_input(channel, client);
		if (r < 0 && r != -EAGAIN)
			close_channel(channel);
		if (channel->source.fd < 0)
			drop_input(client);
		ended |= r == 0 && client->input_ended;
	}
	if (ended && r == 0 && !job->terminal)
		close_channel(channel);
}

static void apply_window(struct job *job, struct client *client)
{
	struct winsize size = { .ws_row = client->rows, .ws_col = client->columns };

	if (!job->terminal || client->rows == 0 || client->columns == 0)
		return;
	job->typist = client;
	if (client->rows == job->rows && client->columns == job->columns)
		return;
	job->rows = client->rows;
	job->columns = client->columns;
	screen_resize(job->screen, job->rows, job->columns);
	if (job->channels[JOB_OUTPUT].source.fd >= 0)
		ioctl(job->channels[JOB_OUTPUT].source.fd, TIOCSWINSZ, &size);
}

void job_input(struct job *job, struct client *client)
{
	static const unsigned char end = END_OF_TRANSMISSION;

	if (client != job->typist)
		apply_window(job, client);
	if (client->input_ended && job->terminal)
		buf_append(&client->input, &end, 1);
	pump_input(job);
	job_update(job);
}

void job_window_changed(struct job *job, struct client *client)
{
	if (client == job->typist || !job->typist)
		apply_window(job, client);
}

void job_signal(struct job *job, uint32_t signal)
{
	pid_t group = job->pid;

	if (job->exited || signal == 0 || signal >= (uint32_t)SIGRTMAX)
		return;
	if (job->terminal && job->channels[JOB_OUTPUT].source.fd >= 0) {
		pid_t foreground = 0;

		if (ioctl(job->channels[JOB_OUTPUT].source.fd, TIOCGPGRP, &foreground) == 0 &&
			foreground > 0)
			group = foreground;
	}
	kill(-group, (int)signal);
}

static void send_screen(struct job *job, struct client *client)
{
	struct buf bytes;

	buf_init(&bytes, SCREEN_MAXIMUM);
	if (screen_render(job->screen, &bytes) == 0) {
		while (buf_length(&bytes) > 0) {
			size_t n = buf_length(&bytes);

			if (n > SESSION_MAX_PAYLOAD)
				n = SESSION_MAX_PAYLOAD;
			client_send(client, SESSION_STDOUT, buf_head(&bytes), n);
			buf_consume(&bytes, n);
		}
	}
	buf_finish(&bytes);
}

void job_attach(struct job *job, struct client *client, bool joins)
{
	client->state = CLIENT_ATTACHED;
	client->job = job;
	client->next_in_job = job->clients;
	job->clients = client;
	job->client_count++;
	if (job->client_count == 1)
		apply_window(job, client);
	client_send_started(client, job->id, joins ? SESSION_STARTED_ATTACHED : 0, !joins);
	if (joins && job->screen)
		send_screen(job, client);
	job_update(job);
}

/* Nobody is left who would want the program. The kernel's hang-up of a closed terminal reaches its
 * foreground group; the signal here also reaches a program without one. */
static void hang_up(struct job *job)
{
	if (!job->exited) {
		kill(-job->pid, SIGHUP);
		kill(-job->pid, SIGCONT);
	}
	job_destroy(job);
}

void job_leave(struct job *job, struct client *client)
{
	for (struct client **c = &job->clients; *c; c = &(*c)->next_in_job) {
		if (*c == client) {
			*c = client->next_in_job;
			job->client_count--;
			break;
		}
	}
	client->job = NULL;
	if (job->typist == client) {
		job->typist = NULL;
		if (job->clients)
			apply_window(job, job->clients);
	}
	if (job->client_count == 0 && !job->persist)
		hang_up(job);
	else
		job_update(job);
}

static uint32_t shell_status(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + (uint32_t)WTERMSIG(wait_status);
	return (uint32_t)WEXITSTATUS(wait_status);
}

static void stop_draining(void *context)
{
	struct job *job = context;

	if (!may_read(job)) {
		loop_arm(job->server->loop, &job->drain, DRAIN_TIME);
		return;
	}
	close_channel(&job->channels[JOB_OUTPUT]);
	finish_when_drained(job);
}

void job_ended(struct job *job, int wait_status)
{
	job->exited = true;
	job->status = shell_status(wait_status);
	close_channel(&job->channels[JOB_INPUT]);
	job->drain = (struct loop_timer){ .expire = stop_draining, .context = job };
	if (job->terminal) {
		loop_arm(job->server->loop, &job->drain, DRAIN_TIME);
	} else {
		for (int i = JOB_OUTPUT; i <= JOB_ERRORS; i++) {
			struct job_channel *channel = &job->channels[i];
			int left = 0;

			if (channel->source.fd >= 0)
				ioctl(channel->source.fd, FIONREAD, &left);
			channel->left = left > 0 ? (size_t)left : 0;
			if (channel->left == 0)
				close_channel(channel);
		}
	}
	finish_when_drained(job);
}

static void handle_channel(void *context, uint32_t events)
{
	struct job_channel *channel = context;
	struct job *job = channel->job;

	if (events & EPOLLOUT || channel == &job->channels[JOB_INPUT]) {
		pump_input(job);
		job_update(job);
	}
	if (channel->source.fd >= 0 && channel != &job->channels[JOB_INPUT] &&
		events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		read_channel(channel);
}

void job_open_channel(struct job *job, int index, int fd, uint8_t frame)
{
	job->channels[index] = (struct job_channel){
		.source = { .fd = fd, .handle = handle_channel, .context = &job->channels[index] },
		.job = job,
		.frame = frame,
	};
	if (fd >= 0)
		io_set_nonblocking(fd, true);
}
