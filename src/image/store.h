/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image store (docs/protocol/image-store.md): which base image and agent layers exist, which
 * one is current, where their files are.
 *
 * Two stores are looked at: the user's own, and a system-wide one that is only read. Entries never
 * change once they have their name, so everything but store_remove() works without a lock. A
 * digest is 32 lower-case hex digits; an agent of NULL means the base image.
 */
#ifndef IMAGE_STORE_H
#define IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "common/err.h"

enum { STORE_DIGEST = 32 };

struct store {
	char *own;    /* <cache>/images; it need not exist */
	char *system; /* read-only; it need not exist */
};

struct store_image {
	char *agent; /* NULL: base */
	char digest[STORE_DIGEST + 1];
	char *directory; /* holds base.erofs, vmlinux, modules.cpio or layer.erofs */
	json_t *manifest;
	uint64_t size; /* bytes on disk */
	bool current;
	bool system;
};

/* Finds the two directories; creates nothing. */
int store_init(struct store *ret_store, struct err *err);
void store_finish(struct store *store);

/*
 * The image that a new sandbox takes. -ENOENT, with a hint, when there is none in either store.
 */
int store_find_current(const struct store *store, const char *agent, struct store_image *ret_image,
	struct err *err);

/* The image that an existing sandbox was created with. */
int store_find(const struct store *store, const char *agent, const char *digest,
	struct store_image *ret_image, struct err *err);

/*
 * All images of both stores, base images first, agents by name; what cannot be read is none. The
 * caller frees.
 */
void store_list(const struct store *store, struct store_image **ret_images, size_t *ret_count);
void store_images_free(struct store_image *images, size_t count);

/*
 * Removes an image of the user's own store, base or layer. The caller knows that no sandbox needs
 * it. After a crash it is either still there or gone. -EBUSY while an image is being built.
 */
int store_remove(const struct store *store, const char *digest, struct err *err);

void store_image_finish(struct store_image *image);

/* "DIRECTORY/NAME"; the caller frees. */
char *store_image_file(const struct store_image *image, const char *name);

bool store_digest_is_valid(const char *digest);
bool store_agent_is_valid(const char *agent);

static inline void cleanup_store_(struct store *store)
{
	store_finish(store);
}

static inline void cleanup_store_image_(struct store_image *image)
{
	store_image_finish(image);
}

#define cleanup_store __attribute__((cleanup(cleanup_store_)))
#define cleanup_store_image __attribute__((cleanup(cleanup_store_image_)))

#endif
