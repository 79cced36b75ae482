/* SPDX-License-Identifier: Apache-2.0 */
/* The relay's neighbours. */
#include "relay_world.h"

#include <endian.h>
#include <errno.h>
#include <linux/vhost_types.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/io.h"
#include "virtio/vsock_relay.h"

enum { MEMORY = 1 << 20, PAGE = 4096, RING_PAGES = 4, BUFFERS_AT = 65536, WAIT_MS = 10000 };

enum {
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	SET_VRING_ENABLE = 18,
};

struct message {
	uint32_t request, flags, size;
	unsigned char payload[300];
};

static void wait_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, WAIT_MS), 1);
}

/* The VMM */

static void tell_with_fd(struct world *world, uint32_t request, const void *payload, uint32_t size,
	int fd)
{
	struct message message = { request, 1, size, { 0 } };

	if (size > 0)
		memcpy(message.payload, payload, size);
	assert_int_equal(io_send_fds(world->vhost_fd, &message, 12 + size, &fd, fd >= 0), 0);
}

void world_tell(struct world *world, uint32_t request, const void *payload, uint32_t size)
{
	tell_with_fd(world, request, payload, size, -1);
}

const void *world_ask(struct world *world, uint32_t request, const void *payload, uint32_t size)
{
	static struct message answer;

	world_tell(world, request, payload, size);
	wait_readable(world->vhost_fd);
	assert_in_range(recv(world->vhost_fd, &answer, sizeof(answer), 0), 12, sizeof(answer));
	assert_int_equal(answer.request, request);
	assert_int_equal(answer.flags, 5);
	return answer.payload;
}

static void tell_state(struct world *world, uint32_t request, uint32_t index, uint32_t value)
{
	struct vhost_vring_state state = { index, value };

	world_tell(world, request, &state, sizeof(state));
}

static void tell_fd(struct world *world, uint32_t request, uint64_t index, int fd)
{
	tell_with_fd(world, request, &index, sizeof(index), fd);
}

static uint64_t buffer_of(unsigned queue, unsigned i)
{
	return BUFFERS_AT + (queue * SIZE + i) * (uint64_t)BUFFER;
}

static void start_queue(struct world *world, unsigned index)
{
	struct driver_queue *queue = &world->queues[index];
	unsigned char *at = world->bytes + index * RING_PAGES * PAGE;
	struct vhost_vring_addr addr = { .index = index };

	memset(at, 0, (size_t)RING_PAGES * PAGE);
	queue->descriptors = (void *)at;
	queue->available = (void *)(at + PAGE);
	queue->used = (void *)(at + 2 * PAGE);
	queue->taken = 0;
	for (uint16_t i = 0; i < SIZE && index == RX; i++) {
		queue->descriptors[i] =
			(struct vring_desc){ buffer_of(RX, i), BUFFER, VRING_DESC_F_WRITE, 0 };
		queue->available->ring[queue->available->idx++] = i;
	}
	addr.desc_user_addr = (uintptr_t)queue->descriptors;
	addr.avail_user_addr = (uintptr_t)queue->available;
	addr.used_user_addr = (uintptr_t)queue->used;
	tell_state(world, SET_VRING_NUM, index, SIZE);
	tell_state(world, SET_VRING_BASE, index, 0);
	world_tell(world, SET_VRING_ADDR, &addr, sizeof(addr));
	tell_fd(world, SET_VRING_ERR, index, queue->error_fd);
	tell_fd(world, SET_VRING_CALL, index, queue->call_fd);
	tell_fd(world, SET_VRING_KICK, index, queue->kick_fd);
	tell_state(world, SET_VRING_ENABLE, index, 1);
}

void world_start(struct world *world)
{
	struct {
		uint32_t count, padding;
		uint64_t guest, size, front, offset;
	} table = { 1, 0, 0, MEMORY, (uintptr_t)world->bytes, 0 };
	uint64_t features = 1ULL << 32 | 1ULL << 30;

	world_tell(world, SET_FEATURES, &features, sizeof(features));
	tell_with_fd(world, SET_MEM_TABLE, &table, sizeof(table), world->memory_fd);
	start_queue(world, RX);
	start_queue(world, TX);
	/* Its answer says that all before it is done. */
	world_ask(world, GET_FEATURES, NULL, 0);
}

void world_stop(struct world *world)
{
	for (uint32_t i = 0; i < 2; i++) {
		struct vhost_vring_state state = { i, 0 };

		world_ask(world, GET_VRING_BASE, &state, sizeof(state));
	}
}

/* The guest's driver */

static uint16_t used_index(const struct driver_queue *queue)
{
	return __atomic_load_n(&queue->used->idx, __ATOMIC_ACQUIRE);
}

static void offer(struct driver_queue *queue, uint16_t head)
{
	uint16_t index = queue->available->idx;

	queue->available->ring[index % SIZE] = head;
	__atomic_store_n(&queue->available->idx, (uint16_t)(index + 1), __ATOMIC_RELEASE);
	assert_int_equal(eventfd_write(queue->kick_fd, 1), 0);
}

const struct virtio_vsock_hdr *world_next(struct world *world)
{
	struct driver_queue *queue = &world->queues[RX];
	static union {
		struct virtio_vsock_hdr header;
		unsigned char bytes[BUFFER];
	} packet;
	uint16_t head;

	while (used_index(queue) == queue->taken) {
		eventfd_t count;

		wait_readable(queue->call_fd);
		eventfd_read(queue->call_fd, &count);
	}
	head = (uint16_t)queue->used->ring[queue->taken++ % SIZE].id;
	memcpy(packet.bytes, world->bytes + buffer_of(RX, head), BUFFER);
	offer(queue, head);
	return &packet.header;
}

