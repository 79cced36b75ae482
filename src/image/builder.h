/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the base image and the agent layers have in common when they are built: the lock, the
 * scratch directory, the log, and the way from a finished tree into the store.
 */
#ifndef IMAGE_BUILDER_H
#define IMAGE_BUILDER_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"
#include "image/publish.h"
#include "image/store.h"

struct builder {
	struct publish publish;
	char *root;  /* SCRATCH/root: the tree that becomes the image */
	char *work;  /* SCRATCH/work: whatever the build needs */
	char *image; /* SCRATCH/image: what is published */
	int log_fd;  /* STORE/build.log */
};

/*
 * Checks that a build can work (user namespace, disk space), takes the store's lock and makes the
 * directories.
 *
 * Returns 1, and nothing to close, if it had to wait for another builder and that one has built
 * this very image: *ret_manifest is then the result.
 */
int builder_open(const struct store *store, const char *agent, unsigned need_mib,
	struct builder *ret_builder, json_t **ret_manifest, struct err *err);

/*
 * Packs the tree as IMAGE/NAME, completes the manifest with digest and time, and publishes. Takes
 * over the manifest; *ret_manifest is the caller's.
 */
int builder_finish(struct builder *builder, const char *name, const char *agent, json_t *manifest,
	json_t **ret_manifest, struct err *err);

/* Removes the scratch directory and drops the lock. */
void builder_close(struct builder *builder);

/* An error that says nothing better to do points to the log. */
void builder_hint(const struct builder *builder, struct err *err);

/* Writes a file of the tree, with its missing directories. `path` is below the root. */
int builder_write(struct builder *builder, const char *path, unsigned mode, const char *content,
	struct err *err);

/* Sets SOURCE_DATE_EPOCH for the tools, unless the caller's environment has one. */
void builder_set_epoch(const char *seconds);

#endif
