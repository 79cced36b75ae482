/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files between host and guest as tar streams, for `sbx cp`.
 *
 * Each copy is a job: a child process at the other end of a pipe, so that the caller can move the
 * stream from or to a session meanwhile.
 *
 *	archive_pack(source, …, &job, &fd, err)		read the tar stream from fd
 *	archive_unpack(destination, …, &job, &fd, err)	write the tar stream to fd
 *	close(fd)
 *	archive_finish(job, complete, …, err)		how it went
 *
 * A stream that a guest sends is hostile. The child that unpacks it is confined before it reads
 * the first byte (Landlock: the destination alone; seccomp: a few file calls), and on its own
 * holds to these rules: no absolute names, no "..", no symbolic link is ever followed, nothing but
 * the name that was asked for, no device nodes, fifos or sockets (skipped and counted), no
 * set-user-ID bits, no owners. What it reports is taken for hostile too.
 *
 * Where things land is as `docker cp` has it: a source is placed inside an existing destination
 * directory, otherwise it takes the destination's name; a file replaces a file; a directory never
 * replaces a file nor a file a directory. A destination that did not exist, or was a file, appears
 * or changes when all is there, or not at all.
 */
#ifndef CLI_ARCHIVE_H
#define CLI_ARCHIVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

struct archive_totals {
	uint64_t entries; /* files, directories and links */
	uint64_t bytes;	  /* of file content */
	uint64_t skipped; /* device nodes, fifos, sockets */
};

struct archive_job;

/*
 * Packs a file or directory. `name` is its name in the stream; NULL: the content of the directory
 * without it (source "DIR/."). A source that is a symbolic link is packed as one unless `follow`;
 * links below it are never followed. Entries belong to uid 1000, the agent.
 */
int archive_pack(const char *source, const char *name, bool follow, struct archive_job **ret_job,
	int *ret_fd, struct err *err);

/*
 * Unpacks to `destination` the one file or directory `name`, the last component of what the guest
 * was asked for; an entry that is not it or below it ends the copy. NULL: the content of a
 * directory, under whatever names, into the destination.
 *
 * A trailing slash of the destination says that it is a directory. Fails at once if the
 * directory it is to be in does not exist.
 */
int archive_unpack(const char *destination, const char *name, struct archive_job **ret_job,
	int *ret_fd, struct err *err);

/*
 * Waits for the end of the job and frees it. The caller's descriptor must be closed before.
 * `complete` is false if the other end failed: the child is killed and what is staged is removed;
 * returns the child's error if it had failed by itself, else 0.
 */
int archive_finish(
	struct archive_job *job, bool complete, struct archive_totals *ret_totals, struct err *err);

#endif
