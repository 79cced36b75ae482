/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the base image: Debian, the kernel, the modules of the initramfs. */
#ifndef IMAGE_BASE_H
#define IMAGE_BASE_H

#include <jansson.h>

#include "common/err.h"
#include "image/store.h"

/* Takes one to three minutes and reports its progress. *ret_manifest is the caller's. */
int base_build(const struct store *store, json_t **ret_manifest, struct err *err);

/* "name=version" of each installed package of a dpkg status file. */
json_t *base_parse_packages(const char *status);

#endif
