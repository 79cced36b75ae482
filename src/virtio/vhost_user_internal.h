/* SPDX-License-Identifier: Apache-2.0 */
/* What the two files of the vhost-user back end share. */
#ifndef VIRTIO_VHOST_USER_INTERNAL_H
#define VIRTIO_VHOST_USER_INTERNAL_H

#include "virtio/vhost_user.h"

#define VHOST_USER_PROTOCOL_F_REPLY_ACK (1ULL << 3)

/* How a request is taken. */
struct vhost_user_request {
	/*
	 * 0, a positive errno value for "refused", which the front end learns if it asked for an
	 * answer, or -EPROTO to end the connection. One that replies puts its answer in the message.
	 */
	int (*handle)(struct vhost_user *vhost, struct vhost_user_message *message);
	uint16_t min_size;
	uint16_t max_size;
	uint8_t max_fds;
	bool replies;
};

/* vhost_user_request.c: NULL for a number that is not served. */
const struct vhost_user_request *vhost_user_find_request(uint32_t number);
void vhost_user_put_u64(struct vhost_user_message *message, uint64_t value);

/* vhost_user.c: starts or stops the queue as its state demands. 0 or -errno. */
int vhost_user_update_queue(struct vhost_user *vhost, struct vhost_user_queue *queue);

/* Takes the kick descriptor away, which stops the queue. */
void vhost_user_stop_queue(struct vhost_user *vhost, struct vhost_user_queue *queue);
void vhost_user_reset_queues(struct vhost_user *vhost);

/* Closes a descriptor if there is one; then there is none. */
void vhost_user_close_fd(int *fd);

#endif
