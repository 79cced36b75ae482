/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two directions of `sbx cp`.
 *
 * Theory of operation. In the guest a tar of its own packs or unpacks, as root, so that every place
 * can be reached; what comes from the host is marked as the agent's. On the host archive.h does the
 * same in a child process. In between runs an ordinary session. What the target is (directory,
 * file, nothing) is asked of the guest by a first, short session. Its answers are as hostile as its
 * streams: they decide only what is done in the guest, or what a person is told.
 */
#include "cli/copy.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive.h"
#include "cli/command.h"
#include "cli/session_run.h"
#include "common/cleanup.h"
#include "common/mem.h"

/* What the probe finds at a path of the guest; its exit statuses. */
enum found { FOUND_DIRECTORY = 10, FOUND_OTHER = 11, FOUND_PARENT = 12, FOUND_NOTHING = 13 };

/* GNU tar's status when a file changed while it was read: everything is there all the same. */
enum { TAR_CHANGED = 1 };

struct copying {
	const char *sandbox;
	const char *path; /* in the guest */
	char *vsock;
	bool follow;
};

static int run(const struct copying *copying, const char *const *args, size_t count, int input,
	int output, struct session_outcome *ret, struct err *err)
{
	struct session_request request = { .type = SESSION_EXEC,
					   .args = args,
					   .arg_count = count,
					   .user = "root",
					   .directory = "/",
					   .flags = input >= 0 ? SESSION_WITH_STDIN : 0 };
	struct session_io io = { .input = input, .output = output, .errors = STDERR_FILENO };

	return session_run(copying->vsock, &request, &io, ret, err);
}

static int probe(const struct copying *copying, enum found *ret, struct err *err)
{
	static const char script[] = "if [ -d \"$1\" ]; then exit 10; fi\n"
				     "if [ -e \"$1\" ] || [ -L \"$1\" ]; then exit 11; fi\n"
				     "if [ -d \"$(dirname -- \"$1\")\" ]; then exit 12; fi\n"
				     "exit 13";
	const char *args[] = { "sh", "-c", script, "sh", copying->path };
	struct session_outcome outcome = { 0 };
	int r = run(copying, args, 5, -1, STDERR_FILENO, &outcome, err);

	if (r < 0)
		return r;
	if (outcome.end != SESSION_END_EXIT)
		return session_report(&outcome, copying->sandbox, false, err) ? -EIO : -EINTR;
	if (outcome.status < FOUND_DIRECTORY || outcome.status > FOUND_NOTHING)
		return err_set(err, EIO, "%s: looking at %s failed with status %d",
			copying->sandbox, copying->path, outcome.status);
	*ret = (enum found)outcome.status;
	return 0;
}

static int failed(const struct copying *copying, const struct session_outcome *outcome,
	struct err *err)
{
	if (outcome->end != SESSION_END_EXIT)
		return session_report(outcome, copying->sandbox, false, err);
	if (outcome->status == 128 + SIGINT)
		return outcome->status;
	err_set(err, EIO, "%s: tar in the sandbox ended with status %d", copying->sandbox,
		outcome->status);
	return STATUS_FAILED;
}

/* Moves a stream from `fd`, which is taken, into a directory of the guest. */
static int send_stream(const struct copying *copying, const char *directory, int fd,
	struct archive_job *job, struct err *err)
{
	/* The directory is missing only when the content of another one is to become it. */
	static const char script[] =
		"[ -d \"$1\" ] || install -d -o 1000 -g 1000 -- \"$1\" || exit\n"
		"exec tar -C \"$1\" --numeric-owner -xf -";
	const char *args[] = { "sh", "-c", script, "sh", directory };
	struct session_outcome outcome = { 0 };
	struct archive_totals totals;
	int r = run(copying, args, 5, fd, STDERR_FILENO, &outcome, err);
	bool good = r == 0 && outcome.end == SESSION_END_EXIT && outcome.status == 0;

	if (job) {
		close(fd);
		if (archive_finish(job, good, &totals, err) < 0)
			return STATUS_FAILED;
	}
	if (r < 0)
		return STATUS_NOT_STARTED;
	return good ? STATUS_DONE : failed(copying, &outcome, err);
}

static int cannot_be(const struct copying *copying, const char *why, struct err *err)
{
	err_set(err, EINVAL, "%s:%s: %s", copying->sandbox, copying->path, why);
	return STATUS_FAILED;
}

/* Where a source goes: *ret_directory, under *ret_name (NULL: its content, without it). */
static int place_in_guest(const struct copying *copying, const char *source, enum found found,
	char **ret_directory, char **ret_name, struct err *err)
{
	cleanup_free char *parent = NULL;
	cleanup_free char *name = NULL;
	struct stat st;
	bool is_directory, wants_directory;

	if ((copying->follow ? stat(source, &st) : lstat(source, &st)) < 0) {
		err_errno(err, errno, "%s", source);
		return STATUS_FAILED;
	}
	is_directory = S_ISDIR(st.st_mode);
	wants_directory = *copying->path && copying->path[strlen(copying->path) - 1] == '/';
	if (found == FOUND_NOTHING)
		return cannot_be(copying, "there is no directory to put it in", err);
	if (found == FOUND_OTHER && (is_directory || wants_directory))
		return cannot_be(copying, "is not a directory", err);
	if (found == FOUND_PARENT && wants_directory && !is_directory)
		return cannot_be(copying, "there is no such directory", err);
	copy_place_split(source, &parent, &name);
	if (name && strcmp(name, "..") == 0) {
		free(name);
		name = NULL;
	}
	if (found == FOUND_DIRECTORY || !name) {
		*ret_directory = xstrdup(copying->path);
		*ret_name = take_ptr(name);
	} else {
		copy_place_split(copying->path, ret_directory, ret_name);
	}
	return STATUS_DONE;
}

