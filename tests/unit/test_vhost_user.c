/* SPDX-License-Identifier: Apache-2.0 */
/* virtio: vhost-user under a front end that does everything right, then under one that does not. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vhost_types.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/io.h"
#include "virtio/vhost_user.h"

enum {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	RESET_DEVICE = 34,
};

enum { VERSION = 1, REPLY = 4, NEED_REPLY = 8, QUEUES = 2, MEMORY = 64 << 10, SIZE = 8 };
#define FRONT	   0x7f0000000000ULL /* where the front end has the memory */
#define FEATURES   (1ULL << 32)
#define F_PROTOCOL (1ULL << 30)

struct world {
	struct vhost_user vhost;
	int front; /* the front end's socket */
	int memory_fd, event_fd;
	unsigned started[QUEUES], stopped[QUEUES];
};

static void queue_started(void *arg, unsigned index)
{
	struct world *world = arg;

	assert_int_equal(world->started[index]++, world->stopped[index]);
}

static void queue_stopped(void *arg, unsigned index)
{
	struct world *world = arg;

	assert_int_equal(++world->stopped[index], world->started[index]);
}

static int get_config(void *arg, uint32_t offset, void *bytes, uint32_t length)
{
	if (offset > 8 || length > 8 - offset)
		return -EINVAL;
	memset(bytes, 'c', length);
	return 0;
}

static const struct vhost_user_device device = {
	.features = FEATURES,
	.queue_count = QUEUES,
	.queue_started = queue_started,
	.queue_stopped = queue_stopped,
	.get_config = get_config,
};

static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 200; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Sends a message with `fds` descriptors, of the memory or else eventfds; the verdict. */
static int tell(struct world *world, uint32_t request, uint32_t flags, const void *payload,
	uint32_t size, size_t fds)
{
	unsigned char bytes[12 + 600] = { 0 };
	const uint32_t header[3] = { request, flags, size };
	int list[IO_MAX_FDS];

	for (size_t i = 0; i < IO_MAX_FDS; i++)
		list[i] = request == SET_MEM_TABLE ? world->memory_fd : world->event_fd;
	memcpy(bytes, header, sizeof(header));
	if (payload)
		memcpy(bytes + sizeof(header), payload, size);
	assert_int_equal(io_send_fds(world->front, bytes, 12 + (size > 600 ? 600 : size), list, fds),
		0);
	return vhost_user_handle(&world->vhost);
}

/* The payload of the back end's answer, which must be one to this request. */
static const void *answer(struct world *world, uint32_t request, uint32_t *ret_size)
{
	static struct vhost_user_message message;
	ssize_t n = recv(world->front, &message, sizeof(message), MSG_DONTWAIT);

	assert_in_range(n, 12, sizeof(message));
	assert_int_equal(message.request, request);
	assert_int_equal(message.flags, VERSION | REPLY);
	assert_int_equal(n, 12 + message.size);
	if (ret_size)
		*ret_size = message.size;
	return message.payload;
}

static uint64_t answer_u64(struct world *world, uint32_t request)
{
	uint32_t size;
	uint64_t value;

	memcpy(&value, answer(world, request, &size), sizeof(value));
	assert_int_equal(size, sizeof(value));
	return value;
}

static void tell_u64(struct world *world, uint32_t request, uint64_t value, size_t fds)
{
	assert_int_equal(tell(world, request, VERSION, &value, sizeof(value), fds), 0);
}

static void tell_state(struct world *world, uint32_t request, unsigned index, unsigned number)
{
	const struct vhost_vring_state state = { index, number };

	assert_int_equal(tell(world, request, VERSION, &state, sizeof(state), 0), 0);
}

/* The same with an answer asked for: 0, or why it was refused. */
static uint64_t ask_state(struct world *world, uint32_t request, unsigned index, unsigned number)
{
	const struct vhost_vring_state state = { index, number };

	assert_int_equal(tell(world, request, VERSION | NEED_REPLY, &state, sizeof(state), 0), 0);
	return answer_u64(world, request);
}

struct table {
	uint32_t count, padding;
	struct {
		uint64_t guest, size, front, offset;
	} regions[9];
};

static void share_memory(struct world *world)
{
	const struct table table = { 1, 0, { { 0, MEMORY, FRONT, 0 } } };

	assert_int_equal(tell(world, SET_MEM_TABLE, VERSION, &table, 40, 1), 0);
}

static void tell_address(struct world *world, unsigned index, uint64_t at)
{
	const struct vhost_vring_addr addr = { .index = index, .desc_user_addr = at,
		.avail_user_addr = at + 4096, .used_user_addr = at + 8192 };

	assert_int_equal(tell(world, SET_VRING_ADDR, VERSION, &addr, sizeof(addr), 0), 0);
}

