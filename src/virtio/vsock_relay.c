/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay of sbx-vsock.
 *
 * Theory of operation
 *
 * One epoll loop. After each round of events vsock_work() serves the queues, then the keeper is
 * told if the number of session streams has changed; a keeper that does not read is told later,
 * it never holds up the relay.
 *
 * Each host socket belongs to one slot of the device from accept() to close(): a client reserves
 * its slot before it has said a word, so the table bounds the descriptors too.
 *
 *	client connects	GREETING ── "CONNECT n\n" ──▶ CONNECTING ── guest accepts, "OK" ──▶ OPEN
 *	guest connects	OPEN, by a socket pair whose other end goes to the keeper
 *
 * Sockets are watched edge-triggered for both directions at once: fetch() and deliver() work until
 * EAGAIN, the next edge says that there is more. What a client sends ahead of "OK" stays in its
 * socket, which is marked readable from the beginning.
 *
 * A client that hangs up still has its last bytes delivered (vsock_hangup); one that hangs up
 * before the guest has answered is abandoned.
 */
#include "virtio/vsock_relay.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/text.h"

enum { SESSION_PORT = 1024, CONTROL_PORT = 1023 };

/* To the keeper. */
enum { KEEPER_STREAMS = 1, KEEPER_CONTROL = 2, KEEPER_RETRY_MS = 100 };

struct keeper_message {
	uint32_t type; /* cppcheck-suppress unusedStructMember ; the keeper reads it */
	uint32_t value;
};

/* What an event is about: a kind, and the queue or client it belongs to. */
enum source { SOURCE_VHOST, SOURCE_LISTEN, SOURCE_KEEPER, SOURCE_QUEUE, SOURCE_CLIENT };

enum { EVENTS = 64 };

/* A guest that opens and closes its control stream in a loop is no work for the keeper. */
#define CONTROL_INTERVAL_NS 100000000ULL