const struct virtio_vsock_hdr *world_expect(struct world *world, unsigned op)
{
	const struct virtio_vsock_hdr *header = world_next(world);

	assert_int_equal(le16toh(header->op), op);
	return header;
}

void world_send(struct world *world, uint32_t guest_port, uint32_t host_port, unsigned op,
	uint32_t flags, const char *payload)
{
	struct driver_queue *queue = &world->queues[TX];
	uint32_t length = payload ? (uint32_t)strlen(payload) : 0;
	uint16_t head = queue->available->idx % SIZE;
	struct virtio_vsock_hdr header = {
		.src_cid = CID,
		.dst_cid = VSOCK_HOST_CID,
		.src_port = guest_port,
		.dst_port = host_port,
		.len = length,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.flags = flags,
		.buf_alloc = world->credit,
	};

	memcpy(world->bytes + buffer_of(TX, head), &header, sizeof(header));
	if (length > 0)
		memcpy(world->bytes + buffer_of(TX, head) + sizeof(header), payload, length);
	queue->descriptors[head] = (struct vring_desc){ buffer_of(TX, head),
		(uint32_t)sizeof(header) + length, 0, 0 };
	offer(queue, head);
}

/* Clients and the keeper */

int world_client(struct world *world, const char *greeting)
{
	struct sockaddr_un address;
	socklen_t length = sizeof(address);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(getsockname(world->listen_fd, (struct sockaddr *)&address, &length), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(io_write_full(fd, greeting, strlen(greeting)), 0);
	return fd;
}

int world_session(struct world *world, uint32_t port, uint32_t *ret_port)
{
	char line[40];
	int fd;

	snprintf(line, sizeof(line), "CONNECT %u\n", port);
	fd = world_client(world, line);
	*ret_port = le32toh(world_expect(world, VIRTIO_VSOCK_OP_REQUEST)->src_port);
	world_send(world, port, *ret_port, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL);
	snprintf(line, sizeof(line), "OK %u\n", *ret_port);
	world_read(fd, line);
	return fd;
}

void world_read(int fd, const char *text)
{
	char bytes[256] = { 0 };
	size_t length = text ? strlen(text) : 1;

	for (size_t done = 0; done < length;) {
		ssize_t n;

		wait_readable(fd);
		n = read(fd, bytes + done, length - done);
		if (!text) {
			assert_true(n == 0 || errno == ECONNRESET);
			return;
		}
		assert_true(n > 0);
		done += (size_t)n;
	}
	assert_string_equal(bytes, text);
}

int world_keeper(struct world *world, uint32_t type, uint32_t value)
{
	uint32_t packet[2];
	size_t count = 1;
	int fd = -1;

	wait_readable(world->keeper_fd);
	assert_int_equal(io_recv_fds(world->keeper_fd, packet, sizeof(packet), &fd, &count),
		sizeof(packet));
	assert_int_equal(packet[0], type);
	assert_int_equal(packet[1], value);
	return count == 1 ? fd : -1;
}

/* The relay */

static void __attribute__((noreturn)) run_relay(int vhost_fd, int listen_fd, int keeper_fd)
{
	static struct relay relay;

	signal(SIGPIPE, SIG_IGN);
	if (relay_init(&relay, vhost_fd, listen_fd, keeper_fd, CID, NULL) < 0)
		_exit(99);
	_exit(relay_run(&relay) < 0 ? 1 : 0);
}

static int make_listener(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* An address without a name: the kernel makes one up. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) < 0 || listen(fd, 300) < 0)
		return -1;
	return fd;
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	int vhost[2], keeper[2];

	if (!world || socketpair(AF_UNIX, SOCK_STREAM, 0, vhost) < 0 ||
		socketpair(AF_UNIX, SOCK_SEQPACKET, 0, keeper) < 0)
		return -1;
	world->credit = 65536;
	world->listen_fd = make_listener();
	world->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	if (world->listen_fd < 0 || ftruncate(world->memory_fd, MEMORY) < 0)
		return -1;
	world->bytes = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, world->memory_fd, 0);
	for (unsigned i = 0; i < 2; i++) {
		world->queues[i].kick_fd = eventfd(0, EFD_NONBLOCK);
		world->queues[i].call_fd = eventfd(0, EFD_NONBLOCK);
		world->queues[i].error_fd = eventfd(0, EFD_NONBLOCK);
	}
	world->vhost_fd = vhost[0];
	world->keeper_fd = keeper[0];
	world->relay = fork();
	if (world->relay == 0) {
		close(vhost[0]);
		close(keeper[0]);
		run_relay(vhost[1], world->listen_fd, keeper[1]);
	}
	close(vhost[1]);
	close(keeper[1]);
	*state = world;
	return world->relay < 0 ? -1 : 0;
}

int world_wait(struct world *world)
{
	int status = -1;

	assert_int_equal(waitpid(world->relay, &status, 0), world->relay);
	world->relay = 0;
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int world_tear_down(void **state)
{
	struct world *world = *state;

	close(world->vhost_fd);
	close(world->keeper_fd);
	close(world->listen_fd);
	close(world->memory_fd);
	if (world->relay > 0)
		waitpid(world->relay, NULL, 0);
	for (unsigned i = 0; i < 2; i++) {
		close(world->queues[i].kick_fd);
		close(world->queues[i].call_fd);
		close(world->queues[i].error_fd);
	}
	munmap(world->bytes, MEMORY);
	free(world);
	return 0;
}
