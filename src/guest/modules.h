/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel modules of the initramfs, /lib/modules/early/NN-name.ko (docs/protocol/image-store.md).
 * Those below MODULES_LATE are needed to find the root; the others are loaded when sessions are
 * served already.
 */
#ifndef GUEST_MODULES_H
#define GUEST_MODULES_H

#include "common/err.h"

enum { MODULES_FIRST = 0, MODULES_LATE = 50, MODULES_END = 100 };

/*
 * Loads the modules with numbers from..below in order, from lib/modules/early under `rootfd`.
 * One that the kernel already has is no error. All are tried; the first failure is reported.
 */
int modules_load(int rootfd, unsigned from, unsigned below, struct err *err);

#endif