/* All that a queue needs, as QEMU sends it. */
static void set_up_queue(struct world *world, unsigned index)
{
	tell_state(world, SET_VRING_NUM, index, SIZE);
	tell_state(world, SET_VRING_BASE, index, 0);
	tell_address(world, index, FRONT);
	tell_u64(world, SET_VRING_CALL, index, 1);
	tell_u64(world, SET_VRING_ERR, index, 1);
	tell_u64(world, SET_VRING_KICK, index, 1);
	tell_state(world, SET_VRING_ENABLE, index, 1);
}

static bool runs(const struct world *world, unsigned index)
{
	assert_int_equal(world->vhost.queues[index].running,
		world->started[index] != world->stopped[index]);
	return world->vhost.queues[index].running;
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	int pair[2];

	if (!world || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	world->front = pair[1];
	world->memory_fd = memfd_create("guest", MFD_CLOEXEC);
	world->event_fd = eventfd(0, EFD_CLOEXEC);
	if (world->memory_fd < 0 || world->event_fd < 0 || ftruncate(world->memory_fd, MEMORY) < 0)
		return -1;
	*state = world;
	return vhost_user_init(&world->vhost, pair[0], &device, world);
}

/* Whatever happened, no queue runs and no descriptor is left after it. */
static int tear_down(void **state)
{
	struct world *world = *state;

	vhost_user_finish(&world->vhost);
	for (unsigned i = 0; i < QUEUES; i++)
		assert_int_equal(world->started[i], world->stopped[i]);
	close(world->front);
	close(world->memory_fd);
	close(world->event_fd);
	free(world);
	return 0;
}

static void agree(struct world *world)
{
	assert_int_equal(tell(world, GET_FEATURES, VERSION, NULL, 0, 0), 0);
	assert_int_equal(answer_u64(world, GET_FEATURES), FEATURES | F_PROTOCOL);
	tell_u64(world, SET_PROTOCOL_FEATURES, 1 << 3 | 1 << 9, 0);
	tell_u64(world, SET_FEATURES, FEATURES | F_PROTOCOL, 0);
}

static void test_life(void **state)
{
	struct world *world = *state;
	struct vhost_vring_state base = { .index = 1 };

	agree(world);
	assert_int_equal(tell(world, GET_QUEUE_NUM, VERSION, NULL, 0, 0), 0);
	assert_int_equal(answer_u64(world, GET_QUEUE_NUM), QUEUES);
	share_memory(world);
	set_up_queue(world, 1);
	assert_true(runs(world, 1) && !runs(world, 0));
	/* Memory that is replaced: the queue pauses, and goes on in the new one. */
	share_memory(world);
	assert_int_equal(world->started[1], 2);
	assert_true(runs(world, 1));
	tell_state(world, SET_VRING_ENABLE, 1, 0);
	assert_false(runs(world, 1));
	tell_state(world, SET_VRING_ENABLE, 1, 1);
	world->vhost.queues[1].ring.next_available = 5;
	assert_int_equal(tell(world, GET_VRING_BASE, VERSION, &base, sizeof(base), 0), 0);
	memcpy(&base, answer(world, GET_VRING_BASE, NULL), sizeof(base));
	assert_int_equal(base.num, 5);
	assert_false(runs(world, 1));
	tell_u64(world, SET_VRING_KICK, 1, 1);
	assert_true(runs(world, 1));
	assert_int_equal(tell(world, RESET_DEVICE, VERSION, NULL, 0, 0), 0);
	assert_false(runs(world, 1));
	close(world->front);
	assert_int_equal(vhost_user_handle(&world->vhost), -ECONNRESET);
	world->front = -1;
}

/* A front end that knows no SET_VRING_ENABLE. */
static void test_without_protocol_features(void **state)
{
	struct world *world = *state;

	share_memory(world);
	tell_u64(world, SET_FEATURES, FEATURES, 0);
	tell_state(world, SET_VRING_NUM, 0, SIZE);
	tell_address(world, 0, FRONT);
	tell_u64(world, SET_VRING_KICK, 0x100, 0);
	assert_true(runs(world, 0));
}

static void test_config(void **state)
{
	static const struct {
		uint32_t offset, size, answered;
	} cases[] = { { 0, 8, 20 }, { 4, 4, 16 }, { 8, 0, 12 }, { 4, 5, 0 }, { 9, 0, 0 },
		{ UINT32_MAX, 1, 0 }, { 0, 256, 0 } };
	struct world *world = *state;
	uint32_t payload[3 + 64] = { 0 }, size;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		payload[0] = cases[i].offset;
		payload[1] = cases[i].size;
		assert_int_equal(tell(world, GET_CONFIG, VERSION, payload, 12 + cases[i].size, 0),
			0);
		answer(world, GET_CONFIG, &size);
		assert_int_equal(size, cases[i].answered);
	}
}

