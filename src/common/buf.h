/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growing byte buffer with a maximum, consumed from the front.
 *
 * The maximum is given at init and never exceeded: an append that would pass it fails with
 * -ENOBUFS and leaves the buffer as it was. The bytes are data[start .. end).
 */
#ifndef COMMON_BUF_H
#define COMMON_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf {
	unsigned char *data;
	size_t start;
	size_t end;
	size_t capacity;
	size_t maximum;
};

void buf_init(struct buf *buf, size_t maximum);
void buf_finish(struct buf *buf);

static inline size_t buf_length(const struct buf *buf)
{
	return buf->end - buf->start;
}

/* How many bytes can still be appended. */
static inline size_t buf_room(const struct buf *buf)
{
	return buf->maximum - buf_length(buf);
}

/* The first byte; NULL as long as nothing was ever appended. */
static inline unsigned char *buf_head(const struct buf *buf)
{
	return buf->data ? buf->data + buf->start : NULL;
}

/* Appends bytes. Returns 0, or -ENOBUFS with nothing appended. */
int buf_append(struct buf *buf, const void *bytes, size_t length);
int buf_append_string(struct buf *buf, const char *s);
int buf_appendf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes room for `length` bytes and returns where to write them (NULL if over the maximum);
 * buf_commit() then counts in what was really written.
 */
void *buf_reserve(struct buf *buf, size_t length);
void buf_commit(struct buf *buf, size_t length);

/* Drops bytes from the front; at most buf_length(). */
void buf_consume(struct buf *buf, size_t length);

/*
 * One read() of at most `most` bytes (and at most the room left) into the buffer.
 * Returns what read() returned, or -errno; -ENOBUFS when there is no room.
 */
ssize_t buf_read(struct buf *buf, int fd, size_t most);

/* One write() of the head; consumes what was written. Returns the count, or -errno. */
ssize_t buf_write(struct buf *buf, int fd);

static inline void cleanup_buf_(struct buf *buf)
{
	buf_finish(buf);
}

#define cleanup_buf __attribute__((cleanup(cleanup_buf_)))

#endif
