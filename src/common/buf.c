/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer with a maximum. */
#include "common/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"

enum { FIRST_CAPACITY = 256 };

void buf_init(struct buf *buf, size_t maximum)
{
	*buf = (struct buf){ .maximum = maximum };
}

void buf_finish(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){ .maximum = buf->maximum };
}

static void compact(struct buf *buf)
{
	if (buf->start == 0)
		return;
	memmove(buf->data, buf->data + buf->start, buf_length(buf));
	buf->end -= buf->start;
	buf->start = 0;
}

void *buf_reserve(struct buf *buf, size_t length)
{
	size_t capacity = buf->capacity ? buf->capacity : FIRST_CAPACITY;

	if (length > buf_room(buf))
		return NULL;
	if (buf->end + length <= buf->capacity)
		return buf->data + buf->end;
	compact(buf);
	while (capacity < buf->end + length)
		capacity *= 2;
	if (capacity > buf->maximum)
		capacity = buf->maximum;
	if (capacity > buf->capacity) {
		buf->data = xreallocarray(buf->data, capacity, 1);
		buf->capacity = capacity;
	}
	return buf->data + buf->end;
}

void buf_commit(struct buf *buf, size_t length)
{
	assert(length <= buf->capacity - buf->end);
	buf->end += length;
}

int buf_append(struct buf *buf, const void *bytes, size_t length)
{
	void *room;

	if (length == 0)
		return 0;
	room = buf_reserve(buf, length);
	if (!room)
		return -ENOBUFS;
	memcpy(room, bytes, length);
	buf_commit(buf, length);
	return 0;
}

int buf_append_string(struct buf *buf, const char *s)
{
	return buf_append(buf, s, strlen(s));
}

int buf_appendf(struct buf *buf, const char *format, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;

	va_start(ap, format);
	text = xvasprintf(format, ap);
	va_end(ap);
	return buf_append_string(buf, text);
}

void buf_consume(struct buf *buf, size_t length)
{
	assert(length <= buf_length(buf));
	buf->start += length;
	if (buf->start == buf->end)
		buf->start = buf->end = 0;
}

ssize_t buf_read(struct buf *buf, int fd, size_t most)
{
	size_t room = buf_room(buf);
	ssize_t n;
	void *to;

	if (room == 0)
		return -ENOBUFS;
	if (most > room)
		most = room;
	to = buf_reserve(buf, most);
	n = read(fd, to, most);
	if (n < 0)
		return -errno;
	buf_commit(buf, (size_t)n);
	return n;
}

ssize_t buf_write(struct buf *buf, int fd)
{
	ssize_t n = write(fd, buf_head(buf), buf_length(buf));

	if (n < 0)
		return -errno;
	buf_consume(buf, (size_t)n);
	return n;
}
