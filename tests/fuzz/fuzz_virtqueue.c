/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtqueue whose rings, descriptors and indirect tables are any bytes, and change at any moment.
 * Every piece of a chain must lie in the guest's memory, whatever the driver wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "virtio/virtqueue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Two regions with a hole between them; the rings lie at the beginning of the first. */
enum { REGION = 4096, HOLE = 4096, AVAILABLE_AT = 1024, USED_AT = 2048, MAX_SIZE = 32 };

static struct memory memory;
static struct virtqueue queue;
static struct virtqueue_chain chain;

struct input {
	const uint8_t *data;
	size_t size;
};

static uint8_t take(struct input *input)
{
	if (input->size == 0)
		return 0;
	input->size--;
	return *input->data++;
}

static void check(bool good)
{
	if (!good)
		abort();
}

static void make_memory(void)
{
	int fd = memfd_create("guest", MFD_CLOEXEC);

	check(fd >= 0 && ftruncate(fd, 2 * REGION) == 0);
	for (uint64_t i = 0; i < 2; i++) {
		struct memory_region region = { .guest = i * (REGION + HOLE),
						.front = i * (REGION + HOLE),
						.size = REGION };

		check(memory_map(&memory, &region, fd, i * REGION) == 0);
	}
	close(fd);
	queue.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	check(queue.call_fd >= 0);
}

/* Any bytes at any place, more often than not in the rings. */
static void scribble(struct input *input)
{
	unsigned at = take(input) | take(input) << 8;
	unsigned char *bytes = memory.regions[at >> 15].bytes;

	for (unsigned n = take(input) % 64; n > 0; n--)
		bytes[at++ % REGION] = take(input);
}

static void add_available(struct input *input)
{
	unsigned char *bytes = memory.regions[0].bytes;
	uint16_t *index = (uint16_t *)(bytes + AVAILABLE_AT + 2);
	unsigned slot = *index & (queue.size - 1U);

	bytes[AVAILABLE_AT + 4 + 2 * slot] = take(input);
	*index = (uint16_t)(*index + 1);
}

static void check_segments(const struct segments *segments)
{
	size_t length = 0;

	for (size_t i = 0; i < segments->count; i++) {
		const unsigned char *begin = segments->iov[i].iov_base;
		bool inside = false;

		for (unsigned j = 0; j < memory.count; j++) {
			const unsigned char *region = memory.regions[j].bytes;

			inside |= begin >= region && segments->iov[i].iov_len <= REGION &&
				  begin + segments->iov[i].iov_len <= region + REGION;
		}
		check(inside && segments->iov[i].iov_len > 0);
		length += segments->iov[i].iov_len;
	}
	check(length == segments->length);
}

/* Takes a head off and shortens the rest: nothing is lost or made up. */
static void use_segments(struct input *input, struct segments *segments)
{
	static unsigned char copy[256];
	struct iovec head[16];
	size_t before = segments->length, wanted = take(input);
	size_t count = segments_take(segments, wanted, head, take(input) % 17);
	struct segments taken = { head, count, count ? wanted : 0 };

	check(segments->length + taken.length == before);
	check_segments(&taken);
	check_segments(segments);
	segments_fetch(copy, head, count);
	segments_store(head, count, copy);
	segments_truncate(segments, take(input));
	check_segments(segments);
}

static void pop(struct input *input)
{
	uint16_t before = queue.next_available;
	int r = virtqueue_pop(&queue, &chain);

	check(queue.next_available == (uint16_t)(before + (r == 1)));
	if (r == -EPROTO)
		check(queue.broken && virtqueue_pop(&queue, &chain) == -EPROTO);
	if (r != 1)
		return;
	check(chain.head < queue.size && chain.slots > 0 && chain.slots <= VIRTQUEUE_MAX_SEGMENTS);
	check(chain.readable.count + chain.writable.count > 0);
	check_segments(&chain.readable);
	check_segments(&chain.writable);
	if (take(input) % 8 == 0) {
		virtqueue_unpop(&queue);
		return;
	}
	use_segments(input, &chain.readable);
	use_segments(input, &chain.writable);
	virtqueue_push(&queue, &chain, (uint32_t)chain.writable.length);
}

static void start(struct input *input)
{
	unsigned char *bytes = memory.regions[0].bytes;
	struct virtqueue_layout layout = { bytes, bytes + AVAILABLE_AT, bytes + USED_AT,
		(uint16_t)(1U << take(input) % 6), (uint16_t)(take(input) << 12) };

	*(uint16_t *)(bytes + AVAILABLE_AT + 2) = layout.base;
	check(layout.size <= MAX_SIZE);
	check(virtqueue_start(&queue, &memory, &layout, take(input) % 2) == 0);
}

static void step(struct input *input)
{
	switch (take(input) % 10) {
	case 0:
	case 1:
		scribble(input);
		break;
	case 2:
	case 3:
		add_available(input);
		break;
	case 4:
		virtqueue_publish(&queue);
		virtqueue_signal(&queue);
		break;
	case 5:
		virtqueue_disable_kicks(&queue);
		break;
	case 6:
		virtqueue_enable_kicks(&queue);
		break;
	case 7:
		start(input);
		break;
	default:
		pop(input);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	if (memory.count == 0)
		make_memory();
	for (unsigned i = 0; i < memory.count; i++)
		memset(memory.regions[i].bytes, 0, REGION);
	start(&input);
	while (input.size > 0)
		step(&input);
	virtqueue_stop(&queue);
	return 0;
}
