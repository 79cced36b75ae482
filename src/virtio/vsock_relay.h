/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay of sbx-vsock: binds the vsock device to Unix sockets of the host
 * (docs/protocol/vsock.md). How it works: vsock_relay.c.
 */
#ifndef VIRTIO_VSOCK_RELAY_H
#define VIRTIO_VSOCK_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "virtio/vhost_user.h"
#include "virtio/vsock.h"

/* The longest "CONNECT <port>\n". */
enum { RELAY_MAX_LINE = 32 };

enum relay_state {
	RELAY_FREE,
	RELAY_GREETING,	  /* the host's client has not said what it wants */
	RELAY_CONNECTING, /* the guest has not answered */
	RELAY_OPEN,
};

struct relay_client {
	enum relay_state state;
	uint16_t serial; /* tells it from others that had the slot before */
	int fd;
	uint32_t port; /* of the guest if the host connected, else of the host */
	bool from_guest;
	bool gone; /* it has hung up; the guest may yet have to take its last bytes */
};

struct relay {
	int epoll_fd;
	int listen_fd;
	int keeper_fd;
	struct vhost_user vhost;
	struct vsock vsock;
	struct relay_client clients[VSOCK_STREAMS]; /* by slot */
	unsigned announced; /* session streams as the keeper knows them */
	uint16_t last_serial;
	bool control_open;
	uint64_t control_at_ns; /* when the guest last opened it; 0: never */
};

/* Takes the three descriptors; on failure they are closed with the process. */
int relay_init(struct relay *relay, int vhost_fd, int listen_fd, int keeper_fd, uint32_t cid,
	struct err *err);

/* Serves until QEMU or the keeper has gone: 0, or -errno. */
int relay_run(struct relay *relay);

#endif