static int watch(const struct relay *relay, int fd, uint32_t events, enum source source,
	uint32_t index)
{
	struct epoll_event event = { .events = events,
				     .data.u64 = (uint64_t)source << 32 | index };

	return epoll_ctl(relay->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/*
 * Puts the client into the slot. An event names it by slot and serial number: one that was reported
 * together with what made the slot free must not hit the client that got it next.
 */
static int add_client(struct relay *relay, unsigned slot, const struct relay_client *client)
{
	uint16_t serial = ++relay->last_serial;

	relay->clients[slot] = *client;
	relay->clients[slot].serial = serial;
	return watch(relay, client->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, SOURCE_CLIENT,
		(uint32_t)serial << 16 | slot);
}

static void free_client(struct relay *relay, unsigned slot)
{
	struct relay_client *client = &relay->clients[slot];

	if (client->from_guest)
		relay->control_open = false;
	close(client->fd);
	*client = (struct relay_client){ .fd = -1 };
}

static void say(const struct relay_client *client, const char *line)
{
	/* A line fits into an empty socket; a client that is gone is noticed by its hang-up. */
	ssize_t n = send(client->fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n;
}

/* The device's calls (struct vsock_host) */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whether the guest may have its control stream now. */
static bool control_is_due(const struct relay *relay, uint64_t now)
{
	return !relay->control_open && (relay->control_at_ns == 0 ||
		now - relay->control_at_ns >= CONTROL_INTERVAL_NS);
}

static int host_accept(void *arg, unsigned slot, uint32_t port)
{
	const struct keeper_message message = { KEEPER_CONTROL, 0 };
	struct relay *relay = arg;
	cleanup_close int ours = -1, theirs = -1;
	uint64_t now = now_ns();
	int pair[2], r;

	if (port != CONTROL_PORT || !control_is_due(relay, now))
		return -ECONNREFUSED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	/* A keeper that does not read: refused, the guest tries again. */
	r = io_send_fds(relay->keeper_fd, &message, sizeof(message), &theirs, 1);
	if (r < 0)
		return r;
	relay->control_open = true;
	relay->control_at_ns = now;
	r = add_client(relay, slot, &(struct relay_client){ .state = RELAY_OPEN,
		.fd = take_fd(&ours), .port = port, .from_guest = true });
	if (r < 0)
		free_client(relay, slot);
	return r;
}

static void host_established(void *arg, unsigned slot, uint32_t host_port)
{
	struct relay *relay = arg;
	char line[RELAY_MAX_LINE];

	snprintf(line, sizeof(line), "OK %u\n", host_port);
	say(&relay->clients[slot], line);
	relay->clients[slot].state = RELAY_OPEN;
}

static ssize_t host_fetch(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	const struct relay *relay = arg;
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t n;

	do
		n = recvmsg(relay->clients[slot].fd, &message, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -EAGAIN : 0;
	return n;
}

static ssize_t host_deliver(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	const struct relay *relay = arg;
	const struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t n;

	do
		n = sendmsg(relay->clients[slot].fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	return n;
}

static void host_shutdown(void *arg, unsigned slot, int how)
{
	const struct relay *relay = arg;

	shutdown(relay->clients[slot].fd, how);
}

static void host_ended(void *arg, unsigned slot)
{
	struct relay *relay = arg;

	if (relay->clients[slot].state == RELAY_CONNECTING)
		say(&relay->clients[slot], "ERR the guest refused the connection\n");
	free_client(relay, slot);
}

static void host_malformed(void *arg, unsigned queue)
{
	struct relay *relay = arg;

	vhost_user_report_error(&relay->vhost, queue);
}

static const struct vsock_host host = {
	.accept = host_accept,
	.established = host_established,
	.fetch = host_fetch,
	.deliver = host_deliver,
	.shutdown = host_shutdown,
	.ended = host_ended,
	.malformed = host_malformed,
};

/* The front end's calls (struct vhost_user_device) */

static void queue_started(void *arg, unsigned index)
{
	struct relay *relay = arg;
	struct vhost_user_queue *queues = relay->vhost.queues;

	/* The event queue tells of migration, which there is none of. */
	if (index == VSOCK_QUEUE_EVENT)
		return;
	if (queues[index].kick_fd >= 0)
		watch(relay, queues[index].kick_fd, EPOLLIN, SOURCE_QUEUE, index);
	if (queues[VSOCK_QUEUE_RX].running && queues[VSOCK_QUEUE_TX].running)
		vsock_start(&relay->vsock, &queues[VSOCK_QUEUE_RX].ring, &queues[VSOCK_QUEUE_TX].ring);
}

static void queue_stopped(void *arg, unsigned index)
{
	struct relay *relay = arg;

	if (index == VSOCK_QUEUE_EVENT)
		return;
	vsock_stop(&relay->vsock);
	if (relay->vhost.queues[index].kick_fd >= 0)
		epoll_ctl(relay->epoll_fd, EPOLL_CTL_DEL, relay->vhost.queues[index].kick_fd, NULL);
}

static int get_config(void *arg, uint32_t offset, void *bytes, uint32_t length)
{
	const struct relay *relay = arg;

	return vsock_read_config(&relay->vsock, offset, bytes, length);
}

static const struct vhost_user_device device = {
	.features = 1ULL << VIRTIO_F_VERSION_1 | 1ULL << VIRTIO_RING_F_EVENT_IDX |
		    1ULL << VIRTIO_RING_F_INDIRECT_DESC,
	.queue_count = VSOCK_QUEUES,
	.queue_started = queue_started,
	.queue_stopped = queue_stopped,
	.get_config = get_config,
};

/* Clients */

static void accept_clients(struct relay *relay)
{
	for (;;) {
		struct relay_client client = { .state = RELAY_GREETING };
		int slot;

		client.fd = accept4(relay->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (client.fd < 0)
			return;
		slot = vsock_reserve(&relay->vsock);
		if (slot < 0) {
			say(&client, "ERR too many streams\n");
			close(client.fd);
			continue;
		}
		if (add_client(relay, (unsigned)slot, &client) < 0) {
			vsock_abandon(&relay->vsock, (unsigned)slot);
			free_client(relay, (unsigned)slot);
		}
	}
}

static void refuse(struct relay *relay, unsigned slot, const char *line)
{
	say(&relay->clients[slot], line);
	vsock_abandon(&relay->vsock, slot);
	free_client(relay, slot);
}

/* "CONNECT <port>" without the newline. */
static int parse_greeting(const char *line, uint32_t *ret_port)
{
	static const char word[] = "CONNECT ";
	uint64_t port;
	int r;

	if (!text_has_prefix(line, word))
		return -EPROTO;
	r = text_parse_u64(line + sizeof(word) - 1, UINT32_MAX, &port);
	if (r < 0)
		return r;
	*ret_port = (uint32_t)port;
	return 0;
}

/*
 * Takes the line off the socket, and not a byte more: what follows it is for the guest.
 * Returns 1 with the line, 0 if it is not complete, -EPROTO if it never will be.
 */
static int read_greeting(const struct relay_client *client, char line[RELAY_MAX_LINE + 1])
{
	ssize_t n = recv(client->fd, line, RELAY_MAX_LINE, MSG_PEEK | MSG_DONTWAIT);
	const char *end;

	if (n < 0 && errno == EAGAIN)
		return 0;
	end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;
	if (!end)
		return n > 0 && n < RELAY_MAX_LINE ? 0 : -EPROTO;
	n = recv(client->fd, line, (size_t)(end - line) + 1, MSG_DONTWAIT);
	if (n != end - line + 1)
		return -EPROTO;
	line[n - 1] = '\0';
	return 1;
}

static void greet(struct relay *relay, unsigned slot)
{
	struct relay_client *client = &relay->clients[slot];
	char line[RELAY_MAX_LINE + 1];
	int r = read_greeting(client, line);

	if (r == 0)
		return;
	if (r < 0 || parse_greeting(line, &client->port) < 0) {
		refuse(relay, slot, "ERR say CONNECT <port>\n");
		return;
	}
	if (vsock_connect(&relay->vsock, slot, client->port) < 0) {
		refuse(relay, slot, "ERR the guest is not up\n");
		return;
	}
	client->state = RELAY_CONNECTING;
	vsock_readable(&relay->vsock, slot);
}

static void client_ready(struct relay *relay, uint32_t index, uint32_t events)
{
	unsigned slot = index & UINT16_MAX;
	struct relay_client *client = &relay->clients[slot];
	bool gone = events & (EPOLLHUP | EPOLLERR);

	if (client->serial != index >> 16)
		return;
	if (client->state == RELAY_GREETING)
		greet(relay, slot);
	if (client->state == RELAY_OPEN) {
		if (events & EPOLLOUT)
			vsock_writable(&relay->vsock, slot);
		if (client->state == RELAY_OPEN && events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
			vsock_readable(&relay->vsock, slot);
		if (client->state == RELAY_OPEN && gone) {
			client->gone = true;
			vsock_hangup(&relay->vsock, slot);
		}
	} else if (client->state != RELAY_FREE && gone) {
		vsock_abandon(&relay->vsock, slot);
		free_client(relay, slot);
	}
}

/* The loop */

/* A client that is gone keeps no VM running, however long the guest takes over its last bytes. */
static unsigned count_sessions(const struct relay *relay)
{
	unsigned count = 0;

	for (unsigned i = 0; i < VSOCK_STREAMS; i++)
		count += relay->clients[i].state >= RELAY_CONNECTING &&
			 !relay->clients[i].from_guest && !relay->clients[i].gone &&
			 relay->clients[i].port == SESSION_PORT;
	return count;
}

/* Returns false if the keeper could not be told now. */
static bool tell_keeper(struct relay *relay)
{
	struct keeper_message message = { KEEPER_STREAMS, count_sessions(relay) };

	if (message.value == relay->announced)
		return true;
	if (send(relay->keeper_fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return false;
	relay->announced = message.value;
	return true;
}

static void queue_kicked(struct relay *relay, unsigned index)
{
	uint64_t count;
	ssize_t n = read(relay->vhost.queues[index].kick_fd, &count, sizeof(count));

	(void)n; /* the kick is all there is to it */
}

/* Returns 0 to go on, 1 at the end, -errno. */
static int handle_event(struct relay *relay, const struct epoll_event *event)
{
	uint32_t index = (uint32_t)event->data.u64;
	int r;

	switch ((enum source)(event->data.u64 >> 32)) {
	case SOURCE_VHOST:
		r = vhost_user_handle(&relay->vhost);
		return r == -ECONNRESET ? 1 : r;
	case SOURCE_KEEPER:
		return 1;
	case SOURCE_LISTEN:
		accept_clients(relay);
		return 0;
	case SOURCE_QUEUE:
		if (relay->vhost.queues[index].running)
			queue_kicked(relay, index);
		return 0;
	default:
		client_ready(relay, index, event->events);
		return 0;
	}
}

static int wait_time(int work_ms, bool told)
{
	if (told)
		return work_ms;
	return work_ms >= 0 && work_ms < KEEPER_RETRY_MS ? work_ms : KEEPER_RETRY_MS;
}

int relay_run(struct relay *relay)
{
	struct epoll_event events[EVENTS];
	int timeout = -1;

	for (;;) {
		int count = epoll_wait(relay->epoll_fd, events, EVENTS, timeout);

		if (count < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < count; i++) {
			int r = handle_event(relay, &events[i]);

			if (r != 0)
				return r > 0 ? 0 : r;
		}
		timeout = vsock_work(&relay->vsock);
		timeout = wait_time(timeout, tell_keeper(relay));
	}
}

int relay_init(struct relay *relay, int vhost_fd, int listen_fd, int keeper_fd, uint32_t cid,
	struct err *err)
{
	int r;

	*relay = (struct relay){ .listen_fd = listen_fd, .keeper_fd = keeper_fd };
	for (unsigned i = 0; i < VSOCK_STREAMS; i++)
		relay->clients[i].fd = -1;
	relay->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (relay->epoll_fd < 0)
		return err_errno(err, errno, "epoll");
	r = vsock_init(&relay->vsock, cid, &host, relay);
	if (r == 0)
		r = vhost_user_init(&relay->vhost, vhost_fd, &device, relay);
	if (r == 0)
		r = io_set_nonblocking(listen_fd, true);
	if (r == 0)
		r = io_set_nonblocking(keeper_fd, true);
	if (r == 0)
		r = watch(relay, vhost_fd, EPOLLIN, SOURCE_VHOST, 0);
	if (r == 0)
		r = watch(relay, listen_fd, EPOLLIN, SOURCE_LISTEN, 0);
	if (r == 0)
		r = watch(relay, keeper_fd, EPOLLIN | EPOLLRDHUP, SOURCE_KEEPER, 0);
	return r < 0 ? err_errno(err, -r, "start the device") : 0;
}
