/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The session server: accepts clients, owns the tables of clients and jobs
 * (docs/protocol/session.md). A "job" is a session's program together with who watches it.
 *
 * Theory of operation
 *
 * client.c reads frames and writes what is queued; job.c moves bytes between a program and its
 * clients; server.c looks jobs up and answers requests. Handlers only queue frames; they are
 * written once, when the loop is about to wait, so that the frames of one moment share a packet.
 *
 *	client:	REQUEST --EXEC, ATTACH--> ATTACHED --EXIT, DETACHED, ERROR--> CLOSING --> gone
 *		        --LIST, INFO, ERROR---------------------------------> CLOSING
 *	job:	running --process ended--> draining --its output is out--> gone
 *		running --last client vanished, not persistent--> hung up, gone
 *
 * Whoever connects to the port is the host's user; guest programs cannot (listener_accepts).
 * Still all is bounded: the number of clients and jobs, each queue, the time until a client has
 * said what it wants and the time it may take to read its last frame. A client that breaks the
 * protocol loses its stream, nothing else.
 */
#ifndef GUEST_SERVER_H
#define GUEST_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/config.h"
#include "guest/loop.h"

enum { SERVER_MAX_CLIENTS = 256, SERVER_MAX_JOBS = 64 };

struct client;
struct job;

struct server {
	struct loop *loop;
	const struct guest_config *config;
	struct loop_source listener;
	struct client *clients;
	struct job *jobs;
	unsigned client_count;
	unsigned job_count;
	uint64_t last_id;
	int null_fd;	   /* /dev/null, for programs without input */
	unsigned reported; /* what `changed` was last told */
	bool stopping;

	/* Set by the owner, each may be NULL: the number of jobs without a client changed; the
	 * state of the Docker Engine for INFO. */
	void (*changed)(void *context, unsigned detached);
	const char *(*engine_state)(void *context);
	void *context;
};

/* Listens on an AF_VSOCK or AF_UNIX stream socket, which it takes. Returns 0 or -errno. */
int server_init(struct server *server, struct loop *loop, const struct guest_config *config,
	int listen_fd);

/* Writes what is queued; the loop's before_wait. */
void server_flush(void *server);

/* A child was reaped. True if it was a job's program. */
bool server_child_ended(struct server *server, pid_t pid, int wait_status);

/* No new sessions; every program gets SIGHUP and SIGTERM. */
void server_stop(struct server *server);

/* Jobs that live without a client. */
unsigned server_detached(const struct server *server);

/* Takes ownership of the request's strings as far as it needs them; called by the client. */
struct request;
void server_answer(struct server *server, struct client *client, struct request *request);

#endif