/* What a guest can cause through a good front end is refused, and the connection goes on. */
static void test_refused(void **state)
{
	static const uint64_t addresses[] = { 0, FRONT + 8, FRONT + MEMORY - 4096, FRONT - 4096,
		FRONT + MEMORY, UINT64_MAX - 15, UINT64_MAX - 4111 };
	struct world *world = *state;
	const uint64_t strange = 1ULL << 50;
	const uint32_t config[4] = { 0, 4, 0, 7 };

	agree(world);
	share_memory(world);
	set_up_queue(world, 0);
	assert_int_equal(ask_state(world, SET_VRING_NUM, 0, 16), EINVAL); /* it runs */
	assert_int_equal(ask_state(world, SET_VRING_BASE, 0, 1), EINVAL);
	assert_int_equal(ask_state(world, SET_VRING_NUM, 1, 0), EINVAL);
	assert_int_equal(ask_state(world, SET_VRING_NUM, 1, VIRTQUEUE_MAX_SIZE + 1), EINVAL);
	assert_int_equal(ask_state(world, SET_VRING_NUM, 1, UINT32_MAX), EINVAL);
	assert_int_equal(ask_state(world, SET_VRING_BASE, 1, UINT16_MAX + 1), EINVAL);
	assert_int_equal(tell(world, SET_FEATURES, VERSION | NEED_REPLY, &strange, 8, 0), 0);
	assert_int_equal(answer_u64(world, SET_FEATURES), EINVAL);
	assert_int_equal(tell(world, SET_CONFIG, VERSION | NEED_REPLY, config, 16, 0), 0);
	assert_int_equal(answer_u64(world, SET_CONFIG), EPERM);
	for (size_t i = 0; i < sizeof(addresses) / sizeof(*addresses); i++) {
		tell_state(world, SET_VRING_NUM, 1, SIZE);
		tell_address(world, 1, addresses[i]);
		tell_u64(world, SET_VRING_KICK, 1, 1);
		assert_int_not_equal(ask_state(world, SET_VRING_ENABLE, 1, 1), 0);
		assert_false(runs(world, 1));
	}
	assert_int_equal(ask_state(world, SET_VRING_NUM, 1, 7), 0);
	tell_address(world, 1, FRONT);
	assert_int_not_equal(ask_state(world, SET_VRING_ENABLE, 1, 1), 0);
	assert_true(runs(world, 0) && !runs(world, 1));
}

/* What only a front end out of order sends: each ends the connection. */
static const struct {
	const char *what;
	uint32_t request, flags, size;
	size_t fds;
	uint32_t payload[24];
} malformed[] = {
	{ "no such request", 0, VERSION, 0, 0, { 0 } },
	{ "one that is not served", 30, VERSION, 0, 0, { 0 } },
	{ "the largest number", UINT32_MAX, VERSION, 0, 0, { 0 } },
	{ "version 0", GET_FEATURES, 0, 0, 0, { 0 } },
	{ "version 2", GET_FEATURES, 2, 0, 0, { 0 } },
	{ "an answer", GET_FEATURES, VERSION | REPLY, 0, 0, { 0 } },
	{ "the largest size", SET_MEM_TABLE, VERSION, UINT32_MAX, 0, { 0 } },
	{ "one byte too many", SET_MEM_TABLE, VERSION, 513, 0, { 0 } },
	{ "a payload where none belongs", GET_FEATURES, VERSION, 8, 0, { 0 } },
	{ "no payload", SET_FEATURES, VERSION, 0, 0, { 0 } },
	{ "half a payload", SET_VRING_NUM, VERSION, 4, 0, { 0 } },
	{ "a descriptor where none belongs", SET_VRING_NUM, VERSION, 8, 1, { 0, 8 } },
	{ "a queue beyond the last", SET_VRING_NUM, VERSION, 8, 0, { QUEUES, 8 } },
	{ "the largest queue", SET_VRING_BASE, VERSION, 8, 0, { UINT32_MAX, 0 } },
	{ "the base of no queue", GET_VRING_BASE, VERSION, 8, 0, { QUEUES, 0 } },
	{ "an address of no queue", SET_VRING_ADDR, VERSION, 40, 0, { 255 } },
	{ "enabled twice as much", SET_VRING_ENABLE, VERSION, 8, 0, { 0, 2 } },
	{ "a kick of no queue", SET_VRING_KICK, VERSION, 8, 1, { QUEUES, 0 } },
	{ "a kick without descriptor", SET_VRING_KICK, VERSION, 8, 0, { 0, 0 } },
	{ "a descriptor that is not said", SET_VRING_CALL, VERSION, 8, 1, { 0x100, 0 } },
	{ "two descriptors", SET_VRING_ERR, VERSION, 8, 2, { 0, 0 } },
	{ "regions without descriptors", SET_MEM_TABLE, VERSION, 40, 0, { 1, 0, 0, 0, MEMORY } },
	{ "descriptors without regions", SET_MEM_TABLE, VERSION, 8, 2, { 0 } },
	{ "half a region", SET_MEM_TABLE, VERSION, 39, 1, { 1, 0, 0, 0, MEMORY } },
	{ "nine regions", SET_MEM_TABLE, VERSION, 296, 8, { 9 } },
	{ "the largest count", SET_MEM_TABLE, VERSION, 40, 1, { UINT32_MAX } },
	{ "an empty region", SET_MEM_TABLE, VERSION, 40, 1, { 1 } },
	{ "beyond the file", SET_MEM_TABLE, VERSION, 40, 1, { 1, 0, 0, 0, 2 * MEMORY } },
	{ "behind the file", SET_MEM_TABLE, VERSION, 40, 1,
		{ 1, 0, 0, 0, MEMORY, 0, 0, 0, MEMORY } },
	{ "an offset that wraps", SET_MEM_TABLE, VERSION, 40, 1,
		{ 1, 0, 0, 0, MEMORY, 0, 0, 0, 0xfffff000, UINT32_MAX } },
	{ "an address that wraps", SET_MEM_TABLE, VERSION, 40, 1,
		{ 1, 0, 0xfffff000, UINT32_MAX, MEMORY } },
	{ "a front end's address that wraps", SET_MEM_TABLE, VERSION, 40, 1,
		{ 1, 0, 0, 0, MEMORY, 0, 0xfffff000, UINT32_MAX } },
	{ "regions on top of each other", SET_MEM_TABLE, VERSION, 72, 2,
		{ 2, 0, 0, 0, MEMORY, 0, 0, 0, 0, 0, 4096, 0, 4096, 0, 1 << 20 } },
	{ "a configuration of another size", GET_CONFIG, VERSION, 12, 0, { 0, 4 } },
	{ "a large configuration", GET_CONFIG, VERSION, 13, 0, { 0, UINT32_MAX } },
};