static int to_guest(const struct copying *copying, const char *source, struct err *err)
{
	cleanup_free char *directory = NULL;
	cleanup_free char *name = NULL;
	struct archive_job *job = NULL;
	enum found found = FOUND_NOTHING;
	int fd, status;

	if (probe(copying, &found, err) < 0)
		return STATUS_FAILED;
	if (strcmp(source, "-") == 0) {
		if (found != FOUND_DIRECTORY)
			return cannot_be(copying, "is not a directory", err);
		return send_stream(copying, copying->path, STDIN_FILENO, NULL, err);
	}
	status = place_in_guest(copying, source, found, &directory, &name, err);
	if (status)
		return status;
	if (archive_pack(source, name, copying->follow, &job, &fd, err) < 0)
		return STATUS_FAILED;
	return send_stream(copying, directory, fd, job, err);
}

/* tar of the guest writes to `fd`. Returns whether the stream is whole. */
static bool receive_stream(const struct copying *copying, int fd, struct session_outcome *ret,
	int *ret_r, struct err *err)
{
	cleanup_free char *directory = NULL;
	cleanup_free char *name = NULL;
	const char *args[8] = { "tar", "-C", NULL, copying->follow ? "-chf" : "-cf", "-", "--" };

	copy_place_split(copying->path, &directory, &name);
	args[2] = directory;
	args[6] = name ? name : ".";
	*ret_r = run(copying, args, 7, -1, fd, ret, err);
	return *ret_r == 0 && ret->end == SESSION_END_EXIT && ret->status <= TAR_CHANGED;
}

static int to_host(const struct copying *copying, const char *target, struct err *err)
{
	cleanup_free char *directory = NULL;
	cleanup_free char *name = NULL;
	struct session_outcome outcome = { 0 };
	struct archive_totals totals = { 0 };
	struct archive_job *job;
	int fd, r;
	bool whole, unread;

	copy_place_split(copying->path, &directory, &name);
	r = archive_unpack(target, name, &job, &fd, err);
	if (r < 0)
		return STATUS_FAILED;
	whole = receive_stream(copying, fd, &outcome, &r, err);
	/* The child stopped reading: its own error says why. */
	unread = r == 0 && outcome.end == SESSION_END_LEFT;
	close(fd);
	if (archive_finish(job, whole || unread, &totals, err) < 0)
		return STATUS_FAILED;
	if (totals.skipped)
		fprintf(stderr, "sbx: %llu device nodes, pipes or sockets were left out\n",
			(unsigned long long)totals.skipped);
	if (r < 0)
		return STATUS_NOT_STARTED;
	return whole ? STATUS_DONE : failed(copying, &outcome, err);
}

static int from_guest(const struct copying *copying, const char *target, struct err *err)
{
	struct session_outcome outcome = { 0 };
	enum found found = FOUND_NOTHING;
	int r;

	if (probe(copying, &found, err) < 0)
		return STATUS_FAILED;
	if (found != FOUND_DIRECTORY && found != FOUND_OTHER)
		return cannot_be(copying, "no such file or directory", err);
	if (strcmp(target, "-") != 0)
		return to_host(copying, target, err);
	if (isatty(STDOUT_FILENO)) {
		err_set(err, EINVAL, "cp: the tar stream would go to the terminal");
		err_hint(err, "redirect standard output");
		return STATUS_FAILED;
	}
	if (receive_stream(copying, STDOUT_FILENO, &outcome, &r, err))
		return STATUS_DONE;
	return r < 0 ? STATUS_NOT_STARTED : failed(copying, &outcome, err);
}

int copy(const struct copy_place *source, const struct copy_place *target, bool follow,
	struct err *err)
{
	const struct copy_place *inside = source->sandbox_length ? source : target;
	cleanup_free char *sandbox = xstrndup(inside->word, inside->sandbox_length);
	cleanup_free char *vsock = NULL;
	struct copying copying = { .sandbox = sandbox, .path = inside->path, .follow = follow };
	int r;

	if (*inside->path != '/') {
		err_set(err, EINVAL, "cp: %s: the path in the sandbox must be absolute",
			inside->word);
		return STATUS_USAGE;
	}
	r = sandbox_start(sandbox, NULL, &vsock, err);
	if (r < 0)
		return sandbox_start_status(r);
	copying.vsock = vsock;
	return inside == source ? from_guest(&copying, target->path, err)
				: to_guest(&copying, source->path, err);
}
