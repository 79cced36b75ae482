/* SPDX-License-Identifier: Apache-2.0 */
/* virtio: the vsock device under a well-behaved driver, and under one that breaks every rule. */
#include "vsock_world.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

static void test_guest_connects(void **state)
{
	struct world *world = *state;

	world_send(world, 22, VIRTIO_VSOCK_OP_REQUEST, 0);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(world->accepted, 0);
	world_open(world);
	world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 100);
	assert_int_equal(world->delivered, 100);
	world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RST, 0);
	assert_int_equal(world->ended, 1);
	assert_null(world_next(world));
}

static void test_host_connects(void **state)
{
	struct world *world = *state;
	int slot = vsock_reserve(&world->vsock);
	const struct virtio_vsock_hdr *header;
	uint32_t port;

	assert_int_equal(vsock_connect(&world->vsock, (unsigned)slot, AGENT_PORT), 0);
	header = world_expect(world, VIRTIO_VSOCK_OP_REQUEST);
	port = le32toh(header->src_port);
	memcpy(world->to_guest, "hello", 5);
	world->to_guest_length = 5;
	vsock_readable(&world->vsock, (unsigned)slot);
	assert_null(world_next(world));
	world_send(world, port, VIRTIO_VSOCK_OP_RESPONSE, 0);
	assert_int_equal(world->established, 1);
	header = world_expect(world, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(le32toh(header->len), 5);
	assert_memory_equal(header + 1, "hello", 5);
	world->to_guest_over = true;
	vsock_readable(&world->vsock, (unsigned)slot);
	header = world_expect(world, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32toh(header->flags), VIRTIO_VSOCK_SHUTDOWN_SEND);
	vsock_hangup(&world->vsock, (unsigned)slot);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(world->ended, 1);
}

/* The host takes no more than the guest has room for, whatever the guest then claims. */
static void test_credit_to_the_guest(void **state)
{
	struct world *world = *state;
	struct virtio_vsock_hdr header = world_packet(CONTROL_PORT, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	unsigned slot = world_open(world);

	header.buf_alloc = 3;
	world_send_header(world, &header);
	world->to_guest_length = 10;
	vsock_readable(&world->vsock, slot);
	assert_int_equal(le32toh(world_expect(world, VIRTIO_VSOCK_OP_RW)->len), 3);
	world_expect(world, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	header.fwd_cnt = 1000; /* more than was ever sent */
	world_send_header(world, &header);
	assert_null(world_next(world));
	header.fwd_cnt = 2;
	world_send_header(world, &header);
	assert_int_equal(le32toh(world_expect(world, VIRTIO_VSOCK_OP_RW)->len), 2);
	assert_int_equal(world->to_guest_length, 5);
}

/* What the host does not take is buffered up to the announced credit; one byte more is a reset. */
static void test_credit_of_the_guest(void **state)
{
	struct world *world = *state;
	unsigned slot = world_open(world);

	world->room = 0;
	for (unsigned sent = 0; sent < VSOCK_BUFFER; sent += 4096)
		world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 4096);
	assert_int_equal(world->ended, 0);
	world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 1);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(world->ended, 0); /* the host gets what came before */
	world->room = SIZE_MAX;
	vsock_writable(&world->vsock, slot);
	assert_int_equal(world->delivered, VSOCK_BUFFER);
	assert_int_equal(world->ended, 1);
}

static void test_host_that_takes_nothing(void **state)
{
	struct world *world = *state;

	world_open(world);
	world->deliver_error = EPIPE;
	for (unsigned sent = 0; sent < 2 * VSOCK_BUFFER; sent += 4096) {
		world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 4096);
		while (world_next(world))
			;
	}
	assert_int_equal(world->ended, 0); /* it never ran out of credit */
}

/* Packets that no driver sends: each is answered by a reset, ignored, or harmless. */
static const struct {
	const char *what;
	struct virtio_vsock_hdr header;
	bool reset, ended;
} wrong_packets[] = {
	{ "another sender", { .src_cid = 4, .op = VIRTIO_VSOCK_OP_RST }, false, false },
	{ "another receiver", { .dst_cid = 7, .op = VIRTIO_VSOCK_OP_RST }, false, false },
	{ "no such type", { .type = 2, .op = VIRTIO_VSOCK_OP_RW }, true, false },
	{ "operation 0", { .op = 0 }, true, true },
	{ "an unknown operation", { .op = 8 }, true, true },
	{ "the largest operation", { .op = UINT16_MAX }, true, true },
	{ "a second request", { .op = VIRTIO_VSOCK_OP_REQUEST }, true, true },
	{ "a response to nothing", { .op = VIRTIO_VSOCK_OP_RESPONSE }, true, true },
	{ "more payload than bytes", { .op = VIRTIO_VSOCK_OP_RW, .len = 5000 }, true, true },
	{ "the largest payload", { .op = VIRTIO_VSOCK_OP_RW, .len = UINT32_MAX }, true, true },
	{ "an empty payload", { .op = VIRTIO_VSOCK_OP_RW }, false, false },
	{ "a shutdown of nothing", { .op = VIRTIO_VSOCK_OP_SHUTDOWN }, false, false },
	{ "a shutdown of everything", { .op = VIRTIO_VSOCK_OP_SHUTDOWN, .flags = UINT32_MAX }, true,
		true },
};

