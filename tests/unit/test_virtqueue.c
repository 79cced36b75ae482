/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio: the virtqueue's chains and its two ways of saying "notify me". What a hostile driver
 * writes into it is in test_vsock.c and fuzz_virtqueue.c.
 */
#include "unit.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "virtio/virtqueue.h"

enum { SIZE = 4, PAGE = 4096, MEMORY = 8 * PAGE, DATA = 4 * PAGE };

struct world {
	struct memory memory;
	struct virtqueue queue;
	struct virtqueue_chain chain;
	struct vring_desc *descriptors;
	struct vring_avail *available;
	struct vring_used *used;
};

static int start(struct world *world, uint16_t size, uint16_t base, bool event_index)
{
	struct virtqueue_layout layout = { world->descriptors, world->available, world->used, size,
		base };

	world->available->idx = world->used->idx = base;
	return virtqueue_start(&world->queue, &world->memory, &layout, event_index);
}

static int set_up(void **state)
{
	struct memory_region region = { .size = MEMORY };
	struct world *world = calloc(1, sizeof(*world));
	int fd = memfd_create("guest", MFD_CLOEXEC);

	if (!world || ftruncate(fd, MEMORY) < 0 || memory_map(&world->memory, &region, fd, 0) < 0)
		return -1;
	close(fd);
	world->descriptors = (void *)world->memory.regions[0].bytes;
	world->available = (void *)(world->memory.regions[0].bytes + PAGE);
	world->used = (void *)(world->memory.regions[0].bytes + 2 * PAGE);
	world->queue.call_fd = eventfd(0, EFD_NONBLOCK);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	close(world->queue.call_fd);
	memory_clear(&world->memory);
	free(world);
	return 0;
}

static void offer(struct world *world, uint16_t head)
{
	world->available->ring[world->available->idx++ % SIZE] = head;
}

/* Serves one chain of one byte. */
static void serve(struct world *world)
{
	world->descriptors[0] = (struct vring_desc){ DATA, 1, VRING_DESC_F_WRITE, 0 };
	offer(world, 0);
	assert_int_equal(virtqueue_pop(&world->queue, &world->chain), 1);
	virtqueue_push(&world->queue, &world->chain, 1);
	virtqueue_publish(&world->queue);
}

/* How many interrupts since the last call. */
static unsigned interrupts(struct world *world)
{
	eventfd_t count = 0;

	virtqueue_signal(&world->queue);
	eventfd_read(world->queue.call_fd, &count);
	return (unsigned)count;
}

static void test_start(void **state)
{
	static const struct {
		uint16_t size;
		int result;
	} cases[] = { { 0, -EINVAL }, { 1, 0 }, { 3, -EINVAL }, { 4, 0 }, { 1024, 0 },
		{ 2048, -EINVAL }, { 65535, -EINVAL } };
	struct world *world = *state;
	const struct virtqueue_layout crooked = { world->descriptors, world->available,
		(char *)world->used + 2, SIZE, 0 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(start(world, cases[i].size, 0, false), cases[i].result);
		assert_int_equal(virtqueue_pop(&world->queue, &world->chain), 0);
	}
	assert_int_equal(virtqueue_start(&world->queue, &world->memory, &crooked, false), -EINVAL);
}

static void test_chain(void **state)
{
	struct world *world = *state;
	struct iovec head[4];
	char text[8] = "";

	assert_int_equal(start(world, SIZE, 0, false), 0);
	memcpy(world->memory.regions[0].bytes + DATA, "abcdef", 6);
	world->descriptors[2] = (struct vring_desc){ DATA, 4, VRING_DESC_F_NEXT, 0 };
	world->descriptors[0] = (struct vring_desc){ DATA + 4, 2, VRING_DESC_F_NEXT, 3 };
	world->descriptors[3] = (struct vring_desc){ DATA + 8, 9, VRING_DESC_F_WRITE, 0 };
	offer(world, 2);
	assert_int_equal(virtqueue_pop(&world->queue, &world->chain), 1);
	virtqueue_unpop(&world->queue);
	assert_int_equal(virtqueue_pop(&world->queue, &world->chain), 1);
	assert_int_equal(world->chain.head, 2);
	assert_int_equal(world->chain.slots, 3);
	assert_int_equal(world->chain.readable.length, 6);
	assert_int_equal(world->chain.writable.length, 9);
	assert_int_equal(segments_take(&world->chain.readable, 7, head, 4), 0);
	assert_int_equal(segments_take(&world->chain.readable, 5, head, 1), 0);
	assert_int_equal(segments_take(&world->chain.readable, 5, head, 4), 2);
	segments_fetch(text, head, 2);
	assert_string_equal(text, "abcde");
	assert_int_equal(world->chain.readable.length, 1);
	assert_int_equal(world->chain.readable.count, 1);
	segments_truncate(&world->chain.writable, 4);
	segments_store(world->chain.writable.iov, world->chain.writable.count, "1234");
	assert_memory_equal(world->memory.regions[0].bytes + DATA + 8, "1234\0", 5);
	virtqueue_push(&world->queue, &world->chain, 4);
	assert_int_equal(world->used->idx, 0);
	virtqueue_publish(&world->queue);
	assert_int_equal(world->used->idx, 1);
	assert_int_equal(world->used->ring[0].id, 2);
	assert_int_equal(world->used->ring[0].len, 4);
}

