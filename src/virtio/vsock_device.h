/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the vsock device share: vsock.c, vsock_send.c (to the guest), vsock_receive.c. */
#ifndef VIRTIO_VSOCK_DEVICE_H
#define VIRTIO_VSOCK_DEVICE_H

#include "virtio/vsock.h"

/*
 * Handles the packet in vsock->chain. There must be room for one reply. Returns -EPROTO if the
 * chain is no packet at all; anything a packet says is answered or ignored.
 */
int vsock_receive(struct vsock *vsock);

/*
 * Sends what is to be sent, as far as the guest has buffers. Returns 1 if it stopped for others to
 * have their turn, 0, or -EPROTO.
 */
int vsock_send(struct vsock *vsock);

/* A packet's operation as a member of a set. */
#define VSOCK_OWE(op) (1U << (op))

/* Puts the stream into the queue of those that have something to send. */
void vsock_owe(struct vsock *vsock, struct vsock_stream *stream, unsigned ops);

/* Resets a packet's sender; the caller knows that there is room. */
void vsock_reply_reset(struct vsock *vsock, const struct vsock_reply *reply);

/* The guest takes no further part in the stream; what it sent still goes to the host. */
void vsock_guest_gone(struct vsock *vsock, struct vsock_stream *stream);

/* `length` bytes of the guest's have left the buffer. */
void vsock_forwarded(struct vsock *vsock, struct vsock_stream *stream, size_t length);

/* The host takes no more bytes: those that wait for it are dropped. */
void vsock_host_gone(struct vsock *vsock, struct vsock_stream *stream);

#endif
