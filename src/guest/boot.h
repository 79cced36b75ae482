/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the kernel's initramfs to the sandbox's root file system.
 *
 * Theory of operation: the root is an overlay of read-only EROFS layers ("agent" over "base") and
 * the directory /upper of the sandbox's ext4 disk. All three are mounted in the initramfs, where
 * the overlay then covers them, so nothing in the sandbox sees them apart. The engine's data lie
 * on the ext4 disk itself, bound to /var/lib/docker, because overlay does not stack on overlay.
 *
 * Only what the first session may need is done before sessions are served (boot_run). The rest
 * (boot_finish) runs in a process of low priority; the engine is not started before it has ended.
 */
#ifndef GUEST_BOOT_H
#define GUEST_BOOT_H

#include <stdbool.h>

#include "common/err.h"
#include "guest/config.h"

struct boot {
	int initramfs_fd; /* the root the kernel started us in */
	int disk_fd;	  /* the ext4 disk's root */
	bool first;	  /* this sandbox has never been booted to the end */
};

/* Reads the config and builds the root. Any failure is the end of the boot. */
int boot_run(struct boot *boot, struct guest_config *config, struct err *err);

/* What may come later: further modules, control groups, removing the initramfs's files. */
void boot_finish(const struct boot *boot);

/* Writes back and takes the file systems out of use, as far as that goes. */
void boot_unmount(const struct boot *boot, const struct guest_config *config);

#endif
