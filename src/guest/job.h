/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's program and the clients that are attached to it.
 *
 * The server owns jobs. A job ends by itself: when its program has ended and its output is with
 * the clients, or when its last client vanished and it is not persistent.
 */
#ifndef GUEST_JOB_H
#define GUEST_JOB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/loop.h"

struct client;
struct request;
struct screen;
struct server;

/* One of our descriptors to the program; source.fd is -1 when it is closed. */
struct job_channel {
	struct loop_source source;
	struct job *job;
	uint8_t frame;	/* type of the frames its bytes become */
	size_t left;	/* while draining: bytes to come */
};

enum { JOB_INPUT, JOB_OUTPUT, JOB_ERRORS, JOB_CHANNELS };

struct job {
	struct server *server;
	struct job *next;
	uint64_t id;
	char *name;    /* NULL if it has none */
	char *command; /* for LIST */
	pid_t pid;
	uint64_t started_ns; /* CLOCK_BOOTTIME */
	bool terminal;
	bool persist;
	bool exited;	 /* the program is reaped: its pid is nobody's any more */
	uint32_t status; /* valid then */

	/* A terminal is JOB_OUTPUT alone, for both directions. */
	struct job_channel channels[JOB_CHANNELS];
	struct loop_timer drain; /* limit for a terminal that is held open by others */
	struct screen *screen;	 /* terminals only */
	uint16_t rows, columns;
	struct client *typist; /* whose window size holds */
	struct client *clients;
	unsigned client_count;
};

/* Why a program did not start: an ERROR frame, or with a status a text on STDERR and EXIT. */
struct job_failure {
	int error;
	uint32_t status;
	char text[512];
};

/* job_start.c: starts what an EXEC request says. Returns 0 or -errno with the failure filled. */
int job_start(struct server *server, const struct request *request, struct job **ret_job,
	struct job_failure *failure);

/*
 * Attaches the client: queues STARTED, and for one that joins the screen as it is. `joins`: the
 * job was there before.
 */
void job_attach(struct job *job, struct client *client, bool joins);

/* The client is no longer there. May end the job. */
void job_leave(struct job *job, struct client *client);

/* The client's input or its end has come. */
void job_input(struct job *job, struct client *client);
void job_window_changed(struct job *job, struct client *client);
void job_signal(struct job *job, uint32_t signal);

/* The program ended; `wait_status` is as wait(2) has it. May free the job. */
void job_ended(struct job *job, int wait_status);

/* Decides anew which descriptors are watched. Call after the clients' queues changed. */
void job_update(struct job *job);

/* Closes what is open and frees, without a word to clients. */
void job_destroy(struct job *job);

/* For job_start.c: makes `fd` a channel of the job, non-blocking. */
void job_open_channel(struct job *job, int index, int fd, uint8_t frame);

#endif
