/* SPDX-License-Identifier: Apache-2.0 */
/* The session server: tables, requests. */
#include "guest/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "common/io.h"
#include "guest/client.h"
#include "guest/info.h"
#include "guest/job.h"
#include "guest/request.h"

enum { ACCEPTS_PER_EVENT = 16 };

/*
 * Over vsock the host alone may ask. A guest program that connects through the loopback has a
 * local context id, and AF_VSOCK knows no network namespaces: without this check a container
 * could start programs as root of the sandbox.
 */
static bool may_connect(const struct sockaddr_storage *peer)
{
	struct sockaddr_vm address;

	if (peer->ss_family != AF_VSOCK)
		return true;
	memcpy(&address, peer, sizeof(address));
	return address.svm_cid == VMADDR_CID_HOST;
}

static void handle_listener(void *context, uint32_t events)
{
	struct server *server = context;

	for (int i = 0; i < ACCEPTS_PER_EVENT; i++) {
		struct sockaddr_storage peer = { 0 };
		socklen_t length = sizeof(peer);
		int fd = accept4(server->listener.fd, (struct sockaddr *)&peer, &length,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (server->client_count >= SERVER_MAX_CLIENTS || !may_connect(&peer))
			close(fd);
		else
			client_create(server, fd);
	}
}

int server_init(struct server *server, struct loop *loop, const struct guest_config *config,
	int listen_fd)
{
	int r;

	*server = (struct server){ .loop = loop, .config = config };
	server->listener = (struct loop_source){ .fd = listen_fd,
						 .handle = handle_listener,
						 .context = server };
	server->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (server->null_fd < 0)
		return -errno;
	r = io_set_nonblocking(listen_fd, true);
	if (r < 0)
		return r;
	loop->before_wait = server_flush;
	loop->before_wait_context = server;
	return loop_watch(loop, &server->listener, EPOLLIN);
}

unsigned server_detached(const struct server *server)
{
	unsigned count = 0;

	for (const struct job *job = server->jobs; job; job = job->next)
		count += job->client_count == 0;
	return count;
}

void server_flush(void *context)
{
	struct server *server = context;
	struct client *next;
	unsigned detached;

	for (struct client *client = server->clients; client; client = next) {
		next = client->next;
		client_flush(client);
	}
	detached = server_detached(server);
	if (detached != server->reported) {
		server->reported = detached;
		if (server->changed)
			server->changed(server->context, detached);
	}
}

bool server_child_ended(struct server *server, pid_t pid, int wait_status)
{
	for (struct job *job = server->jobs; job; job = job->next) {
		if (job->pid == pid && !job->exited) {
			job_ended(job, wait_status);
			return true;
		}
	}
	return false;
}

void server_stop(struct server *server)
{
	server->stopping = true;
	for (struct job *job = server->jobs; job; job = job->next) {
		if (job->exited)
			continue;
		/* Shells ignore SIGTERM, other programs SIGHUP. */
		kill(-job->pid, SIGHUP);
		kill(-job->pid, SIGTERM);
		kill(-job->pid, SIGCONT);
	}
}

static struct job *find_job(const struct server *server, const struct request *request)
{
	for (struct job *job = server->jobs; job; job = job->next) {
		if (job->exited)
			continue;
		if (request->id && job->id == request->id)
			return job;
		if (!request->id && request->name && job->name &&
			strcmp(job->name, request->name) == 0)
			return job;
	}
	return NULL;
}

static void set_window(struct client *client, const struct request *request)
{
	client->rows = request->rows;
	client->columns = request->columns;
}

static void answer_attach(struct server *server, struct client *client, struct request *request)
{
	struct job *job = find_job(server, request);

	if (!job) {
		client_send_error(client, ENOENT, "no such session");
		return;
	}
	set_window(client, request);
	job_attach(job, client, true);
}

static void report_failure(struct client *client, const struct job_failure *failure)
{
	if (failure->status == 0) {
		client_send_error(client, failure->error, "%s", failure->text);
		return;
	}
	client_send(client, SESSION_STDERR, failure->text, strlen(failure->text));
	client_send_exit(client, failure->status);
}

static void start_job(struct server *server, struct client *client, struct request *request)
{
	struct job_failure failure = { 0 };
	struct job *job;

	if (server->stopping || server->job_count >= SERVER_MAX_JOBS) {
		client_send_error(client, server->stopping ? ESHUTDOWN : EAGAIN,
			server->stopping ? "the sandbox is stopping" : "too many sessions");
		return;
	}
	if (job_start(server, request, &job, &failure) < 0) {
		report_failure(client, &failure);
		return;
	}
	if (request->flags & SESSION_DETACHED_START) {
		client_send_started(client, job->id, 0, false);
		client_close(client);
		return;
	}
	job_attach(job, client, false);
}

static void answer_exec(struct server *server, struct client *client, struct request *request)
{
	struct job *job = request->name ? find_job(server, request) : NULL;

	set_window(client, request);
	if (!job)
		start_job(server, client, request);
	else if (request->flags & SESSION_OR_ATTACH)
		job_attach(job, client, true);
	else
		client_send_error(client, EEXIST, "a session of that name is running");
}

void server_answer(struct server *server, struct client *client, struct request *request)
{
	switch (request->type) {
	case SESSION_EXEC:
		request->id = 0;
		answer_exec(server, client, request);
		break;
	case SESSION_ATTACH:
		answer_attach(server, client, request);
		break;
	case SESSION_LIST:
		info_send_list(server, client);
		break;
	default:
		info_send(server, client);
		break;
	}
}