static void test_wrong_packets(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(wrong_packets) / sizeof(*wrong_packets); i++) {
		const struct virtio_vsock_hdr *wrong = &wrong_packets[i].header;
		struct virtio_vsock_hdr header = world_packet(CONTROL_PORT, wrong->op, wrong->len);
		const struct virtio_vsock_hdr *answer;

		world_open(world);
		world->ended = 0;
		header.src_cid = wrong->src_cid ? wrong->src_cid : header.src_cid;
		header.dst_cid = wrong->dst_cid ? wrong->dst_cid : header.dst_cid;
		header.type = wrong->type ? wrong->type : header.type;
		header.flags = wrong->flags;
		world_send_header(world, &header);
		answer = world_next(world);
		if (wrong_packets[i].reset != (answer && answer->op == VIRTIO_VSOCK_OP_RST) ||
			wrong_packets[i].ended != (world->ended == 1))
			fail_msg("%s", wrong_packets[i].what);
		world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RST, 0);
		assert_null(world_next(world));
	}
	assert_int_equal(world->malformed, 0);
}

/* A chain in the transmit queue, at most three descriptors, beginning with number 0. */
static const struct {
	const char *what;
	struct vring_desc chain[3];
	uint16_t head;
	uint16_t ahead; /* how far the available index is moved on */
} wrong_chains[] = {
	{ "an empty descriptor", { { BUFFERS_AT, 0, 0, 0 } }, 0, 1 },
	{ "too short a header", { { BUFFERS_AT, 43, 0, 0 } }, 0, 1 },
	{ "beyond the memory", { { MEMORY, 44, 0, 0 } }, 0, 1 },
	{ "across its end", { { MEMORY - 43, 44, 0, 0 } }, 0, 1 },
	{ "wrapping around", { { UINT64_MAX - 10, 44, 0, 0 } }, 0, 1 },
	{ "the longest", { { BUFFERS_AT, UINT32_MAX, 0, 0 } }, 0, 1 },
	{ "writable", { { BUFFERS_AT, 44, VRING_DESC_F_WRITE, 0 } }, 0, 1 },
	{ "a loop", { { BUFFERS_AT, 44, VRING_DESC_F_NEXT, 1 },
			    { BUFFERS_AT, 44, VRING_DESC_F_NEXT, 0 } }, 0, 1 },
	{ "a next one beyond the table", { { BUFFERS_AT, 44, VRING_DESC_F_NEXT, SIZE } }, 0, 1 },
	{ "a head beyond the table", { { BUFFERS_AT, 44, 0, 0 } }, SIZE, 1 },
	{ "the largest head", { { BUFFERS_AT, 44, 0, 0 } }, UINT16_MAX, 1 },
	{ "more entries than the ring has", { { BUFFERS_AT, 44, 0, 0 } }, 0, SIZE + 1 },
	{ "an index moved back", { { BUFFERS_AT, 44, 0, 0 } }, 0, UINT16_MAX },
	{ "readable behind writable", { { BUFFERS_AT, 44, VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, 1 },
			    { BUFFERS_AT, 44, 0, 0 } }, 0, 1 },
	{ "an empty indirect table", { { BUFFERS_AT, 0, VRING_DESC_F_INDIRECT, 0 } }, 0, 1 },
	{ "half an indirect entry", { { BUFFERS_AT, 24, VRING_DESC_F_INDIRECT, 0 } }, 0, 1 },
	{ "an indirect table in nowhere", { { MEMORY, 16, VRING_DESC_F_INDIRECT, 0 } }, 0, 1 },
	{ "indirect and next", { { BUFFERS_AT, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
			    { BUFFERS_AT, 44, 0, 0 } }, 0, 1 },
	{ "indirect in indirect", { { 8 * QUEUE_AT, 16, VRING_DESC_F_INDIRECT, 0 } }, 0, 1 },
};

/* The device stops, its streams end, and a driver that begins anew finds it well. */
static void test_wrong_chains(void **state)
{
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(wrong_chains) / sizeof(*wrong_chains); i++) {
		struct ring *ring = &world->rings[VSOCK_QUEUE_TX];

		world_open(world);
		world->malformed = world->ended = 0;
		memcpy(ring->descriptors, wrong_chains[i].chain, sizeof(wrong_chains[i].chain));
		ring->available->ring[ring->available->idx % SIZE] = wrong_chains[i].head;
		ring->available->idx += wrong_chains[i].ahead;
		vsock_work(&world->vsock);
		if (world->malformed != 1 || world->ended != 1)
			fail_msg("%s", wrong_chains[i].what);
		assert_int_equal(vsock_work(&world->vsock), -1);
		assert_int_equal(vsock_connect(&world->vsock,
			(unsigned)vsock_reserve(&world->vsock), 1), -ENOTCONN);
		vsock_abandon(&world->vsock, 0);
		vsock_stop(&world->vsock);
		world_start(world);
	}
}

