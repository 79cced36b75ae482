/* SPDX-License-Identifier: Apache-2.0 */
/* The initramfs of one start: the image's archives, sbx-init and /sbx.conf. */
#ifndef VM_INITRD_H
#define VM_INITRD_H

#include <stddef.h>

#include "common/err.h"

/*
 * Puts the archives `parts` (paths, concatenated in order), the program `init` (path) as /init, the
 * text `conf` as /sbx.conf and /dev/console into a sealed memfd. The kernel unpacks archives in
 * order, so ours win over a file of the same name. The caller closes *ret_fd.
 */
int initrd_build(char *const *parts, size_t part_count, const char *init, const char *conf,
	int *ret_fd, struct err *err);

#endif
