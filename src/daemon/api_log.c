/* SPDX-License-Identifier: Apache-2.0 */
/*
 * API: a sandbox's logs, with follow.
 *
 * A log is a file that its writer renames to NAME.1 when it is full and starts anew, so following
 * means: read to the end; if NAME is another file by now, go on with that one; else wait for an
 * inotify event of the directory. It ends with the client, and when the sandbox is down and all is
 * read. The bytes are the guest's: passed on as they are, for the client to escape.
 */
#include "daemon/api.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"

enum {
	STREAM_BLOCK = 16 << 10,
	LOOK_AGAIN_MS = 500, /* a killed keeper touches no file when it ends */
};

struct log_reader {
	struct daemon *daemon;
	struct sandbox *sandbox;
	int dirfd;
	char name[24];
	int fd;	     /* -1 while there is no file */
	int inotify; /* -1: does not follow */
	int client;
	bool last_round; /* the sandbox is down: what is there now is all */
};

static void reader_free(void *argument)
{
	struct log_reader *reader = argument;

	if (reader->fd >= 0)
		close(reader->fd);
	if (reader->inotify >= 0)
		close(reader->inotify);
	if (reader->dirfd >= 0)
		close(reader->dirfd);
	sandbox_release(&reader->daemon->sandboxes, reader->sandbox);
	free(reader);
}

/*
 * Opens the log, or the one that replaced it: *ret_fd is a file that was not read before. The old
 * one may have got more since its end was read.
 */
static bool open_next(const struct log_reader *reader, int *ret_fd)
{
	cleanup_close int fd = openat(reader->dirfd, reader->name,
		O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat old, new;

	if (fd < 0)
		return false;
	if (reader->fd >= 0 && fstat(reader->fd, &old) == 0 && fstat(fd, &new) == 0 &&
		old.st_dev == new.st_dev && old.st_ino == new.st_ino)
		return false;
	*ret_fd = take_fd(&fd);
	return true;
}

/* Waits for a change. Returns false when the client is gone. */
static bool wait_for_change(struct log_reader *reader)
{
	struct pollfd fds[] = {
		{ .fd = reader->inotify, .events = POLLIN },
		{ .fd = reader->client, .events = POLLRDHUP },
	};
	char events[4096];

	poll(fds, 2, LOOK_AGAIN_MS);
	if (fds[0].revents && read(reader->inotify, events, sizeof(events)) < 0 &&
		errno != EAGAIN)
		return false;
	return fds[1].revents == 0;
}

static bool is_down(struct log_reader *reader)
{
	bool down;

	sandbox_adopt(&reader->daemon->sandboxes, reader->sandbox);
	pthread_mutex_lock(&reader->sandbox->lock);
	down = !reader->sandbox->alive;
	pthread_mutex_unlock(&reader->sandbox->lock);
	return down;
}

static ssize_t read_some(const struct log_reader *reader, char *bytes, size_t size)
{
	return reader->fd >= 0 ? read(reader->fd, bytes, size) : 0;
}

static ssize_t read_log(void *argument, uint64_t position, char *bytes, size_t size)
{
	struct log_reader *reader = argument;

	(void)position;
	for (;;) {
		cleanup_close int next = -1;
		bool replaced = false;
		ssize_t n = read_some(reader, bytes, size);

		if (n == 0) {
			replaced = open_next(reader, &next);
			n = replaced ? read_some(reader, bytes, size) : 0;
		}
		if (n != 0)
			return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
		if (replaced) {
			if (reader->fd >= 0)
				close(reader->fd);
			reader->fd = take_fd(&next);
			continue;
		}
		if (reader->inotify < 0 || reader->last_round)
			return MHD_CONTENT_READER_END_OF_STREAM;
		reader->last_round = is_down(reader);
		if (!reader->last_round && !wait_for_change(reader))
			return MHD_CONTENT_READER_END_WITH_ERROR;
	}
}

static int start_following(struct log_reader *reader, struct err *err)
{
	cleanup_free char *path = paths_join(reader->daemon->sandboxes_path, reader->sandbox->id);

	reader->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (reader->inotify < 0 ||
		inotify_add_watch(reader->inotify, path,
			IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF) < 0)
		return err_errno(err, errno, "follow the log");
	return 0;
}

static enum api_code open_reader(struct request *request, const char *stream, bool follow,
	const struct record *record)
{
	struct log_reader *reader = xcalloc(1, sizeof(*reader));

	reader->daemon = request->daemon;
	reader->sandbox = sandbox_get(&request->daemon->sandboxes, record->id);
	reader->dirfd = sandbox_open(reader->sandbox);
	reader->fd = reader->inotify = -1;
	reader->client = request_socket(request);
	snprintf(reader->name, sizeof(reader->name), "%s.log", stream);
	if (follow && start_following(reader, &request->err) < 0) {
		reader_free(reader);
		return API_FAILED;
	}
	request->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
		read_log, reader, reader_free);
	MHD_add_response_header(request->stream, "Content-Type", "application/octet-stream");
	return API_OK;
}

enum api_code api_read_log(struct request *request)
{
	const char *stream = request_query(request, "stream");
	const char *follow = request_query(request, "follow");
	cleanup_record struct record record = { 0 };
	int r;

	if (!stream)
		stream = "console";
	if (strcmp(stream, "console") != 0 && strcmp(stream, "keeper") != 0) {
		err_set(&request->err, EINVAL, "the log is \"console\" or \"keeper\"");
		return API_BAD_REQUEST;
	}
	r = registry_get(request->daemon->registry, request->parameter, &record, &request->err);
	if (r < 0)
		return r == -ENOENT ? API_NOT_FOUND : API_FAILED;
	return open_reader(request, stream, follow && strcmp(follow, "1") == 0, &record);
}