/* A table of its own behind a descriptor of the ring; indices that wrap around. */
static void test_indirect(void **state)
{
	struct world *world = *state;
	struct vring_desc *table = (void *)(world->memory.regions[0].bytes + DATA);

	assert_int_equal(start(world, SIZE, 65535, false), 0);
	table[0] = (struct vring_desc){ DATA + PAGE, 10, VRING_DESC_F_NEXT, 2 };
	table[2] = (struct vring_desc){ DATA + PAGE, 20, VRING_DESC_F_WRITE, 0 };
	world->descriptors[0] = (struct vring_desc){ DATA + PAGE, 5, VRING_DESC_F_NEXT, 1 };
	world->descriptors[1] = (struct vring_desc){ DATA, 48, VRING_DESC_F_INDIRECT, 0 };
	for (int i = 0; i < 3; i++) {
		offer(world, 0);
		assert_int_equal(virtqueue_pop(&world->queue, &world->chain), 1);
		assert_int_equal(world->chain.slots, 2);
		assert_int_equal(world->chain.readable.length, 15);
		assert_int_equal(world->chain.writable.length, 20);
		virtqueue_push(&world->queue, &world->chain, 0);
		virtqueue_publish(&world->queue);
	}
	assert_int_equal(world->used->idx, 2);
}

static void test_flags(void **state)
{
	struct world *world = *state;

	assert_int_equal(start(world, SIZE, 0, false), 0);
	assert_int_equal(interrupts(world), 0);
	serve(world);
	serve(world);
	assert_int_equal(interrupts(world), 1);
	assert_int_equal(interrupts(world), 0);
	world->available->flags = VRING_AVAIL_F_NO_INTERRUPT;
	serve(world);
	assert_int_equal(interrupts(world), 0);
	virtqueue_disable_kicks(&world->queue);
	assert_int_equal(world->used->flags, VRING_USED_F_NO_NOTIFY);
	assert_false(virtqueue_enable_kicks(&world->queue));
	assert_int_equal(world->used->flags, 0);
	offer(world, 0);
	assert_true(virtqueue_enable_kicks(&world->queue));
}

/* The driver names the used entry it wants to hear of, the device the available one. */
static void test_event_index(void **state)
{
	struct world *world = *state;
	__virtio16 *used_event = &world->available->ring[SIZE];
	const __virtio16 *available_event = (__virtio16 *)&world->used->ring[SIZE];

	assert_int_equal(start(world, SIZE, 65534, true), 0);
	*used_event = 65535;
	serve(world);
	assert_int_equal(interrupts(world), 0);
	serve(world);
	assert_int_equal(interrupts(world), 1);
	serve(world);
	assert_int_equal(interrupts(world), 0);
	*used_event = 2;
	serve(world);
	serve(world);
	serve(world);
	assert_int_equal(interrupts(world), 1);
	assert_false(virtqueue_enable_kicks(&world->queue));
	assert_int_equal(*available_event, world->queue.next_available);
	virtqueue_disable_kicks(&world->queue);
	assert_int_equal(world->used->flags, 0);
	offer(world, 0);
	assert_true(virtqueue_enable_kicks(&world->queue));
}

#define QUEUE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUEUE_TEST(test_start),
		QUEUE_TEST(test_chain),
		QUEUE_TEST(test_indirect),
		QUEUE_TEST(test_flags),
		QUEUE_TEST(test_event_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
