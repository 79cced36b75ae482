/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio socket device (virtio 1.2 §5.10), streams only. It knows neither vhost-user nor what
 * is behind a stream on the host: it is given two running queues and a struct vsock_host.
 *
 * A stream is named by its slot, 0 … VSOCK_STREAMS - 1. The host reserves a slot and connects it,
 * or accepts one that the guest opened; it gives the slot up with vsock_abandon(), or the device
 * takes it back and says so with ended(). How it works inside: vsock.c.
 */
#ifndef VIRTIO_VSOCK_H
#define VIRTIO_VSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "virtio/virtqueue.h"
#include "virtio/vsock_stream.h"

enum { VSOCK_HOST_CID = 2, VSOCK_MAX_REPLIES = 64 };
enum { VSOCK_QUEUE_RX, VSOCK_QUEUE_TX, VSOCK_QUEUE_EVENT, VSOCK_QUEUES };

/* The host's end of the streams. Callbacks must not call the device. */
struct vsock_host {
	/* The guest wants a stream to a port: 0 to accept it under this slot, or -errno. */
	int (*accept)(void *arg, unsigned slot, uint32_t port);

	/* The guest has accepted what vsock_connect() asked for. */
	void (*established)(void *arg, unsigned slot, uint32_t host_port);

	/*
	 * Bytes for the guest: up to what the pieces hold. Returns the count, 0 at the end of the
	 * bytes, -EAGAIN when there are none now (vsock_readable() tells of more).
	 */
	ssize_t (*fetch)(void *arg, unsigned slot, const struct iovec *iov, size_t count);

	/*
	 * Bytes from the guest. Returns how many were taken (the device keeps the others until
	 * vsock_writable()), or -errno when no more will ever be.
	 */
	ssize_t (*deliver)(void *arg, unsigned slot, const struct iovec *iov, size_t count);

	/* The guest sends no more (SHUT_WR) or takes no more (SHUT_RD). */
	void (*shutdown)(void *arg, unsigned slot, int how);

	/* The stream is over and the slot no longer the host's. Before established(): refused. */
	void (*ended)(void *arg, unsigned slot);

	/* The queue is malformed: nothing is served until it has been started anew. */
	void (*malformed)(void *arg, unsigned queue);
};

/* An answer to a packet that belongs to no stream. */
struct vsock_reply {
	uint32_t host_port;
	uint32_t guest_port;
	uint16_t type;
};

struct vsock {
	uint32_t cid; /* the guest's */
	const struct vsock_host *host;
	void *arg;

	struct virtqueue *rx; /* to the guest */
	struct virtqueue *tx; /* from the guest */
	bool running;
	bool broken;
	uint16_t rx_next, tx_next; /* next_available of the queues when they were stopped */

	struct vsock_table table;
	struct vsock_reply replies[VSOCK_MAX_REPLIES];
	unsigned first_reply, reply_count;
	uint32_t next_port;

	unsigned unsignalled;	 /* tx descriptors given back without an interrupt */
	uint64_t signal_at_ns;	 /* when they get one; 0: there are none */
	struct virtqueue_chain chain;
};

/* `host` and `arg` are kept by reference. Returns 0 or -errno. */
int vsock_init(struct vsock *vsock, uint32_t cid, const struct vsock_host *host, void *arg);
void vsock_finish(struct vsock *vsock);

/* The configuration space: 8 bytes, the guest's CID. 0 or -EINVAL. */
int vsock_read_config(const struct vsock *vsock, uint32_t offset, void *bytes, uint32_t length);

/*
 * Both queues run; they stay valid until vsock_stop(). Streams survive a stop if the queues go on
 * where they were (a paused VM), and are reset otherwise (the guest's driver began anew).
 */
void vsock_start(struct vsock *vsock, struct virtqueue *rx, struct virtqueue *tx);
void vsock_stop(struct vsock *vsock);

/*
 * Serves the queues: call it after anything that may have given the device work (a kick, the
 * functions below). Returns in how many milliseconds it is to be called again; -1: no need.
 */
int vsock_work(struct vsock *vsock);

/* A slot for the host, or -ENFILE. */
int vsock_reserve(struct vsock *vsock);

/* Asks the guest for a stream to a port of its own. -ENOTCONN while the queues do not run. */
int vsock_connect(struct vsock *vsock, unsigned slot, uint32_t guest_port);

/* fetch() has bytes (or the end of them) again; deliver() has room again. */
void vsock_readable(struct vsock *vsock, unsigned slot);
void vsock_writable(struct vsock *vsock, unsigned slot);

/* An established stream's host takes no more bytes; those it has sent still go to the guest. */
void vsock_hangup(struct vsock *vsock, unsigned slot);

/* The host gives the slot up at once; ended() is not called. */
void vsock_abandon(struct vsock *vsock, unsigned slot);

#endif
