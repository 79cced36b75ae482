/* SPDX-License-Identifier: Apache-2.0 */
/* A split virtqueue, seen from the device. */
#include "virtio/virtqueue.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>
#include <unistd.h>

/*
 * Ordering. The driver writes an entry before the available index (acquire pairs with it); the
 * device writes an entry before the used index (release). Before it looks whether the other side
 * wants to be notified, each side must have made its own index visible: a full fence, in
 * virtqueue_signal() after publishing and in virtqueue_enable_kicks() before looking again.
 */

static uint16_t load_relaxed(const __virtio16 *shared)
{
	return le16toh(__atomic_load_n(shared, __ATOMIC_RELAXED));
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes through it */
static void store_relaxed(__virtio16 *shared, uint16_t value)
{
	__atomic_store_n(shared, htole16(value), __ATOMIC_RELAXED);
}

static uint16_t load_available_index(const struct virtqueue *queue)
{
	return le16toh(__atomic_load_n(&queue->available->idx, __ATOMIC_ACQUIRE));
}

/* The event fields follow the last entry of the other side's ring. */
static const __virtio16 *used_event(const struct virtqueue *queue)
{
	return &queue->available->ring[queue->size];
}

static __virtio16 *available_event(const struct virtqueue *queue)
{
	return (__virtio16 *)&queue->used->ring[queue->size];
}

size_t virtqueue_descriptors_size(uint16_t size)
{
	return sizeof(struct vring_desc) * size;
}

size_t virtqueue_available_size(uint16_t size)
{
	return sizeof(struct vring_avail) + sizeof(__virtio16) * (size + 1U);
}

size_t virtqueue_used_size(uint16_t size)
{
	return sizeof(struct vring_used) + sizeof(struct vring_used_elem) * size +
	       sizeof(__virtio16);
}

static bool is_aligned(const void *p, uintptr_t alignment)
{
	return (uintptr_t)p % alignment == 0;
}

int virtqueue_start(struct virtqueue *queue, const struct memory *memory,
	const struct virtqueue_layout *layout, bool event_index)
{
	uint16_t size = layout->size;

	virtqueue_stop(queue);
	if (size == 0 || size > VIRTQUEUE_MAX_SIZE || (size & (size - 1)) != 0)
		return -EINVAL;
	if (!is_aligned(layout->descriptors, VRING_DESC_ALIGN_SIZE) ||
		!is_aligned(layout->available, VRING_AVAIL_ALIGN_SIZE) ||
		!is_aligned(layout->used, VRING_USED_ALIGN_SIZE))
		return -EINVAL;
	*queue = (struct virtqueue){
		.memory = memory,
		.descriptors = layout->descriptors,
		.available = layout->available,
		.used = layout->used,
		.size = size,
		.next_available = layout->base,
		.event_index = event_index,
		.call_fd = queue->call_fd,
	};
	queue->next_used = load_relaxed(&queue->used->idx);
	queue->published = queue->signalled = queue->next_used;
	return 0;
}

void virtqueue_stop(struct virtqueue *queue)
{
	queue->size = 0;
	queue->broken = false;
	queue->descriptors = NULL;
	queue->available = NULL;
	queue->used = NULL;
}

/* Appends one fetched descriptor to the chain. Readable pieces come first (§2.7.4.2). */
static int add_segment(const struct virtqueue *queue, struct virtqueue_chain *chain,
	const struct vring_desc *descriptor)
{
	bool writable = le16toh(descriptor->flags) & VRING_DESC_F_WRITE;
	struct segments *segments = writable ? &chain->writable : &chain->readable;
	uint32_t length = le32toh(descriptor->len);
	size_t count = chain->readable.count + chain->writable.count;
	void *bytes;

	if (length == 0 || count == VIRTQUEUE_MAX_SEGMENTS)
		return -EPROTO;
	if (!writable && chain->writable.count > 0)
		return -EPROTO;
	if (chain->readable.length + chain->writable.length + length > UINT32_MAX)
		return -EPROTO;
	bytes = memory_at(queue->memory, le64toh(descriptor->addr), length);
	if (!bytes)
		return -EPROTO;
	if (segments->count == 0)
		segments->iov = &chain->iov[count];
	chain->iov[count] = (struct iovec){ .iov_base = bytes, .iov_len = length };
	segments->count++;
	segments->length += length;
	return 0;
}

/*
 * Follows `next` through a table of `size` descriptors from index `i`. Each step adds a segment and
 * these are bounded, so a loop ends. Returns 0 at the end of the chain; 1 when it ended with a
 * descriptor that refers to an indirect table, which is then in *ret_indirect.
 */
static int walk(const struct virtqueue *queue, struct virtqueue_chain *chain,
	const struct vring_desc *table, uint32_t size, uint32_t i, struct vring_desc *ret_indirect)
{
	for (;;) {
		struct vring_desc descriptor;
		uint16_t flags;
		int r;

		if (i >= size)
			return -EPROTO;
		memory_fetch(&descriptor, (const char *)table + i * sizeof(descriptor),
			sizeof(descriptor));
		flags = le16toh(descriptor.flags);
		if (flags & VRING_DESC_F_INDIRECT) {
			*ret_indirect = descriptor;
			return 1;
		}
		r = add_segment(queue, chain, &descriptor);
		if (r < 0)
			return r;
		if (!(flags & VRING_DESC_F_NEXT))
			return 0;
		i = le16toh(descriptor.next);
	}
}

/* The segments of an indirect table, which must end the chain and refer to no other table. */
static int walk_indirect(const struct virtqueue *queue, struct virtqueue_chain *chain,
	const struct vring_desc *indirect)
{
	uint32_t length = le32toh(indirect->len);
	struct vring_desc nested;
	const void *table;

	if (le16toh(indirect->flags) & VRING_DESC_F_NEXT)
		return -EPROTO;
	if (length == 0 || length % sizeof(struct vring_desc) != 0)
		return -EPROTO;
	table = memory_at(queue->memory, le64toh(indirect->addr), length);
	if (!table)
		return -EPROTO;
	if (walk(queue, chain, table, length / sizeof(struct vring_desc), 0, &nested) != 0)
		return -EPROTO;
	return 0;
}

static int read_chain(const struct virtqueue *queue, uint16_t head, struct virtqueue_chain *chain)
{
	struct vring_desc indirect;
	int r;

	chain->head = head;
	chain->readable = (struct segments){ .iov = chain->iov };
	chain->writable = (struct segments){ .iov = chain->iov };
	r = walk(queue, chain, queue->descriptors, queue->size, head, &indirect);
	if (r < 0)
		return r;
	chain->slots = (uint16_t)(chain->readable.count + chain->writable.count + (r == 1));
	return r == 1 ? walk_indirect(queue, chain, &indirect) : 0;
}

int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain)
{
	uint16_t waiting;

	if (queue->broken)
		return -EPROTO;
	if (queue->size == 0)
		return 0;
	waiting = (uint16_t)(load_available_index(queue) - queue->next_available);
	if (waiting == 0)
		return 0;
	if (waiting <= queue->size) {
		uint16_t slot = queue->next_available & (queue->size - 1);

		if (read_chain(queue, load_relaxed(&queue->available->ring[slot]), chain) == 0) {
			queue->next_available++;
			return 1;
		}
	}
	queue->broken = true;
	return -EPROTO;
}

