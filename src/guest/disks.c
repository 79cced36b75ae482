/* SPDX-License-Identifier: Apache-2.0 */
/* Finds virtio disks by serial. */
#include "guest/disks.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/text.h"

enum { MAX_SERIAL = 64 };

static void match(struct disk *disks, size_t count, const char *name, const char *serial)
{
	for (size_t i = 0; i < count; i++)
		if (disks[i].device[0] == '\0' && strcmp(disks[i].serial, serial) == 0)
			snprintf(disks[i].device, sizeof(disks[i].device), "/dev/%.16s", name);
}

void disks_find(struct disk *disks, size_t count)
{
	cleanup_dir DIR *dir = opendir("/sys/block");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		cleanup_free char *serial = NULL;
		char path[MAX_SERIAL];

		if (!text_has_prefix(entry->d_name, "vd"))
			continue;
		snprintf(path, sizeof(path), "%.32s/serial", entry->d_name);
		if (io_read_file(dirfd(dir), path, MAX_SERIAL, &serial, NULL) < 0)
			continue;
		serial[strcspn(serial, "\n")] = '\0';
		match(disks, count, entry->d_name, serial);
	}
}
