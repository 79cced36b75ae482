/* SPDX-License-Identifier: Apache-2.0 */
/* sbx logs: a sandbox's console or its keeper's log. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

enum { MOST_LINE = 8192 };

struct options {
	bool follow;
	const char *stream;
};

static const struct option_spec specs[] = {
	{ 'f', OPTION_FLAG, "follow", offsetof(struct options, follow), NULL,
		"go on as the log grows", COMPLETE_NOTHING },
	{ 0, OPTION_STRING, "stream", offsetof(struct options, stream), "NAME",
		"console (default) or keeper", COMPLETE_STREAM },
	{ 0 },
};

/* What the guest's kernel and programs write on the console is hostile: escaped line by line. */
static int print(const void *bytes, size_t length)
{
	size_t n = length && ((const char *)bytes)[length - 1] == '\r' ? length - 1 : length;
	cleanup_free char *text = escape_text(bytes, n);

	return puts(text) < 0 || fflush(stdout) != 0 ? -errno : 0;
}

static int take(void *arg, int status, const char *bytes, size_t length)
{
	struct buf *line = arg;
	int r = 0;

	while (length > 0 && r == 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t n = end ? (size_t)(end - bytes) : length;
		size_t room = buf_room(line);
		bool full = n >= room;

		if (full)
			n = room;
		buf_append(line, bytes, n);
		bytes += n;
		length -= n;
		if (!end && !full)
			break;
		r = print(buf_length(line) ? (const void *)buf_head(line) : "", buf_length(line));
		buf_consume(line, buf_length(line));
		if (!full) {
			bytes++;
			length--;
		}
	}
	return r;
}

static int stream(const struct options *options, const char *path, struct err *err)
{
	struct buf line;
	struct http_sink sink = { take, &line };
	struct api_request request = { .method = "GET", .path = path, .slow = options->follow };
	int r;

	buf_init(&line, MOST_LINE);
	r = api_stream(&request, &sink, err);
	if (r == 0 && buf_length(&line))
		r = print(buf_head(&line), buf_length(&line));
	buf_finish(&line);
	return r == -EPIPE ? STATUS_DONE : r;
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	const char *which = options->stream ? options->stream : "console";
	cleanup_free char *query =
		xasprintf("/log?stream=%s%s", which, options->follow ? "&follow=1" : "");
	cleanup_free char *path = NULL;

	if (strcmp(which, "console") != 0 && strcmp(which, "keeper") != 0)
		return command_usage(call, err, "--stream: '%s' is not console or keeper", which);
	path = api_sandbox_path(call->operands.words.items[0], query, err);
	return path ? stream(options, path, err) : STATUS_FAILED;
}

const struct command command_logs = {
	.name = "logs",
	.synopsis = "[-f] [--stream console|keeper] NAME",
	.summary = "Shows the console of a sandbox, or the log of its keeper",
	.options = specs,
	.options_size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.complete = { COMPLETE_SANDBOX, COMPLETE_NOTHING, COMPLETE_NOTHING },
	.run = run,
};
