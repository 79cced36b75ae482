/* SPDX-License-Identifier: Apache-2.0 */
/* The vhost-user back end under a front end (QEMU, taken over by its guest) that sends anything. */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "virtio/vhost_user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUEUES = 3, GUEST_MEMORY = 1 << 20, HEADER = 12 };

static struct vhost_user vhost;
static bool running[QUEUES];
static int memory_fd = -1, event_fd = -1;

/* The rings of a running queue have to be there: a chain is popped and given back. */
static void queue_started(void *arg, unsigned index)
{
	struct virtqueue *ring = &vhost.queues[index].ring;
	static struct virtqueue_chain chain;

	if (running[index])
		abort();
	running[index] = true;
	if (virtqueue_pop(ring, &chain) == 1)
		virtqueue_push(ring, &chain, 0);
	virtqueue_publish(ring);
	virtqueue_enable_kicks(ring);
	virtqueue_signal(ring);
}

static void queue_stopped(void *arg, unsigned index)
{
	if (!running[index])
		abort();
	running[index] = false;
	virtqueue_publish(&vhost.queues[index].ring);
}

static int get_config(void *arg, uint32_t offset, void *bytes, uint32_t length)
{
	if (offset > 8 || length > 8 - offset)
		return -EINVAL;
	memset(bytes, 1, length);
	return 0;
}

static const struct vhost_user_device device = {
	.features = 1ULL << 32 | 1ULL << 28 | 1ULL << 29,
	.queue_count = QUEUES,
	.queue_started = queue_started,
	.queue_stopped = queue_stopped,
	.get_config = get_config,
};

/* Each message: request, flags, descriptors (how many, which), length, payload. */
static size_t send_message(int socket, const uint8_t *data, size_t size)
{
	unsigned char bytes[HEADER + 300] = { 0 };
	size_t count = data[2] % (IO_MAX_FDS + 1), length = data[4] | (data[5] & 1) << 8;
	uint32_t header[3] = { data[0], data[1], 0 };
	int fds[IO_MAX_FDS];

	for (size_t i = 0; i < count; i++)
		fds[i] = data[3] >> i & 1 ? event_fd : memory_fd;
	if (length > size - 6)
		length = size - 6;
	if (length > 300)
		length = 300;
	header[2] = (uint32_t)length + (data[5] >> 6);
	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + HEADER, data + 6, length);
	io_send_fds(socket, bytes, HEADER + length, fds, count);
	return 6 + length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char answers[1024];
	int pair[2];

	if (memory_fd < 0) {
		memory_fd = memfd_create("guest", MFD_CLOEXEC);
		event_fd = eventfd(0, EFD_CLOEXEC);
		if (memory_fd < 0 || event_fd < 0 || ftruncate(memory_fd, GUEST_MEMORY) < 0)
			abort();
	}
	memset(running, 0, sizeof(running));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
		vhost_user_init(&vhost, pair[0], &device, NULL) < 0)
		abort();
	while (size > 6) {
		size_t n = send_message(pair[1], data, size);

		data += n;
		size -= n;
		if (vhost_user_handle(&vhost) < 0)
			break;
		while (recv(pair[1], answers, sizeof(answers), MSG_DONTWAIT) > 0)
			;
	}
	vhost_user_finish(&vhost);
	for (unsigned i = 0; i < QUEUES; i++)
		if (running[i])
			abort();
	close(pair[1]);
	return 0;
}
