/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's own disk: a sparse file with an ext4 file system, the guest's upper layer and its
 * engine's data.
 */
#ifndef DAEMON_DISK_H
#define DAEMON_DISK_H

#include <stdint.h>

#include "common/err.h"

#define DISK_FILE "disk.img"

/*
 * Makes DIRECTORY/disk.img and flushes it. Returns 0 or -errno; after a failure part of the file
 * may be there, and the caller removes the directory.
 */
int disk_create(const char *directory, uint64_t size_mib, struct err *err);

#endif
