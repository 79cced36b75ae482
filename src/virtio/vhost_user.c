/* SPDX-License-Identifier: Apache-2.0 */
/* The back end's side of vhost-user: requests. */
#include "virtio/vhost_user.h"

#include <errno.h>
#include <linux/vhost_types.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/log.h"

/* Numbers and layouts of the protocol's specification, all in the host's byte order. */
enum request {
	GET_FEATURES = 1,
	SET_FEATURES = 2,
	SET_OWNER = 3,
	RESET_OWNER = 4,
	SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	GET_VRING_BASE = 11,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13,
	SET_VRING_ERR = 14,
	GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16,
	GET_QUEUE_NUM = 17,
	SET_VRING_ENABLE = 18,
	GET_CONFIG = 24,
	SET_CONFIG = 25,
	RESET_DEVICE = 34,
};

enum { HEADER_SIZE = 12 };

enum message_flag {
	FLAG_VERSION = 1,
	FLAG_VERSION_MASK = 3,
	FLAG_REPLY = 4,
	FLAG_NEED_REPLY = 8,
};

#define F_PROTOCOL_FEATURES   (1ULL << 30)
#define PROTOCOL_F_MQ	      (1ULL << 0)
#define PROTOCOL_F_REPLY_ACK  (1ULL << 3)
#define PROTOCOL_F_CONFIG     (1ULL << 9)
#define PROTOCOL_F_RESET      (1ULL << 13)
#define OUR_PROTOCOL_FEATURES                                                                      \
	(PROTOCOL_F_MQ | PROTOCOL_F_REPLY_ACK | PROTOCOL_F_CONFIG | PROTOCOL_F_RESET)

/* In the u64 of SET_VRING_KICK, CALL and ERR. */
enum { VRING_INDEX_MASK = 0xff, VRING_NO_FD = 0x100 };

struct memory_table {
	uint32_t count;
	uint32_t padding;
	struct {
		uint64_t guest;
		uint64_t size;
		uint64_t front;
		uint64_t offset;
	} regions[MEMORY_MAX_REGIONS];
};

struct config_space {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
	unsigned char bytes[VHOST_USER_MAX_CONFIG];
};

_Static_assert(sizeof(struct memory_table) <= sizeof(((struct vhost_user_message *)0)->payload),
	"the largest message fits");
_Static_assert(sizeof(struct config_space) <= sizeof(((struct vhost_user_message *)0)->payload),
	"the largest message fits");

