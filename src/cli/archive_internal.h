/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the archive module: what runs in the child, and the child itself. */
#ifndef CLI_ARCHIVE_INTERNAL_H
#define CLI_ARCHIVE_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/archive.h"

/* archive_pack.c, archive_unpack.c: run in the child; their tests call them directly. */

/* Writes the tar stream of an open file, directory or symbolic link (O_PATH) to `out`. */
int archive_pack_tree(
	int source, const char *name, int out, struct archive_totals *totals, struct err *err);

/*
 * Unpacks the stream `in` below the directory `root`. Entries must be `name` or below it, which is
 * called `rename` on this side; both NULL: any name. Messages quote names as they came.
 */
int archive_unpack_tree(int in, int root, const char *name, const char *rename,
	struct archive_totals *totals, struct err *err);

/* archive_child.c. `root` is the directory to unpack into, or the source to pack. */
struct archive_child {
	pid_t pid;
	int report; /* read end: what the child says at its end */
};

/* Starts a child that packs or unpacks; *ret_stream is the other end of its stream. */
int archive_child_start(struct archive_child *child, bool unpack, int root, const char *name,
	const char *rename, int *ret_stream, struct err *err);

/* Waits for it. Returns what it said; if it said nothing an error, but 0 if it was to be killed. */
int archive_child_finish(struct archive_child *child, bool killed,
	struct archive_totals *ret_totals, struct err *err);

#endif
