/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of bytes over memory that somebody else reserved. Pages of it are given back to
 * the system when it runs empty after having been large.
 */
#ifndef VIRTIO_BYTE_RING_H
#define VIRTIO_BYTE_RING_H

#include <stddef.h>
#include <sys/uio.h>

struct byte_ring {
	unsigned char *bytes; /* page aligned, private anonymous memory */
	size_t size;	      /* a power of two */
	size_t start;	      /* offset of the first byte */
	size_t length;
	size_t used; /* highest `length` since pages were given back */
};

/* Appends all bytes of the pieces but the first `skip`; the caller has checked the room. */
void byte_ring_append(struct byte_ring *ring, const struct iovec *iov, size_t count, size_t skip);

/* The content as one or two pieces; returns how many. */
size_t byte_ring_pieces(const struct byte_ring *ring, struct iovec ret_pieces[2]);

void byte_ring_consume(struct byte_ring *ring, size_t length);

/* Drops everything and gives all pages back. */
void byte_ring_clear(struct byte_ring *ring);

#endif
