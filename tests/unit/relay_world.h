/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx-vsock's relay in a process of its own, and all its neighbours: a VMM that speaks vhost-user,
 * a guest's driver, clients, a keeper. For test_relay.c.
 */
#ifndef TESTS_UNIT_RELAY_WORLD_H
#define TESTS_UNIT_RELAY_WORLD_H

#include "unit.h"

#include <linux/virtio_ring.h>
#include <linux/virtio_vsock.h>
#include <stdbool.h>
#include <sys/types.h>

enum { CID = 3, SIZE = 8, BUFFER = 8192, AGENT_PORT = 1024, CONTROL_PORT = 1023, RX = 0, TX = 1 };

/* Requests of the protocol that the tests send themselves. */
enum { GET_FEATURES = 1, GET_VRING_BASE = 11, GET_QUEUE_NUM = 17, GET_CONFIG = 24 };

struct driver_queue {
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
	uint16_t taken; /* used entries seen */
	int kick_fd, call_fd, error_fd;
};

struct world {
	pid_t relay;
	int vhost_fd, keeper_fd, listen_fd;
	unsigned char *bytes; /* the guest's memory */
	int memory_fd;
	struct driver_queue queues[2];
	uint32_t credit; /* buf_alloc of what the guest sends */
};

/* cmocka's set-up and tear-down: the relay runs, the queues do not. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* Sends a request; world_ask() returns the answer's payload, valid until the next call. */
void world_tell(struct world *world, uint32_t request, const void *payload, uint32_t size);
const void *world_ask(struct world *world, uint32_t request, const void *payload, uint32_t size);

/* What a VMM does when the guest's driver has set the device up. */
void world_start(struct world *world);
/* … and when it resets the device. */
void world_stop(struct world *world);

/* The next packet the guest gets, and one that must be of that operation. Fails after 10 s. */
const struct virtio_vsock_hdr *world_next(struct world *world);
const struct virtio_vsock_hdr *world_expect(struct world *world, unsigned op);

/* A packet of the guest's, from `guest_port` to `host_port`. */
void world_send(struct world *world, uint32_t guest_port, uint32_t host_port, unsigned op,
	uint32_t flags, const char *payload);

/* A client that has sent `greeting`. */
int world_client(struct world *world, const char *greeting);

/* A client of `port` that the guest has accepted; its host port in *ret_port. */
int world_session(struct world *world, uint32_t port, uint32_t *ret_port);

/* Reads exactly this text; NULL: the end of the stream. Fails after 10 s. */
void world_read(int fd, const char *text);

/* The keeper's next packet must be this one; returns the descriptor that came with it or -1. */
int world_keeper(struct world *world, uint32_t type, uint32_t value);

/* Waits for the end of the relay; its exit status. */
int world_wait(struct world *world);

#endif
