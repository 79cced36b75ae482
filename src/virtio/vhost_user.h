/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The back end's side of vhost-user (QEMU, docs/interop/vhost-user): the front end (the VMM) hands
 * over the guest's memory and the rings' places and eventfds, the device serves the rings.
 *
 * This module knows no device. It speaks on a connected Unix stream socket, keeps the memory and
 * the queues, and tells the device when a queue runs: it has been given its parts, its kick
 * descriptor and has been enabled.
 *
 * Two kinds of wrong are kept apart. What only a front end out of order does (sizes, indices,
 * descriptor counts) ends the connection: vhost_user_handle() returns -EPROTO. What a guest can
 * cause through a correct front end (ring addresses, sizes, features of the driver) is refused,
 * leaves the queue stopped and the connection alone.
 */
#ifndef VIRTIO_VHOST_USER_H
#define VIRTIO_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/memory.h"
#include "virtio/virtqueue.h"

enum { VHOST_USER_MAX_QUEUES = 8, VHOST_USER_MAX_CONFIG = 256, VHOST_USER_MAX_FDS = 8 };

/* What the device is. Callbacks must not free the vhost_user. */
struct vhost_user_device {
	uint64_t features; /* offered, without the ones of vhost-user itself */
	unsigned queue_count;

	/* A queue began or ended to run; between the two kick_fd may be polled and the queue used. */
	void (*queue_started)(void *arg, unsigned index);
	void (*queue_stopped)(void *arg, unsigned index);

	/* Reads the configuration space; -EINVAL beyond its end. */
	int (*get_config)(void *arg, uint32_t offset, void *bytes, uint32_t length);
};

struct vhost_user_queue {
	struct virtqueue ring; /* its call_fd is owned here */
	int kick_fd;
	int error_fd;
	bool enabled;
	bool kickable; /* SET_VRING_KICK was seen; kick_fd may be -1 (polling) */
	bool running;
	uint16_t size;
	uint16_t base;
	uint64_t descriptors, available, used; /* addresses of the front end's */
};

/* A message as it is on the wire: header, then payload. */
struct vhost_user_message {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
	unsigned char payload[512];
};

struct vhost_user {
	int socket;
	const struct vhost_user_device *device;
	void *arg;
	struct memory memory;
	struct vhost_user_queue queues[VHOST_USER_MAX_QUEUES];
	uint64_t features;	    /* acknowledged */
	uint64_t protocol_features; /* acknowledged */
	struct vhost_user_message message;
	size_t received;
	int fds[VHOST_USER_MAX_FDS];
	size_t fd_count;
};

/* Takes the socket, which becomes non-blocking; `device` and `arg` are kept by reference. */
int vhost_user_init(struct vhost_user *vhost, int socket, const struct vhost_user_device *device,
	void *arg);
void vhost_user_finish(struct vhost_user *vhost);

/*
 * Handles the messages that are there; never blocks. Returns 0, -ECONNRESET when the front end has
 * closed the connection, -EPROTO (or what a system call said) when it cannot go on.
 */
int vhost_user_handle(struct vhost_user *vhost);

/* Tells the front end that the queue is malformed and no longer served. */
void vhost_user_report_error(struct vhost_user *vhost, unsigned index);

#endif
