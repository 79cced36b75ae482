/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vsock device under a hostile guest (any bytes in its memory and rings, any packet, at any
 * moment) and a host that does what it may in any order.
 */
#include <errno.h>
#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "virtio/vsock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CID = 3, ENTRIES = 16, MEMORY = 1 << 16, RING = 0x1000, BUFFERS = 0x8000, BUFFER = 0x400 };

enum owner { NOBODY, RESERVED, CONNECTING, OPEN };

static struct world {
	struct vsock vsock;
	struct memory memory;
	struct virtqueue queues[2];
	unsigned char *bytes;
	enum owner owners[VSOCK_STREAMS];
	uint16_t fetch; /* bytes the host has for the guest; 0: the end of them */
	bool has_none;	/* … none now */
	uint16_t room;	/* of a delivery */
	bool broken;	/* deliveries fail */
} world;

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take8(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static uint16_t take16(struct input *input)
{
	uint16_t low = take8(input);

	return (uint16_t)(low | take8(input) << 8);
}

static void check(bool good)
{
	if (!good)
		abort();
}

static int host_accept(void *arg, unsigned slot, uint32_t port)
{
	if (port > 2)
		return -ECONNREFUSED;
	check(world.owners[slot] == NOBODY);
	world.owners[slot] = OPEN;
	return 0;
}

static void host_established(void *arg, unsigned slot, uint32_t host_port)
{
	check(world.owners[slot] == CONNECTING);
	world.owners[slot] = OPEN;
}

static ssize_t host_fetch(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	size_t done = 0;

	check(world.owners[slot] == OPEN);
	if (world.has_none)
		return -EAGAIN;
	for (size_t i = 0; i < count && done < world.fetch; i++) {
		size_t n = world.fetch - done;

		if (n > iov[i].iov_len)
			n = iov[i].iov_len;
		memset(iov[i].iov_base, 'x', n);
		done += n;
	}
	world.has_none = done > 0;
	return (ssize_t)done;
}

static ssize_t host_deliver(void *arg, unsigned slot, const struct iovec *iov, size_t count)
{
	static unsigned char copy[MEMORY];
	size_t length = 0;

	check(world.owners[slot] == OPEN && count > 0);
	if (world.broken)
		return -EPIPE;
	for (size_t i = 0; i < count; i++) {
		for (size_t done = 0; done < iov[i].iov_len; done += sizeof(copy))
			memcpy(copy, (unsigned char *)iov[i].iov_base + done,
				iov[i].iov_len - done < sizeof(copy) ? iov[i].iov_len - done
								     : sizeof(copy));
		length += iov[i].iov_len;
	}
	return (ssize_t)(length < world.room ? length : world.room);
}

static void host_shutdown(void *arg, unsigned slot, int how)
{
	check(world.owners[slot] == OPEN);
}

static void host_ended(void *arg, unsigned slot)
{
	check(world.owners[slot] == OPEN || world.owners[slot] == CONNECTING);
	world.owners[slot] = NOBODY;
}

static void host_malformed(void *arg, unsigned queue)
{
	check(queue < 2);
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

static unsigned char *ring_at(unsigned index)
{
	return world.bytes + RING + index * 3 * RING;
}

static void start(bool anew)
{
	for (unsigned i = 0; i < 2; i++) {
		unsigned char *at = ring_at(i);
		struct virtqueue_layout layout = { at, at + RING, at + 2 * RING, ENTRIES,
			world.queues[i].next_available };

		if (anew) {
			memset(at, 0, 3 * RING);
			layout.base = 0;
		}
		world.queues[i].call_fd = -1;
		check(virtqueue_start(&world.queues[i], &world.memory, &layout, i == 1) == 0);
	}
	vsock_start(&world.vsock, &world.queues[0], &world.queues[1]);
}

static void offer(unsigned index, uint32_t length, uint16_t flags)
{
	struct vring_desc *descriptors = (void *)ring_at(index);
	struct vring_avail *available = (void *)(ring_at(index) + RING);
	uint16_t i = available->idx % ENTRIES;

	descriptors[i] = (struct vring_desc){ BUFFERS + (index * ENTRIES + i) * BUFFER, length,
		flags, 0 };
	available->ring[i] = i;
	available->idx++;
}

static void send_packet(struct input *input)
{
	struct vring_avail *available = (void *)(ring_at(1) + RING);
	struct virtio_vsock_hdr header = {
		.src_cid = CID,
		.dst_cid = VSOCK_HOST_CID,
		.op = take8(input) % 9,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.src_port = take8(input) % 4,
		.dst_port = take8(input) % 4,
		.len = take16(input) % (BUFFER - sizeof(header) + 2),
		.flags = take8(input) % 4,
		.buf_alloc = take16(input) * 4U,
		.fwd_cnt = take16(input),
	};

	if (take8(input) % 2)
		header.dst_port |= 1U << 30; /* what the host has chosen */
	memcpy(world.bytes + BUFFERS + (ENTRIES + available->idx % ENTRIES) * BUFFER, &header,
		sizeof(header));
	offer(1, BUFFER, 0);
}

static void connect_guest(struct input *input)
{
	int slot = vsock_reserve(&world.vsock);

	if (slot < 0)
		return;
	check(world.owners[slot] == NOBODY);
	world.owners[slot] = RESERVED;
	if (vsock_connect(&world.vsock, (unsigned)slot, take8(input) % 4) == 0)
		world.owners[slot] = CONNECTING;
}

static void use_slot(struct input *input, unsigned what)
{
	unsigned slot = take8(input) % 8;
	enum owner owner = world.owners[slot];

	if (owner == OPEN && what == 0)
		vsock_writable(&world.vsock, slot);
	else if (owner == OPEN && what == 1)
		vsock_hangup(&world.vsock, slot);
	else if ((owner == OPEN || owner == CONNECTING) && what == 2)
		vsock_readable(&world.vsock, slot);
	else if ((owner == RESERVED || owner == CONNECTING) && what == 3) {
		vsock_abandon(&world.vsock, slot);
		world.owners[slot] = NOBODY;
	}
}

static void scribble(struct input *input)
{
	uint16_t at = take16(input);

	for (unsigned n = take8(input) % 32; n > 0; n--)
		world.bytes[at++] = take8(input);
}

static void step(struct input *input)
{
	unsigned what = take8(input) % 12;

	switch (what) {
	case 0:
		scribble(input);
		break;
	case 1:
	case 2:
		send_packet(input);
		break;
	case 3:
		offer(0, BUFFER, VRING_DESC_F_WRITE);
		break;
	case 4:
		connect_guest(input);
		break;
	case 5:
		world.fetch = take16(input) % 1500;
		world.has_none = false;
		world.room = take16(input);
		world.broken = take8(input) % 8 == 0;
		break;
	case 6:
		vsock_stop(&world.vsock);
		start(take8(input) % 2);
		break;
	case 7:
		vsock_work(&world.vsock);
		break;
	default:
		use_slot(input, what - 8);
		break;
	}
}

static void make_memory(void)
{
	struct memory_region region = { .size = MEMORY };
	int fd = memfd_create("guest", MFD_CLOEXEC);

	check(fd >= 0 && ftruncate(fd, MEMORY) == 0);
	check(memory_map(&world.memory, &region, fd, 0) == 0);
	close(fd);
	world.bytes = world.memory.regions[0].bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	if (!world.bytes)
		make_memory();
	memset(world.bytes, 0, MEMORY);
	memset(world.owners, 0, sizeof(world.owners));
	world.fetch = 100;
	world.room = UINT16_MAX;
	world.has_none = world.broken = false;
	setenv("SBX_LOG", "error", 1);
	check(vsock_init(&world.vsock, CID, &host, NULL) == 0);
	start(true);
	while (input.size > 0) {
		step(&input);
		if (take8(&input) % 4)
			vsock_work(&world.vsock);
	}
	vsock_finish(&world.vsock);
	return 0;
}
