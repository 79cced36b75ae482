/* SPDX-License-Identifier: Apache-2.0 */
/* A vsock device with a driver in front of it and a host behind it, for test_vsock.c. */
#ifndef TESTS_UNIT_VSOCK_WORLD_H
#define TESTS_UNIT_VSOCK_WORLD_H

#include "unit.h"

#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stdbool.h>

#include "virtio/vsock.h"

enum {
	CID = 3,
	SIZE = 8,		 /* entries of each queue */
	MEMORY = 1 << 20,
	QUEUE_AT = 4096,	 /* descriptors, available, used: a page each */
	BUFFERS_AT = 65536,	 /* receive buffers, then transmit buffers */
	BUFFER = 8192,
	GUEST_ALLOC = 65536,
	CONTROL_PORT = 1023,
	AGENT_PORT = 1024,
};

/* A driver's view of one queue. */
struct ring {
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t taken; /* used entries seen */
};

struct world {
	unsigned char *bytes; /* the guest's memory */
	struct memory memory;
	struct virtqueue queues[2];
	struct ring rings[2];
	struct vsock vsock;

	/* The host's end. */
	unsigned accepted, established, ended, malformed;
	int last_slot;
	int shutdowns; /* sum of 1 + how */
	char to_guest[BUFFER];
	size_t to_guest_length;
	bool to_guest_over;
	size_t delivered, room; /* bytes from the guest; how many more are taken */
	int deliver_error;
};

/* cmocka's set-up and tear-down: the state is a struct world with both queues running. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* Both queues anew, with all receive buffers offered: what a driver does that begins. */
void world_start(struct world *world);

/* The next packet that the guest got, or NULL. Its buffer is offered again. */
const struct virtio_vsock_hdr *world_next(struct world *world);

/* As world_next(), for one that has to be there and be this. */
const struct virtio_vsock_hdr *world_expect(struct world *world, unsigned op);

/* A packet of the guest's port AGENT_PORT, to be changed and sent. */
struct virtio_vsock_hdr world_packet(uint32_t host_port, unsigned op, uint32_t length);
void world_send_header(struct world *world, const struct virtio_vsock_hdr *header);
void world_send(struct world *world, uint32_t host_port, unsigned op, uint32_t length);

/* Opens a stream from the guest to CONTROL_PORT; returns its slot. */
unsigned world_open(struct world *world);

#endif
