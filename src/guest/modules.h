/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules of the initramfs, /lib/modules/early/NN-name.ko, in order of name
 * (docs/protocol/image-store.md). Those that neither the root nor the sessions need are loaded
 * when sessions are served already.
 *
 * The signature that Debian appends to a module is left out when it is loaded: checking it takes
 * 80 ms a module under TCG, and says nothing here, for kernel and modules come from the same image.
 */
#ifndef GUEST_MODULES_H
#define GUEST_MODULES_H

#include <stddef.h>

#include "common/err.h"

/*
 * Loads the modules for root and sessions, or the late ones, from lib/modules/early under `rootfd`.
 * One that the kernel already has is no error. All are tried; the first failure is reported.
 * The disks' drivers, which wait for the devices, are loaded by a process beside the others.
 */
int modules_load_early(int rootfd, struct err *err);
int modules_load_late(int rootfd, struct err *err);

/* The length of a module's file without the signature at its end. */
size_t modules_unsigned_length(const unsigned char *bytes, size_t length);

#endif
