/* SPDX-License-Identifier: Apache-2.0 */
/* The back end's side of vhost-user: requests. */
#include <errno.h>
#include <linux/vhost_types.h>
#include <stddef.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/log.h"
#include "virtio/vhost_user_internal.h"

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

#define F_PROTOCOL_FEATURES (1ULL << 30)
#define PROTOCOL_F_MQ	    (1ULL << 0)
#define PROTOCOL_F_CONFIG   (1ULL << 9)
#define PROTOCOL_F_RESET    (1ULL << 13)
#define OUR_PROTOCOL_FEATURES                                                                      \
	(PROTOCOL_F_MQ | VHOST_USER_PROTOCOL_F_REPLY_ACK | PROTOCOL_F_CONFIG | PROTOCOL_F_RESET)

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

static struct vhost_user_queue *find_queue(struct vhost_user *vhost, uint64_t index)
{
	return index < vhost->device->queue_count ? &vhost->queues[index] : NULL;
}

/*
 * Handlers. The dispatcher has checked size and descriptor count against the table below.
 */

void vhost_user_put_u64(struct vhost_user_message *message, uint64_t value)
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
	vhost_user_put_u64(message, vhost->device->features | F_PROTOCOL_FEATURES);
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
			if (vhost_user_update_queue(vhost, &vhost->queues[i]) < 0)
				r = EINVAL;
		}
	return r;
}

static int handle_get_protocol_features(struct vhost_user *vhost,
	struct vhost_user_message *message)
{
	vhost_user_put_u64(message, OUR_PROTOCOL_FEATURES);
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
	vhost_user_put_u64(message, vhost->device->queue_count);
	return 0;
}

static int handle_set_owner(struct vhost_user *vhost, struct vhost_user_message *message)
{
	return 0;
}

static int handle_reset(struct vhost_user *vhost, struct vhost_user_message *message)
{
	vhost_user_reset_queues(vhost);
	return 0;
}

/* Replaces the memory. Rings point into it, so the queues pause meanwhile. */
static int handle_set_mem_table(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct memory_table table = { 0 };
	bool kickable[VHOST_USER_MAX_QUEUES] = { false };
	int r = 0;

	memcpy(&table, message->payload, message->size);
	if (table.count > MEMORY_MAX_REGIONS || table.count != vhost->fd_count ||
		message->size != 8 + table.count * sizeof(table.regions[0]))
		return -EPROTO;
	for (unsigned i = 0; i < vhost->device->queue_count; i++) {
		kickable[i] = vhost->queues[i].kickable;
		vhost->queues[i].kickable = false;
		vhost_user_update_queue(vhost, &vhost->queues[i]);
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
		vhost_user_update_queue(vhost, &vhost->queues[i]);
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
	vhost_user_stop_queue(vhost, queue);
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
	return -vhost_user_update_queue(vhost, queue);
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
	vhost_user_stop_queue(vhost, queue);
	queue->kick_fd = fd;
	queue->kickable = true;
	return -vhost_user_update_queue(vhost, queue);
}

static int handle_set_vring_call(struct vhost_user *vhost, struct vhost_user_message *message)
{
	struct vhost_user_queue *queue;
	int fd;

	queue = take_queue_fd(vhost, message, &fd);
	if (!queue)
		return -EPROTO;
	vhost_user_close_fd(&queue->ring.call_fd);
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
	vhost_user_close_fd(&queue->error_fd);
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

static const struct vhost_user_request requests[] = {
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

const struct vhost_user_request *vhost_user_find_request(uint32_t number)
{
	if (number >= sizeof(requests) / sizeof(*requests) || !requests[number].handle)
		return NULL;
	return &requests[number];
}