static void test_malformed(void **state)
{
	int before = count_fds();

	for (size_t i = 0; i < sizeof(malformed) / sizeof(*malformed); i++) {
		unsigned char payload[600] = { 0 };
		void *inner = NULL;
		struct world *world;
		int r;

		assert_int_equal(set_up(&inner), 0);
		world = inner;
		share_memory(world);
		set_up_queue(world, 0);
		memcpy(payload, malformed[i].payload, sizeof(malformed[i].payload));
		r = tell(world, malformed[i].request, malformed[i].flags,
			malformed[i].size > sizeof(payload) ? NULL : payload, malformed[i].size,
			malformed[i].fds);
		if (r != -EPROTO)
			fail_msg("%s: %d", malformed[i].what, r);
		tear_down(&inner);
		if (count_fds() != before)
			fail_msg("%s: descriptors are left", malformed[i].what);
	}
}

/* A message that comes byte by byte, its descriptor with the first. */
static void test_pieces(void **state)
{
	struct world *world = *state;
	const uint32_t message[5] = { SET_VRING_CALL, VERSION, 8, 1, 0 };
	const char *bytes = (const char *)message;

	assert_int_equal(io_send_fds(world->front, bytes, 1, &world->event_fd, 1), 0);
	for (size_t i = 1; i < sizeof(message); i++) {
		assert_int_equal(vhost_user_handle(&world->vhost), 0);
		assert_int_equal(world->vhost.queues[1].ring.call_fd, -1);
		assert_int_equal(send(world->front, bytes + i, 1, 0), 1);
	}
	assert_int_equal(vhost_user_handle(&world->vhost), 0);
	assert_true(world->vhost.queues[1].ring.call_fd >= 0);
}

/* A front end that asks and never reads the answers. */
static void test_answers_unread(void **state)
{
	struct world *world = *state;
	int r = 0;

	for (int i = 0; i < 100000 && r == 0; i++)
		r = tell(world, GET_FEATURES, VERSION, NULL, 0, 0);
	assert_int_equal(r, -EPROTO);
}

static void test_error_is_told(void **state)
{
	struct world *world = *state;
	uint64_t count = 0;

	vhost_user_report_error(&world->vhost, 0); /* nobody to tell */
	tell_u64(world, SET_VRING_ERR, 0, 1);
	vhost_user_report_error(&world->vhost, 0);
	assert_int_equal(read(world->event_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_life),
		TEST(test_without_protocol_features),
		TEST(test_config),
		TEST(test_refused),
		cmocka_unit_test(test_malformed),
		TEST(test_pieces),
		TEST(test_answers_unread),
		TEST(test_error_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
