/* SPDX-License-Identifier: Apache-2.0 */
/* virtio: the relay of sbx-vsock between a VMM, a guest's driver, clients and a keeper. */
#include "relay_world.h"

#include <endian.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { STREAMS = 1, CONTROL = 2 };

/*
 * A client has closed its socket. If the relay comes upon the end of its bytes before it hears of
 * the hang-up, the guest is told of the one before the other.
 */
static void expect_end(struct world *world)
{
	const struct virtio_vsock_hdr *header = world_next(world);

	if (le16toh(header->op) == VIRTIO_VSOCK_OP_SHUTDOWN)
		header = world_next(world);
	assert_int_equal(le16toh(header->op), VIRTIO_VSOCK_OP_RST);
}

static void test_vmm_asks(void **state)
{
	static const struct {
		uint32_t offset, size, flags;
		unsigned char bytes[8];
	} space = { 0, 8, 0, { 0 } };
	struct world *world = *state;
	const unsigned char *answer;
	uint64_t value;

	memcpy(&value, world_ask(world, GET_FEATURES, NULL, 0), sizeof(value));
	assert_int_equal(value, 1ULL << 32 | 1ULL << 30 | 1ULL << 29 | 1ULL << 28);
	memcpy(&value, world_ask(world, GET_QUEUE_NUM, NULL, 0), sizeof(value));
	assert_int_equal(value, 3);
	answer = world_ask(world, GET_CONFIG, &space, sizeof(space));
	memcpy(&value, answer + 12, sizeof(value));
	assert_int_equal(le64toh(value), CID);
}

static void test_bad_greetings(void **state)
{
	static const char *const greetings[] = { "\n", "HELLO\n", "CONNECT\n", "CONNECT \n",
		"CONNECT x\n", "CONNECT -1\n", "CONNECT 4294967296\n",
		"CONNECT 00000000000000000000001024\n" };
	struct world *world = *state;

	world_start(world);
	for (size_t i = 0; i < sizeof(greetings) / sizeof(*greetings); i++) {
		int fd = world_client(world, greetings[i]);

		world_read(fd, "ERR say CONNECT <port>\n");
		world_read(fd, NULL);
		close(fd);
	}
}

static void test_refusals(void **state)
{
	struct world *world = *state;
	int fd = world_client(world, "CONNECT 1024\n");
	uint32_t port;

	world_read(fd, "ERR the guest is not up\n");
	close(fd);
	world_start(world);
	fd = world_client(world, "CONN");
	assert_int_equal(write(fd, "ECT 7\n", 6), 6);
	port = le32toh(world_expect(world, VIRTIO_VSOCK_OP_REQUEST)->src_port);
	world_send(world, 7, port, VIRTIO_VSOCK_OP_RST, 0, NULL);
	world_read(fd, "ERR the guest refused the connection\n");
	world_read(fd, NULL);
	close(fd);
	/* A client that does not wait for the answer. */
	fd = world_client(world, "CONNECT 7\n");
	world_expect(world, VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
}

static void test_session(void **state)
{
	struct world *world = *state;
	const struct virtio_vsock_hdr *header;
	uint32_t port;
	int fd;

	world_start(world);
	fd = world_session(world, AGENT_PORT, &port);
	assert_int_equal(world_keeper(world, STREAMS, 1), -1);
	assert_int_equal(write(fd, "to the guest", 12), 12);
	header = world_expect(world, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(le32toh(header->len), 12);
	assert_memory_equal(header + 1, "to the guest", 12);
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_RW, 0, "from the guest");
	world_read(fd, "from the guest");
	shutdown(fd, SHUT_WR);
	header = world_expect(world, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(le32toh(header->flags), VIRTIO_VSOCK_SHUTDOWN_SEND);
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_RW, 0, "still there");
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_SHUTDOWN,
		VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV, NULL);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	world_read(fd, "still there");
	world_read(fd, NULL);
	close(fd);
	world_keeper(world, STREAMS, 0);
}

/* What a client sends along with its greeting waits for the guest's answer. */
static void test_early_bytes(void **state)
{
	struct world *world = *state;
	uint32_t port;
	int fd;

	world_start(world);
	fd = world_client(world, "CONNECT 1024\nearly");
	port = le32toh(world_expect(world, VIRTIO_VSOCK_OP_REQUEST)->src_port);
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_RESPONSE, 0, NULL);
	assert_memory_equal(world_expect(world, VIRTIO_VSOCK_OP_RW) + 1, "early", 5);
	close(fd);
	expect_end(world);
}

