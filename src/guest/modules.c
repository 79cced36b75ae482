/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules of the initramfs. */
#include "guest/modules.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "guest/console.h"

#define DIRECTORY "lib/modules/early"

static int is_module(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t length = strlen(name);

	return length > 6 && isdigit((unsigned char)name[0]) && isdigit((unsigned char)name[1]) &&
	       name[2] == '-' && strcmp(name + length - 3, ".ko") == 0;
}

static int load(int dirfd, const char *name, struct err *err)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "module %s", name);
	if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot load module %s", name);
	console_debug("module %s", name);
	return 0;
}

int modules_load(int rootfd, unsigned from, unsigned below, struct err *err)
{
	cleanup_close int fd = openat(rootfd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int result = 0;
	int count;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "/" DIRECTORY);
	count = scandirat(fd, ".", &entries, is_module, alphasort);
	for (int i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;
		unsigned number = (unsigned)((name[0] - '0') * 10 + name[1] - '0');

		if (number >= from && number < below) {
			int r = load(fd, name, result == 0 ? err : NULL);

			result = result == 0 ? r : result;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return result;
}