void virtqueue_unpop(struct virtqueue *queue)
{
	queue->next_available--;
}

void virtqueue_push(struct virtqueue *queue, const struct virtqueue_chain *chain, uint32_t written)
{
	struct vring_used_elem *element =
		&queue->used->ring[queue->next_used & (queue->size - 1)];

	element->id = htole32(chain->head);
	element->len = htole32(written);
	queue->next_used++;
}

void virtqueue_publish(struct virtqueue *queue)
{
	if (queue->published == queue->next_used)
		return;
	__atomic_store_n(&queue->used->idx, htole16(queue->next_used), __ATOMIC_RELEASE);
	queue->published = queue->next_used;
}

static bool driver_wants_signal(const struct virtqueue *queue)
{
	if (queue->event_index)
		return vring_need_event(load_relaxed(used_event(queue)), queue->published,
			queue->signalled);
	return !(load_relaxed(&queue->available->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtqueue_signal(struct virtqueue *queue)
{
	static const uint64_t one = 1;
	bool wanted;

	if (queue->size == 0 || queue->published == queue->signalled)
		return;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	wanted = driver_wants_signal(queue);
	queue->signalled = queue->published;
	if (wanted && queue->call_fd >= 0) {
		/* Fails only when the counter is full: then a signal is pending anyway. */
		ssize_t ignored = write(queue->call_fd, &one, sizeof(one));

		(void)ignored;
	}
}

bool virtqueue_enable_kicks(struct virtqueue *queue)
{
	if (queue->size == 0 || queue->broken)
		return false;
	if (queue->event_index)
		store_relaxed(available_event(queue), queue->next_available);
	else
		store_relaxed(&queue->used->flags, 0);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_available_index(queue) != queue->next_available;
}

void virtqueue_disable_kicks(struct virtqueue *queue)
{
	/* With the event index, an event that is not renewed is never passed again. */
	if (queue->size != 0 && !queue->event_index)
		store_relaxed(&queue->used->flags, VRING_USED_F_NO_NOTIFY);
}
