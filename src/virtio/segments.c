/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of pieces of guest memory. */
#include "virtio/virtqueue.h"

size_t segments_take(struct segments *from, size_t length, struct iovec *ret_head, size_t room)
{
	size_t count = 0, left = length;

	if (length == 0 || length > from->length)
		return 0;
	for (size_t i = 0; left > 0; i++, count++) {
		if (count == room)
			return 0;
		ret_head[count] = from->iov[i];
		if (ret_head[count].iov_len > left)
			ret_head[count].iov_len = left;
		left -= ret_head[count].iov_len;
	}
	from->length -= length;
	from->iov += count - 1;
	from->count -= count - 1;
	from->iov->iov_base = (char *)from->iov->iov_base + ret_head[count - 1].iov_len;
	from->iov->iov_len -= ret_head[count - 1].iov_len;
	if (from->iov->iov_len == 0) {
		from->iov++;
		from->count--;
	}
	return count;
}

void segments_truncate(struct segments *segments, size_t length)
{
	size_t left = length, count = 0;

	if (length >= segments->length)
		return;
	for (; left > 0; count++) {
		if (segments->iov[count].iov_len > left)
			segments->iov[count].iov_len = left;
		left -= segments->iov[count].iov_len;
	}
	segments->count = count;
	segments->length = length;
}

void segments_fetch(void *to, const struct iovec *from, size_t count)
{
	char *p = to;

	for (size_t i = 0; i < count; i++) {
		memory_fetch(p, from[i].iov_base, from[i].iov_len);
		p += from[i].iov_len;
	}
}

void segments_store(const struct iovec *to, size_t count, const void *from)
{
	const char *p = from;

	for (size_t i = 0; i < count; i++) {
		memcpy(to[i].iov_base, p, to[i].iov_len);
		p += to[i].iov_len;
	}
}
