/* SPDX-License-Identifier: Apache-2.0 */
/* Where a session's output goes. */
#include "cli/session_sink.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "session/session.h"

enum { MOST_PENDING = FILTER_GROWTH * SESSION_MAX_PAYLOAD + FILTER_HELD };

void session_sink_init(struct session_sink *sink, int fd, bool pass_title, bool pass_clipboard)
{
	struct stat st;

	*sink = (struct session_sink){ .fd = fd, .chunk = PIPE_BUF };
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		sink->chunk = MOST_PENDING;
	sink->filtered = isatty(fd);
	filter_init(&sink->filter, pass_title, pass_clipboard);
	buf_init(&sink->pending, MOST_PENDING);
}

void session_sink_finish(struct session_sink *sink)
{
	buf_finish(&sink->pending);
}

void session_sink_put(struct session_sink *sink, const unsigned char *bytes, size_t length)
{
	if (sink->filtered)
		filter_feed(&sink->filter, bytes, length, &sink->pending);
	else
		buf_append(&sink->pending, bytes, length);
}

int session_sink_drain(struct session_sink *sink)
{
	size_t length = buf_length(&sink->pending);
	ssize_t n;

	if (length > sink->chunk)
		length = sink->chunk;
	n = write(sink->fd, buf_head(&sink->pending), length);
	if (n >= 0) {
		buf_consume(&sink->pending, (size_t)n);
		return 0;
	}
	if (errno == EINTR || errno == EAGAIN)
		return 0;
	buf_consume(&sink->pending, buf_length(&sink->pending));
	return -EPIPE;
}
