/* SPDX-License-Identifier: Apache-2.0 */
/* The link to sbx-vsock and the guest's control stream. */
#include "keeper/guest.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"

enum { VSOCK_STREAMS = 1, VSOCK_CONTROL = 2 };

/* One packet of sbx-vsock. */
struct vsock_message {
	uint32_t type;
	uint32_t value;
};

static void drop_stream(struct guest *guest)
{
	loop_close(guest->loop, &guest->stream);
	guest->reader = (struct record_reader){ 0 };
}

/* The guest's number, cut so that no sum of numbers of sessions overflows. */
static void set_detached(struct guest *guest, uint32_t count)
{
	if (count > GUEST_DETACHED_MAX)
		count = GUEST_DETACHED_MAX;
	if (guest->detached == count)
		return;
	guest->detached = count;
	guest->changed(guest);
}

static void handle_record(void *arg, const struct record *record)
{
	struct guest *guest = arg;

	switch (record->type) {
	case RECORD_READY:
		guest->ready(guest);
		break;
	case RECORD_SESSIONS:
		set_detached(guest, record->argument);
		break;
	default:
		break;
	}
}

/*
 * Not read(): sbx-vsock holds the same open socket, and may make it blocking again. What is no
 * socket at all fails here.
 */
static void stream_ready(struct watch *watch, uint32_t events)
{
	struct guest *guest = container_of(watch, struct guest, stream);
	unsigned char bytes[RECORD_SIZE * 64];
	ssize_t n = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop_stream(guest);
		return;
	}
	if (record_feed(&guest->reader, bytes, (size_t)n, monotonic_ns(), handle_record, guest)) {
		log_warn("control stream: too many records, dropped");
		drop_stream(guest);
	}
}

/* Takes the descriptor. */
static void take_stream(struct guest *guest, int fd)
{
	drop_stream(guest);
	guest->stream.fd = fd;
	if (loop_add(guest->loop, &guest->stream, EPOLLIN) < 0)
		drop_stream(guest);
}

static void handle_message(struct guest *guest, const struct vsock_message *message, int fd)
{
	if (message->type == VSOCK_CONTROL && fd >= 0) {
		take_stream(guest, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (message->type != VSOCK_STREAMS || message->value > GUEST_STREAMS_MAX)
		return;
	if (message->value == guest->streams)
		return;
	guest->streams = message->value;
	guest->changed(guest);
}

static void vsock_ready(struct watch *watch, uint32_t events)
{
	struct guest *guest = container_of(watch, struct guest, vsock);
	struct vsock_message message;
	size_t count = 1;
	int fd = -1;
	ssize_t n = io_recv_fds(watch->fd, &message, sizeof(message), &fd, &count);

	if (n == -EAGAIN)
		return;
	if (n == (ssize_t)sizeof(message)) {
		handle_message(guest, &message, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	/* End of the link: sbx-vsock ended, or speaks nonsense and ends when it sees this. */
	loop_close(guest->loop, watch);
}

void guest_init(struct guest *guest, struct loop *loop, void (*ready)(struct guest *guest),
	void (*changed)(struct guest *guest))
{
	*guest = (struct guest){
		.loop = loop,
		.vsock = { .fd = -1, .ready = vsock_ready },
		.stream = { .fd = -1, .ready = stream_ready },
		.ready = ready,
		.changed = changed,
	};
}

int guest_attach(struct guest *guest, int vsock_fd)
{
	int r;

	guest->vsock.fd = vsock_fd;
	r = io_set_nonblocking(vsock_fd, true);
	if (r == 0)
		r = loop_add(guest->loop, &guest->vsock, EPOLLIN);
	if (r < 0)
		guest_detach(guest);
	return r;
}

void guest_detach(struct guest *guest)
{
	drop_stream(guest);
	loop_close(guest->loop, &guest->vsock);
	guest->streams = 0;
	guest->detached = 0;
}

bool guest_send(struct guest *guest, enum record_type type, uint32_t argument, uint64_t value)
{
	const struct record record = { type, argument, value };
	unsigned char bytes[RECORD_SIZE];
	ssize_t n;

	if (guest->stream.fd < 0)
		return false;
	record_encode(&record, bytes);
	n = send(guest->stream.fd, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n == (ssize_t)sizeof(bytes))
		return true;
	/* After half a record the stream is of no use; the guest connects again. */
	if (n > 0)
		drop_stream(guest);
	return false;
}
