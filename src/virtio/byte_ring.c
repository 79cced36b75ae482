/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded queue of bytes. */
#include "virtio/byte_ring.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>

/* A ring that never held more than this keeps its pages: giving them back costs a system call. */
enum { KEEP = 16384 };

static void append(struct byte_ring *ring, const unsigned char *bytes, size_t length)
{
	size_t at = (ring->start + ring->length) & (ring->size - 1);
	size_t first = ring->size - at < length ? ring->size - at : length;

	memcpy(ring->bytes + at, bytes, first);
	memcpy(ring->bytes, bytes + first, length - first);
	ring->length += length;
}

void byte_ring_append(struct byte_ring *ring, const struct iovec *iov, size_t count, size_t skip)
{
	for (size_t i = 0; i < count; i++) {
		size_t drop = skip < iov[i].iov_len ? skip : iov[i].iov_len;

		skip -= drop;
		assert(iov[i].iov_len - drop <= ring->size - ring->length);
		append(ring, (const unsigned char *)iov[i].iov_base + drop, iov[i].iov_len - drop);
	}
	if (ring->used < ring->length)
		ring->used = ring->length;
}

size_t byte_ring_pieces(const struct byte_ring *ring, struct iovec ret_pieces[2])
{
	size_t first = ring->size - ring->start;

	if (ring->length == 0)
		return 0;
	if (ring->length <= first) {
		ret_pieces[0] = (struct iovec){ ring->bytes + ring->start, ring->length };
		return 1;
	}
	ret_pieces[0] = (struct iovec){ ring->bytes + ring->start, first };
	ret_pieces[1] = (struct iovec){ ring->bytes, ring->length - first };
	return 2;
}

void byte_ring_consume(struct byte_ring *ring, size_t length)
{
	assert(length <= ring->length);
	ring->length -= length;
	ring->start = (ring->start + length) & (ring->size - 1);
	if (ring->length == 0) {
		ring->start = 0;
		if (ring->used > KEEP)
			byte_ring_clear(ring);
	}
}

void byte_ring_clear(struct byte_ring *ring)
{
	if (ring->used > 0)
		madvise(ring->bytes, ring->size, MADV_DONTNEED);
	ring->start = ring->length = ring->used = 0;
}
