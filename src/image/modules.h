/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel modules of the initramfs, as a cpio archive: lib/modules/early/NN-name.ko, numbered in
 * the order they are to be loaded, uncompressed, so that the guest's init needs insmod only.
 * Source: modules.dep(5).
 */
#ifndef IMAGE_MODULES_H
#define IMAGE_MODULES_H

#include <stddef.h>

#include "common/err.h"

enum { MODULES_MAX = 64 };

struct modules {
	char *paths[MODULES_MAX]; /* below /lib/modules/RELEASE, in load order */
	size_t count;
};

/*
 * Resolves the wanted modules with all that they need, dependencies first, each once. A name that
 * is built in (modules.builtin) is skipped; one that is neither is an error.
 */
int modules_resolve(const char *dep, const char *builtin, const char *const *wanted,
	struct modules *ret_modules, struct err *err);
void modules_finish(struct modules *modules);

/*
 * Writes the archive `cpio` from `directory` (…/lib/modules/RELEASE). `scratch` names a file that
 * may be overwritten.
 */
int modules_write_cpio(const char *directory, const char *const *wanted, const char *cpio,
	const char *scratch, int log_fd, struct err *err);

#endif