/* Starts or stops the queue as its state demands. */
static int update_queue(struct vhost_user *vhost, struct vhost_user_queue *queue)
{
	unsigned index = (unsigned)(queue - vhost->queues);
	bool wanted = queue->kickable && queue->enabled && queue->size != 0;
	struct virtqueue_layout layout;
	int r;

	if (!wanted && queue->running) {
		vhost->device->queue_stopped(vhost->arg, index);
		queue->base = queue->ring.next_available;
		virtqueue_stop(&queue->ring);
		queue->running = false;
	}
	if (!wanted || queue->running)
		return 0;
	layout = (struct virtqueue_layout){
		.descriptors = memory_at_front(&vhost->memory, queue->descriptors,
			virtqueue_descriptors_size(queue->size)),
		.available = memory_at_front(&vhost->memory, queue->available,
			virtqueue_available_size(queue->size)),
		.used = memory_at_front(&vhost->memory, queue->used,
			virtqueue_used_size(queue->size)),
		.size = queue->size,
		.base = queue->base,
	};
	if (!layout.descriptors || !layout.available || !layout.used)
		r = -EFAULT;
	else
		r = virtqueue_start(&queue->ring, &vhost->memory, &layout,
			vhost->features & (1ULL << VIRTIO_RING_F_EVENT_IDX));
	if (r < 0) {
		log_warn("queue %u of %u entries is not usable", index, queue->size);
		return r;
	}
	queue->running = true;
	vhost->device->queue_started(vhost->arg, index);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void stop_queue(struct vhost_user *vhost, struct vhost_user_queue *queue)
{
	queue->kickable = false;
	update_queue(vhost, queue);
	close_fd(&queue->kick_fd);
}

static void reset_queues(struct vhost_user *vhost)
{
	for (unsigned i = 0; i < vhost->device->queue_count; i++) {
		struct vhost_user_queue *queue = &vhost->queues[i];

		stop_queue(vhost, queue);
		close_fd(&queue->ring.call_fd);
		close_fd(&queue->error_fd);
		queue->enabled = false;
		queue->size = 0;
		queue->base = 0;
	}
}

static struct vhost_user_queue *find_queue(struct vhost_user *vhost, uint64_t index)
{
	return index < vhost->device->queue_count ? &vhost->queues[index] : NULL;
}

/*
 * Handlers. The dispatcher has checked size and descriptor count against the table below. A
 * handler returns 0, or a positive errno value for "refused", which the front end learns if it
 * asked for an answer, or -EPROTO to end the connection. A handler that replies puts its answer
 * in the message.
 */

static void reply_u64(struct vhost_user_message *message, uint64_t value)
{
	memcpy(message->payload, &value, sizeof(value));
	message->size = sizeof(value);
}

static uint64_t payload_u64(const struct vhost_user_message *message)
{
	uint64_t value;

	memcpy(&value, message->payload, sizeof(value));
	return value;
}

static struct vhost_vring_state payload_state(const struct vhost_user_message *message)
{
	struct vhost_vring_state state;

	memcpy(&state, message->payload, sizeof(state));
	return state;
}

static int handle_get_features(struct vhost_user *vhost, struct vhost_user_message *message)
{
	reply_u64(message, vhost->device->features | F_PROTOCOL_FEATURES);
	return 0;
}

static int handle_set_features(struct vhost_user *vhost, struct vhost_user_message *message)
{
	uint64_t features = payload_u64(message);
	int r = 0;

	if (features & ~(vhost->device->features | F_PROTOCOL_FEATURES))
		return EINVAL;
	vhost->features = features;
	/* A front end that knows no SET_VRING_ENABLE gets queues that need none. */
	if (!(features & F_PROTOCOL_FEATURES))
		for (unsigned i = 0; i < vhost->device->queue_count; i++) {
			vhost->queues[i].enabled = true;
			if (update_queue(vhost, &vhost->queues[i]) < 0)
				r = EINVAL;
		}
	return r;
}

static int handle_get_protocol_features(struct vhost_user *vhost,
	struct vhost_user_message *message)
{
	reply_u64(message, OUR_PROTOCOL_FEATURES);
	return 0;
}

static int handle_set_protocol_features(struct vhost_user *vhost,
	struct vhost_user_message *message)
{
	uint64_t features = payload_u64(message);

	if (features & ~OUR_PROTOCOL_FEATURES)
		return EINVAL;
	vhost->protocol_features = features;
	return 0;
}

static int handle_get_queue_num(struct vhost_user *vhost, struct vhost_user_message *message)
{
	reply_u64(message, vhost->device->queue_count);
	return 0;
}

static int handle_set_owner(struct vhost_user *vhost, struct vhost_user_message *message)
{
	return 0;
}

static int handle_reset(struct vhost_user *vhost, struct vhost_user_message *message)
{
	reset_queues(vhost);
	return 0;
}

/* Replaces the memory. Rings point into it, so the queues pause meanwhile. */
static int handle_set_mem_table(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct memory_table table = { 0 };
	bool kickable[VHOST_USER_MAX_QUEUES];
	int r = 0;

	memcpy(&table, message->payload, message->size);
	if (table.count > MEMORY_MAX_REGIONS || table.count != vhost->fd_count ||
		message->size != 8 + table.count * sizeof(table.regions[0]))
		return -EPROTO;
	for (unsigned i = 0; i < vhost->device->queue_count; i++) {
		kickable[i] = vhost->queues[i].kickable;
		vhost->queues[i].kickable = false;
		update_queue(vhost, &vhost->queues[i]);
	}
	memory_clear(&vhost->memory);
	for (uint32_t i = 0; i < table.count && r == 0; i++) {
		struct memory_region region = { .guest = table.regions[i].guest,
						.front = table.regions[i].front,
						.size = table.regions[i].size };

		r = memory_map(&vhost->memory, &region, vhost->fds[i], table.regions[i].offset);
	}
	if (r < 0) {
		log_error("guest memory: %s", strerror(-r));
		return -EPROTO;
	}
	for (unsigned i = 0; i < vhost->device->queue_count; i++) {
		vhost->queues[i].kickable = kickable[i];
		update_queue(vhost, &vhost->queues[i]);
	}
	return 0;
}

static int handle_set_vring_num(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_vring_state state = payload_state(message);
	struct vhost_user_queue *queue = find_queue(vhost, state.index);

	if (!queue)
		return -EPROTO;
	if (queue->running || state.num == 0 || state.num > VIRTQUEUE_MAX_SIZE)
		return EINVAL;
	queue->size = (uint16_t)state.num;
	return 0;
}

static int handle_set_vring_addr(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_vring_addr addr;
	struct vhost_user_queue *queue;

	memcpy(&addr, message->payload, sizeof(addr));
	queue = find_queue(vhost, addr.index);
	if (!queue)
		return -EPROTO;
	if (queue->running)
		return EINVAL;
	queue->descriptors = addr.desc_user_addr;
	queue->available = addr.avail_user_addr;
	queue->used = addr.used_user_addr;
	return 0;
}

static int handle_set_vring_base(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_vring_state state = payload_state(message);
	struct vhost_user_queue *queue = find_queue(vhost, state.index);

	if (!queue)
		return -EPROTO;
	if (queue->running || state.num > UINT16_MAX)
		return EINVAL;
	queue->base = (uint16_t)state.num;
	return 0;
}

static int handle_get_vring_base(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_vring_state state = payload_state(message);
	struct vhost_user_queue *queue = find_queue(vhost, state.index);

	if (!queue)
		return -EPROTO;
	stop_queue(vhost, queue);
	state.num = queue->base;
	memcpy(message->payload, &state, sizeof(state));
	return 0;
}

static int handle_set_vring_enable(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_vring_state state = payload_state(message);
	struct vhost_user_queue *queue = find_queue(vhost, state.index);

	if (!queue || state.num > 1)
		return -EPROTO;
	queue->enabled = state.num;
	return -update_queue(vhost, queue);
}

/*
 * The queue and the descriptor (or -1) of SET_VRING_KICK, CALL and ERR. The descriptor is made
 * non-blocking, so that a front end cannot park this process in a pipe of its own.
 */
static struct vhost_user_queue *take_queue_fd(struct vhost_user *vhost,
	const struct vhost_user_message *message, int *ret_fd)
{
	uint64_t value = payload_u64(message);
	struct vhost_user_queue *queue = find_queue(vhost, value & VRING_INDEX_MASK);
	size_t expected = value & VRING_NO_FD ? 0 : 1;

	if (!queue || vhost->fd_count != expected)
		return NULL;
	if (expected == 0) {
		*ret_fd = -1;
		return queue;
	}
	if (io_set_nonblocking(vhost->fds[0], true) < 0)
		return NULL;
	*ret_fd = take_fd(&vhost->fds[0]);
	return queue;
}

static int handle_set_vring_kick(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_user_queue *queue;
	int fd;

	queue = take_queue_fd(vhost, message, &fd);
	if (!queue)
		return -EPROTO;
	stop_queue(vhost, queue);
	queue->kick_fd = fd;
	queue->kickable = true;
	return -update_queue(vhost, queue);
}

static int handle_set_vring_call(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_user_queue *queue;
	int fd;

	queue = take_queue_fd(vhost, message, &fd);
	if (!queue)
		return -EPROTO;
	close_fd(&queue->ring.call_fd);
	queue->ring.call_fd = fd;
	return 0;
}

static int handle_set_vring_err(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_user_queue *queue;
	int fd;

	queue = take_queue_fd(vhost, message, &fd);
	if (!queue)
		return -EPROTO;
	close_fd(&queue->error_fd);
	queue->error_fd = fd;
	return 0;
}

/* An answer without payload means failure. */
static int handle_get_config(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct config_space space = { 0 };
	size_t header = offsetof(struct config_space, bytes);

	memcpy(&space, message->payload, header);
	if (space.size > VHOST_USER_MAX_CONFIG || message->size != header + space.size)
		return -EPROTO;
	if (vhost->device->get_config(vhost->arg, space.offset, space.bytes, space.size) < 0) {
		message->size = 0;
		return 0;
	}
	memcpy(message->payload + header, space.bytes, space.size);
	return 0;
}

/* The configuration spaces of our devices are read-only. */
static int handle_set_config(struct vhost_user *vhost, struct vhost_user_message *message)
{
	return EPERM;
}

static const struct request_kind {
	int (*handle)(struct vhost_user *vhost, struct vhost_user_message *message);
	uint16_t min_size;
	uint16_t max_size;
	uint8_t max_fds;
	bool replies;
} kinds[] = {
	[GET_FEATURES] = { handle_get_features, 0, 0, 0, true },
	[SET_FEATURES] = { handle_set_features, 8, 8, 0, false },
	[SET_OWNER] = { handle_set_owner, 0, 0, 0, false },
	[RESET_OWNER] = { handle_reset, 0, 0, 0, false },
	[SET_MEM_TABLE] = { handle_set_mem_table, 8, sizeof(struct memory_table),
		MEMORY_MAX_REGIONS, false },
	[SET_VRING_NUM] = { handle_set_vring_num, 8, 8, 0, false },
	[SET_VRING_ADDR] = { handle_set_vring_addr, sizeof(struct vhost_vring_addr),
		sizeof(struct vhost_vring_addr), 0, false },
	[SET_VRING_BASE] = { handle_set_vring_base, 8, 8, 0, false },
	[GET_VRING_BASE] = { handle_get_vring_base, 8, 8, 0, true },
	[SET_VRING_KICK] = { handle_set_vring_kick, 8, 8, 1, false },
	[SET_VRING_CALL] = { handle_set_vring_call, 8, 8, 1, false },
	[SET_VRING_ERR] = { handle_set_vring_err, 8, 8, 1, false },
	[GET_PROTOCOL_FEATURES] = { handle_get_protocol_features, 0, 0, 0, true },
	[SET_PROTOCOL_FEATURES] = { handle_set_protocol_features, 8, 8, 0, false },
	[GET_QUEUE_NUM] = { handle_get_queue_num, 0, 0, 0, true },
	[SET_VRING_ENABLE] = { handle_set_vring_enable, 8, 8, 0, false },
	[GET_CONFIG] = { handle_get_config, offsetof(struct config_space, bytes),
		sizeof(struct config_space), 0, true },
	[SET_CONFIG] = { handle_set_config, offsetof(struct config_space, bytes),
		sizeof(struct config_space), 0, false },
	[RESET_DEVICE] = { handle_reset, 0, 0, 0, false },
};

static const struct request_kind *find_kind(uint32_t request)
{
	if (request >= sizeof(kinds) / sizeof(*kinds) || !kinds[request].handle)
		return NULL;
	return &kinds[request];
}

static int send_reply(struct vhost_user *vhost, struct vhost_user_message *message)
{
	size_t length = HEADER_SIZE + message->size;

	message->flags = FLAG_VERSION | FLAG_REPLY;
	/* The front end waits for one answer at a time, so there is room for it. */
	if (send(vhost->socket, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length)
		return -EPROTO;
	return 0;
}

static int dispatch(struct vhost_user *vhost)
{
	struct vhost_user_message *message = &vhost->message;
	const struct request_kind *kind = find_kind(message->request);
	bool acknowledge = message->flags & FLAG_NEED_REPLY &&
			   vhost->protocol_features & PROTOCOL_F_REPLY_ACK;
	int r;

	if (!kind || message->size < kind->min_size || message->size > kind->max_size ||
		vhost->fd_count > kind->max_fds) {
		log_error("vhost-user request %u of %u bytes is not valid", message->request,
			message->size);
		return -EPROTO;
	}
	r = kind->handle(vhost, message);
	if (r < 0) {
		log_error("vhost-user request %u is malformed", message->request);
		return r;
	}
	if (!kind->replies && acknowledge)
		reply_u64(message, (uint64_t)r);
	return kind->replies || acknowledge ? send_reply(vhost, message) : 0;
}

static void drop_fds(struct vhost_user *vhost)
{
	for (size_t i = 0; i < vhost->fd_count; i++)
		close_fd(&vhost->fds[i]);
	vhost->fd_count = 0;
}

/* Receives up to `until` bytes of the message; 0 when they are there. */
static int receive(struct vhost_user *vhost, size_t until)
{
	while (vhost->received < until) {
		size_t room = VHOST_USER_MAX_FDS - vhost->fd_count;
		ssize_t n = io_recv_fds(vhost->socket,
			(char *)&vhost->message + vhost->received, until - vhost->received,
			vhost->fds + vhost->fd_count, &room);

		if (n < 0)
			return (int)n;
		vhost->fd_count += room;
		if (n == 0)
			return -ECONNRESET;
		vhost->received += (size_t)n;
	}
	return 0;
}

static int receive_message(struct vhost_user *vhost)
{
	const struct vhost_user_message *message = &vhost->message;
	int r = receive(vhost, HEADER_SIZE);

	if (r < 0)
		return r;
	if ((message->flags & FLAG_VERSION_MASK) != FLAG_VERSION || message->flags & FLAG_REPLY ||
		message->size > sizeof(message->payload)) {
		log_error("vhost-user header is not valid");
		return -EPROTO;
	}
	return receive(vhost, HEADER_SIZE + message->size);
}

int vhost_user_handle(struct vhost_user *vhost)
{
	for (;;) {
		int r = receive_message(vhost);

		if (r == -EAGAIN)
			return 0;
		if (r < 0)
			return r;
		r = dispatch(vhost);
		drop_fds(vhost);
		vhost->received = 0;
		if (r < 0)
			return r;
	}
}

void vhost_user_report_error(struct vhost_user *vhost, unsigned index)
{
	static const uint64_t one = 1;
	int fd = vhost->queues[index].error_fd;

	if (fd >= 0) {
		ssize_t ignored = write(fd, &one, sizeof(one));

		(void)ignored;
	}
}

int vhost_user_init(struct vhost_user *vhost, int socket, const struct vhost_user_device *device,
	void *arg)
{
	*vhost = (struct vhost_user){ .socket = socket, .device = device, .arg = arg };
	for (unsigned i = 0; i < VHOST_USER_MAX_QUEUES; i++) {
		vhost->queues[i].kick_fd = -1;
		vhost->queues[i].error_fd = -1;
		vhost->queues[i].ring.call_fd = -1;
	}
	return io_set_nonblocking(socket, true);
}

void vhost_user_finish(struct vhost_user *vhost)
{
	reset_queues(vhost);
	drop_fds(vhost);
	memory_clear(&vhost->memory);
	close_fd(&vhost->socket);
}
