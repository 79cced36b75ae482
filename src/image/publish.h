/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of the image store: everything gets its name by rename(2), under a lock.
 *
 * A builder takes the lock, gets an empty scratch directory under tmp/, fills a directory in it,
 * and publishes that under its digest. Whoever takes the lock finds only rubbish under tmp/: the
 * process that made it is gone.
 */
#ifndef IMAGE_PUBLISH_H
#define IMAGE_PUBLISH_H

#include <stdbool.h>

#include "common/err.h"

struct publish {
	char *root; /* the store */
	int root_fd;
	int lock_fd;
	char *scratch; /* ROOT/tmp/build, empty at first */
};

/*
 * Creates the store where it is missing, takes its lock and clears tmp/. Where another builder
 * holds the lock, `wait` is called before it is waited for, and *ret_waited is true. `clear`
 * empties a directory whose files may belong to the user's subordinate ids; NULL: io_remove_tree()
 * will do.
 */
int publish_open(const char *root, int (*clear)(int dirfd, const char *name, struct err *err),
	void (*wait)(void), bool *ret_waited, struct publish *ret_publish, struct err *err);

/* Drops the lock. The scratch directory is left to publish_clear() or the next builder. */
void publish_close(struct publish *publish);

/*
 * Gives the finished directory SCRATCH/NAME its place as image `digest` of `agent` (NULL: base)
 * and makes it the current one. An image of that digest which is already there stays.
 */
int publish_commit(struct publish *publish, const char *name, const char *agent,
	const char *digest, struct err *err);

/* Removes an image. Takes the lock itself; -EBUSY while somebody builds. */
int publish_remove(const char *root, const char *agent, const char *digest, struct err *err);

#endif
