/* SPDX-License-Identifier: Apache-2.0 */
/* EROFS images (Documentation/filesystems/erofs.rst) by mkfs.erofs, and their digest. */
#ifndef IMAGE_EROFS_H
#define IMAGE_EROFS_H

#include "common/err.h"
#include "image/store.h"

/*
 * Packs `directory` into `image`, in the user namespace that its files' owners belong to. Times
 * later than SOURCE_DATE_EPOCH become that: a tree of the same content gives the same bytes.
 */
int erofs_make(const char *directory, const char *image, int log_fd, struct err *err);

/* The image's name in the store: the first 32 hex digits of its SHA-256. */
int erofs_digest(const char *image, char ret_digest[STORE_DIGEST + 1], struct err *err);

/* The SHA-256 of a file, 64 hex digits. */
int erofs_sha256(const char *path, char ret_hex[65], struct err *err);

#endif
