/* SPDX-License-Identifier: Apache-2.0 */
/* The driver and the host of test_vsock.c. */
#include "vsock_world.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static int host_accept(void *arg, unsigned slot, uint32_t port)
{
	struct world *world = arg;

	if (port != CONTROL_PORT)
		return -ECONNREFUSED;
	world->accepted++;
	world->last_slot = (int)slot;
	return 0;
}

static void host_established(void *arg, unsigned slot, uint32_t host_port)
{
	struct world *world = arg;

	assert_true(host_port >= 1U << 30);
	world->established++;
}

static ssize_t host_fetch(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	struct world *world = arg;
	size_t moved = 0;

	for (size_t i = 0; i < count && moved < world->to_guest_length; i++) {
		size_t n = world->to_guest_length - moved;

		if (n > iov[i].iov_len)
			n = iov[i].iov_len;
		memcpy(iov[i].iov_base, world->to_guest + moved, n);
		moved += n;
	}
	world->to_guest_length -= moved;
	memmove(world->to_guest, world->to_guest + moved, world->to_guest_length);
	return moved || world->to_guest_over ? (ssize_t)moved : -EAGAIN;
}

static ssize_t host_deliver(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	struct world *world = arg;
	size_t length = 0;

	if (world->deliver_error)
		return -world->deliver_error;
	for (size_t i = 0; i < count; i++)
		length += iov[i].iov_len;
	if (length > world->room)
		length = world->room;
	world->room -= length;
	world->delivered += length;
	return (ssize_t)length;
}

static void host_shutdown(void *arg, unsigned slot, int how)
{
	struct world *world = arg;

	world->shutdowns += 1 + how;
}

static void host_ended(void *arg, unsigned slot)
{
	struct world *world = arg;

	world->ended++;
}

static void host_malformed(void *arg, unsigned queue)
{
	struct world *world = arg;

	world->malformed++;
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

/* The driver */

static void start_queue(struct world *world, unsigned index)
{
	unsigned char *at = world->bytes + (index + 1) * 4 * QUEUE_AT;
	const struct virtqueue_layout layout = { at, at + QUEUE_AT, at + 2 * QUEUE_AT, SIZE, 0 };

	memset(at, 0, 3 * QUEUE_AT);
	world->rings[index] = (struct ring){
		.descriptors = (struct vring_desc *)at,
		.available = (struct vring_avail *)(at + QUEUE_AT),
		.used = (struct vring_used *)(at + 2 * QUEUE_AT),
	};
	world->queues[index].call_fd = -1;
	assert_int_equal(virtqueue_start(&world->queues[index], &world->memory, &layout, false), 0);
}

static void offer(struct world *world, unsigned index, uint16_t head)
{
	struct ring *ring = &world->rings[index];

	ring->available->ring[ring->available->idx % SIZE] = head;
	ring->available->idx++;
}

static void put_descriptor(struct world *world, unsigned index, uint16_t i, uint64_t addr,
	uint32_t length, uint16_t flags, uint16_t next)
{
	world->rings[index].descriptors[i] = (struct vring_desc){ addr, length, flags, next };
}

static uint64_t buffer_of(unsigned index, uint16_t i)
{
	return BUFFERS_AT + (index * SIZE + i) * (uint64_t)BUFFER;
}

void world_start(struct world *world)
{
	start_queue(world, VSOCK_QUEUE_RX);
	start_queue(world, VSOCK_QUEUE_TX);
	for (uint16_t i = 0; i < SIZE; i++) {
		put_descriptor(world, VSOCK_QUEUE_RX, i, buffer_of(VSOCK_QUEUE_RX, i), BUFFER,
			VRING_DESC_F_WRITE, 0);
		offer(world, VSOCK_QUEUE_RX, i);
	}
	vsock_start(&world->vsock, &world->queues[0], &world->queues[1]);
}

const struct virtio_vsock_hdr *world_next(struct world *world)
{
	struct ring *ring = &world->rings[VSOCK_QUEUE_RX];
	const struct vring_used_elem *element = &ring->used->ring[ring->taken % SIZE];

	vsock_work(&world->vsock);
	if (ring->taken == ring->used->idx)
		return NULL;
	assert_in_range(element->len, sizeof(struct virtio_vsock_hdr), BUFFER);
	ring->taken++;
	offer(world, VSOCK_QUEUE_RX, (uint16_t)element->id);
	return (void *)(world->bytes + buffer_of(VSOCK_QUEUE_RX, (uint16_t)element->id));
}

const struct virtio_vsock_hdr *world_expect(struct world *world, unsigned op)
{
	const struct virtio_vsock_hdr *header = world_next(world);

	assert_non_null(header);
	assert_int_equal(le16toh(header->op), op);
	assert_int_equal(le64toh(header->dst_cid), CID);
	return header;
}

struct virtio_vsock_hdr world_packet(uint32_t host_port, unsigned op, uint32_t length)
{
	return (struct virtio_vsock_hdr){
		.src_cid = CID,
		.dst_cid = VSOCK_HOST_CID,
		.src_port = AGENT_PORT,
		.dst_port = host_port,
		.len = length,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = (uint16_t)op,
		.buf_alloc = GUEST_ALLOC,
	};
}

void world_send_header(struct world *world, const struct virtio_vsock_hdr *header)
{
	struct ring *ring = &world->rings[VSOCK_QUEUE_TX];
	uint16_t head = ring->available->idx % SIZE;
	uint64_t at = buffer_of(VSOCK_QUEUE_TX, head);

	memcpy(world->bytes + at, header, sizeof(*header));
	put_descriptor(world, VSOCK_QUEUE_TX, head, at,
		(uint32_t)sizeof(*header) + (header->len < 4096 ? header->len : 4096), 0, 0);
	offer(world, VSOCK_QUEUE_TX, head);
	vsock_work(&world->vsock);
}

void world_send(struct world *world, uint32_t host_port, unsigned op, uint32_t length)
{
	const struct virtio_vsock_hdr header = world_packet(host_port, op, length);

	world_send_header(world, &header);
}

int world_set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct memory_region region = { .guest = 0, .front = 0, .size = MEMORY };
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (!world || fd < 0 || ftruncate(fd, MEMORY) < 0 ||
		memory_map(&world->memory, &region, fd, 0) < 0 ||
		vsock_init(&world->vsock, CID, &host, world) < 0)
		return -1;
	close(fd);
	world->bytes = world->memory.regions[0].bytes;
	world->room = SIZE_MAX;
	world_start(world);
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *world = *state;

	vsock_finish(&world->vsock);
	memory_clear(&world->memory);
	free(world);
	return 0;
}

unsigned world_open(struct world *world)
{
	world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_REQUEST, 0);
	world_expect(world, VIRTIO_VSOCK_OP_RESPONSE);
	return (unsigned)world->last_slot;
}
