/* SPDX-License-Identifier: Apache-2.0 */
/* The back end's side of vhost-user: messages and queues. */
#include "virtio/vhost_user.h"

#include <errno.h>
#include <linux/virtio_ring.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io.h"
#include "common/log.h"
#include "virtio/vhost_user_internal.h"

enum { HEADER_SIZE = 12 };

enum message_flag {
	FLAG_VERSION = 1,
	FLAG_VERSION_MASK = 3,
	FLAG_REPLY = 4,
	FLAG_NEED_REPLY = 8,
};

int vhost_user_update_queue(struct vhost_user *vhost, struct vhost_user_queue *queue)
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

void vhost_user_close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vhost_user_stop_queue(struct vhost_user *vhost, struct vhost_user_queue *queue)
{
	queue->kickable = false;
	vhost_user_update_queue(vhost, queue);
	vhost_user_close_fd(&queue->kick_fd);
}

void vhost_user_reset_queues(struct vhost_user *vhost)
{
	for (unsigned i = 0; i < vhost->device->queue_count; i++) {
		struct vhost_user_queue *queue = &vhost->queues[i];

		vhost_user_stop_queue(vhost, queue);
		vhost_user_close_fd(&queue->ring.call_fd);
		vhost_user_close_fd(&queue->error_fd);
		queue->enabled = false;
		queue->size = 0;
		queue->base = 0;
	}
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
	const struct vhost_user_request *kind = vhost_user_find_request(message->request);
	bool acknowledge = message->flags & FLAG_NEED_REPLY &&
			   vhost->protocol_features & VHOST_USER_PROTOCOL_F_REPLY_ACK;
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
		vhost_user_put_u64(message, (uint64_t)r);
	return kind->replies || acknowledge ? send_reply(vhost, message) : 0;
}

static void drop_fds(struct vhost_user *vhost)
{
	for (size_t i = 0; i < vhost->fd_count; i++)
		vhost_user_close_fd(&vhost->fds[i]);
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
	vhost_user_reset_queues(vhost);
	drop_fds(vhost);
	memory_clear(&vhost->memory);
	vhost_user_close_fd(&vhost->socket);
}