/* The guest has no room for the last bytes: the client does not count, they are not lost. */
static void test_client_gone(void **state)
{
	struct world *world = *state;
	uint32_t port;
	int fd;

	world_start(world);
	world->credit = 0;
	fd = world_session(world, AGENT_PORT, &port);
	world_keeper(world, STREAMS, 1);
	assert_int_equal(write(fd, "farewell", 8), 8);
	world_expect(world, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	close(fd);
	world_keeper(world, STREAMS, 0);
	world->credit = 4;
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL);
	assert_memory_equal(world_expect(world, VIRTIO_VSOCK_OP_RW) + 1, "fare", 4);
	world_expect(world, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	world->credit = 100;
	world_send(world, AGENT_PORT, port, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, NULL);
	assert_memory_equal(world_expect(world, VIRTIO_VSOCK_OP_RW) + 1, "well", 4);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
}

static void test_control(void **state)
{
	struct world *world = *state;
	int fd;

	world_start(world);
	world_send(world, 50, 22, VIRTIO_VSOCK_OP_REQUEST, 0, NULL);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	world_send(world, 50, CONTROL_PORT, VIRTIO_VSOCK_OP_REQUEST, 0, NULL);
	fd = world_keeper(world, CONTROL, 0);
	assert_true(fd >= 0);
	world_expect(world, VIRTIO_VSOCK_OP_RESPONSE);
	world_send(world, 51, CONTROL_PORT, VIRTIO_VSOCK_OP_REQUEST, 0, NULL);
	world_expect(world, VIRTIO_VSOCK_OP_RST);
	world_send(world, 50, CONTROL_PORT, VIRTIO_VSOCK_OP_RW, 0, "ready");
	world_read(fd, "ready");
	close(fd);
	expect_end(world);
}

/* A guest that opens it over and over: some are refused, and after a while one is not. */
static void test_control_loop(void **state)
{
	struct world *world = *state;
	int refused = 0, fd;

	world_start(world);
	for (int opened = 0; opened < 2;) {
		const struct virtio_vsock_hdr *header;

		world_send(world, 50, CONTROL_PORT, VIRTIO_VSOCK_OP_REQUEST, 0, NULL);
		header = world_next(world);
		if (le16toh(header->op) == VIRTIO_VSOCK_OP_RST) {
			refused++;
			continue;
		}
		assert_int_equal(le16toh(header->op), VIRTIO_VSOCK_OP_RESPONSE);
		fd = world_keeper(world, CONTROL, 0);
		world_send(world, 50, CONTROL_PORT, VIRTIO_VSOCK_OP_RST, 0, NULL);
		world_read(fd, NULL);
		close(fd);
		opened++;
	}
	assert_true(refused > 0);
}

static void test_table_is_full(void **state)
{
	static int fds[256];
	struct world *world = *state;
	int fd;

	world_start(world);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		fds[i] = world_client(world, "");
	fd = world_client(world, "CONNECT 1024\n");
	world_read(fd, "ERR too many streams\n");
	close(fd);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		close(fds[i]);
	for (;;) {
		char answer[16] = "";
		struct pollfd client;

		/* Until the relay has seen that they are gone. */
		fd = world_client(world, "CONNECT 1024\n");
		client = (struct pollfd){ .fd = fd, .events = POLLIN };
		if (poll(&client, 1, 100) == 0)
			break;
		assert_true(read(fd, answer, sizeof(answer) - 1) > 0);
		close(fd);
	}
	world_expect(world, VIRTIO_VSOCK_OP_REQUEST);
	close(fd);
}

/* The device stops, and says so; a driver that begins anew finds it well. */
static void test_malformed_ring(void **state)
{
	struct world *world = *state;
	struct driver_queue *queue = &world->queues[TX];
	struct pollfd error = { .fd = queue->error_fd, .events = POLLIN };
	uint32_t port;
	int fd;

	world_start(world);
	fd = world_session(world, AGENT_PORT, &port);
	world_keeper(world, STREAMS, 1);
	queue->available->idx = (uint16_t)(queue->available->idx + SIZE + 1);
	assert_int_equal(eventfd_write(queue->kick_fd, 1), 0);
	assert_int_equal(poll(&error, 1, 10000), 1);
	world_read(fd, NULL);
	close(fd);
	world_keeper(world, STREAMS, 0);
	world_stop(world);
	world_start(world);
	fd = world_session(world, AGENT_PORT, &port);
	close(fd);
	expect_end(world);
}

static void test_vmm_ends(void **state)
{
	struct world *world = *state;

	world_start(world);
	shutdown(world->vhost_fd, SHUT_RDWR);
	assert_int_equal(world_wait(world), 0);
}

static void test_keeper_ends(void **state)
{
	struct world *world = *state;

	shutdown(world->keeper_fd, SHUT_RDWR);
	assert_int_equal(world_wait(world), 0);
}

static void test_vmm_talks_nonsense(void **state)
{
	struct world *world = *state;

	world_tell(world, 200, "nonsense", 8);
	assert_int_equal(world_wait(world), 1);
}

#define RELAY_TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELAY_TEST(test_vmm_asks),
		RELAY_TEST(test_bad_greetings),
		RELAY_TEST(test_refusals),
		RELAY_TEST(test_session),
		RELAY_TEST(test_early_bytes),
		RELAY_TEST(test_client_gone),
		RELAY_TEST(test_control),
		RELAY_TEST(test_control_loop),
		RELAY_TEST(test_table_is_full),
		RELAY_TEST(test_malformed_ring),
		RELAY_TEST(test_vmm_ends),
		RELAY_TEST(test_keeper_ends),
		RELAY_TEST(test_vmm_talks_nonsense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
