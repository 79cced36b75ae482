/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a session's output goes: a descriptor of ours with what waits to be written to it.
 *
 * The descriptor belongs to others as well and stays blocking, so it is written only when poll()
 * says that it can be, and a pipe or terminal by no more than PIPE_BUF, which then cannot block.
 * What goes to a terminal passes the filter.
 */
#ifndef CLI_SESSION_SINK_H
#define CLI_SESSION_SINK_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/filter.h"
#include "common/buf.h"

struct session_sink {
	int fd;
	size_t chunk; /* most bytes of one write() */
	bool filtered;
	struct filter filter;
	struct buf pending;
};

void session_sink_init(struct session_sink *sink, int fd, bool pass_title, bool pass_clipboard);
void session_sink_finish(struct session_sink *sink);

/* Takes the payload of one frame. Nothing may be pending. */
void session_sink_put(struct session_sink *sink, const unsigned char *bytes, size_t length);

/* Writes what the descriptor takes now. -EPIPE if it takes nothing any more: all is dropped. */
int session_sink_drain(struct session_sink *sink);

#endif
