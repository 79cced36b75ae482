/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A split virtqueue, seen from the device (virtio 1.2 §2.7).
 *
 * The driver owns the descriptor table and the available ring, the device the used ring; all three
 * lie in guest memory. The caller pops chains, one at a time and in order, and pushes each before
 * it pops the next, or takes the pop back. Pushes become visible in one go with
 * virtqueue_publish(), and the driver is interrupted by virtqueue_signal() only if it asked for
 * it: so a device that serves many chains costs the guest one interrupt.
 *
 * What a hostile driver can do: put anything into the rings at any time. Each index, address and
 * length is fetched once, checked, then used; a chain has at most VIRTQUEUE_MAX_SEGMENTS segments,
 * so a loop ends there. The first violation makes virtqueue_pop() return -EPROTO, and it keeps
 * doing so until the queue is started anew.
 */
#ifndef VIRTIO_VIRTQUEUE_H
#define VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "virtio/memory.h"

enum { VIRTQUEUE_MAX_SIZE = 1024, VIRTQUEUE_MAX_SEGMENTS = 1024 };

struct vring_desc;
struct vring_avail;
struct vring_used;

struct virtqueue {
	const struct memory *memory;
	const struct vring_desc *descriptors;
	const struct vring_avail *available;
	struct vring_used *used;
	uint16_t size;		 /* a power of two; 0: not started */
	uint16_t next_available; /* index of the entry that is popped next */
	uint16_t next_used;	 /* index of the entry that is pushed next */
	uint16_t published;	 /* next_used as the driver sees it */
	uint16_t signalled;	 /* `published` at the last virtqueue_signal() */
	bool event_index;	 /* VIRTIO_RING_F_EVENT_IDX negotiated */
	bool broken;
	int call_fd;		 /* eventfd that interrupts the driver, or -1 */
};

/* A list of pieces of guest memory. */
struct segments {
	struct iovec *iov;
	size_t count;
	size_t length; /* bytes in all */
};

struct virtqueue_chain {
	uint16_t head;
	uint16_t slots; /* descriptors of the ring that it holds */
	struct segments readable;
	struct segments writable;
	struct iovec iov[VIRTQUEUE_MAX_SEGMENTS]; /* readable ones first */
};

/* Where the three parts of a ring are, and how far it was served before. */
struct virtqueue_layout {
	void *descriptors;
	void *available;
	void *used;
	uint16_t size;
	uint16_t base; /* next_available */
};

/* The bytes that the parts take for a ring of `size` entries, event fields included. */
size_t virtqueue_descriptors_size(uint16_t size);
size_t virtqueue_available_size(uint16_t size);
size_t virtqueue_used_size(uint16_t size);

/*
 * Starts the queue; the parts must hold the bytes above. Returns -EINVAL, and leaves the queue
 * stopped, if the size is no power of two up to VIRTQUEUE_MAX_SIZE or a part is not aligned as
 * §2.7 demands. `call_fd` is left alone.
 */
int virtqueue_start(struct virtqueue *queue, const struct memory *memory,
	const struct virtqueue_layout *layout, bool event_index);
void virtqueue_stop(struct virtqueue *queue);

/* Pops the next chain: 1, or 0 if there is none, or -EPROTO if the ring is malformed. */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);

/* Takes the last virtqueue_pop() back. */
void virtqueue_unpop(struct virtqueue *queue);

/* Gives a chain back with `written` bytes in its writable part. */
void virtqueue_push(struct virtqueue *queue, const struct virtqueue_chain *chain,
	uint32_t written);

/* Shows the driver all pushes so far. */
void virtqueue_publish(struct virtqueue *queue);

/* Interrupts the driver for what was published since the last call, if it wants that. */
void virtqueue_signal(struct virtqueue *queue);

/*
 * The driver's kicks are a hint it may leave out while the device asks it to. After asking for
 * them, entries may already be there: true means "pop again".
 */
bool virtqueue_enable_kicks(struct virtqueue *queue);
void virtqueue_disable_kicks(struct virtqueue *queue);

/*
 * Moves the first `length` bytes of `from` into the list `ret_head` of room for `room` pieces.
 * Returns the number of pieces; 0, with nothing moved, if there are not that many bytes or the
 * room does not suffice.
 */
size_t segments_take(struct segments *from, size_t length, struct iovec *ret_head, size_t room);

/* Drops all but the first `length` bytes. */
void segments_truncate(struct segments *segments, size_t length);

/* Copies between plain memory and pieces of guest memory that hold at least that many bytes. */
void segments_fetch(void *to, const struct iovec *from, size_t count);
void segments_store(const struct iovec *to, size_t count, const void *from);

#endif
