/* SPDX-License-Identifier: Apache-2.0 */
/* Finds virtio disks by the serial that the keeper gave them. */
#ifndef GUEST_DISKS_H
#define GUEST_DISKS_H

#include <stddef.h>

enum { DISKS_MAX_NAME = 32 };

struct disk {
	const char *serial;
	char device[DISKS_MAX_NAME]; /* "/dev/vda"; "" while it is not found */
};

/* Looks for the disks that have no device yet, in /sys/block. */
void disks_find(struct disk *disks, size_t count);

#endif