/* A receive buffer without room for payload, or one that is to be read. */
static void test_wrong_buffers(void **state)
{
	static const struct vring_desc buffers[] = {
		{ BUFFERS_AT, 44, VRING_DESC_F_WRITE, 0 },
		{ BUFFERS_AT, 4096, 0, 0 },
		{ MEMORY, 4096, VRING_DESC_F_WRITE, 0 },
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(buffers) / sizeof(*buffers); i++) {
		world->malformed = 0;
		world->rings[VSOCK_QUEUE_RX].descriptors[0] = buffers[i];
		world_send(world, 22, VIRTIO_VSOCK_OP_REQUEST, 0);
		assert_int_equal(world->malformed, 1);
		vsock_stop(&world->vsock);
		world_start(world);
	}
}

/* A guest that takes no answers is not read on, and costs nothing. */
static void test_guest_that_never_reads(void **state)
{
	struct world *world = *state;
	unsigned given_back = 0;

	for (unsigned i = 0; i < 500; i++) {
		world_send(world, i, VIRTIO_VSOCK_OP_REQUEST, 0);
		given_back = world->rings[VSOCK_QUEUE_TX].used->idx;
		if (i + 1 - given_back >= SIZE)
			break;
	}
	assert_in_range(given_back, VSOCK_MAX_REPLIES, VSOCK_MAX_REPLIES + 2 * SIZE);
	while (world_next(world))
		;
	assert_in_range(world->rings[VSOCK_QUEUE_TX].used->idx, given_back + SIZE, UINT16_MAX);
}

/* Clients that left keep no others out although the guest acknowledges nothing. */
static void test_full_table(void **state)
{
	struct world *world = *state;
	int slot = 0;

	for (unsigned i = 0; i < VSOCK_STREAMS; i++) {
		slot = vsock_reserve(&world->vsock);
		assert_int_equal(slot, i);
		assert_int_equal(vsock_connect(&world->vsock, i, AGENT_PORT), 0);
		world_expect(world, VIRTIO_VSOCK_OP_REQUEST);
	}
	assert_int_equal(vsock_reserve(&world->vsock), -ENFILE);
	for (unsigned i = 0; i < VSOCK_STREAMS; i++)
		vsock_abandon(&world->vsock, i);
	for (unsigned i = 0; i < VSOCK_MAX_REPLIES; i++)
		assert_true(vsock_reserve(&world->vsock) >= 0);
}

/* A paused VM keeps its streams; a driver that begins anew has none. */
static void test_stop_and_start(void **state)
{
	struct world *world = *state;

	world_open(world);
	vsock_stop(&world->vsock);
	assert_int_equal(vsock_work(&world->vsock), -1);
	vsock_start(&world->vsock, &world->queues[0], &world->queues[1]);
	world_send(world, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 10);
	assert_int_equal(world->delivered, 10);
	vsock_stop(&world->vsock);
	world_start(world);
	assert_int_equal(world->ended, 1);
	assert_null(world_next(world));
}

static void test_config(void **state)
{
	struct world *world = *state;
	unsigned char bytes[8] = { 0 };

	assert_int_equal(vsock_read_config(&world->vsock, 0, bytes, 8), 0);
	assert_memory_equal(bytes, "\3\0\0\0\0\0\0\0", 8);
	assert_int_equal(vsock_read_config(&world->vsock, 4, bytes, 5), -EINVAL);
	assert_int_equal(vsock_read_config(&world->vsock, UINT32_MAX, bytes, 1), -EINVAL);
	assert_int_equal(vsock_read_config(&world->vsock, 8, bytes, UINT32_MAX), -EINVAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_guest_connects),
		TEST(test_host_connects),
		TEST(test_credit_to_the_guest),
		TEST(test_credit_of_the_guest),
		TEST(test_host_that_takes_nothing),
		TEST(test_wrong_packets),
		TEST(test_wrong_chains),
		TEST(test_wrong_buffers),
		TEST(test_guest_that_never_reads),
		TEST(test_full_table),
		TEST(test_stop_and_start),
		TEST(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
