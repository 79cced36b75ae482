/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a cpio archive in the "newc" format. */
#include "common/cpio.h"

#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

static int pad(int fd, size_t written, size_t unit)
{
	static const char zeros[512];
	size_t rest = written % unit;

	return rest ? io_write_full(fd, zeros, unit - rest) : 0;
}

static int add(int fd, const char *path, unsigned mode, unsigned major, unsigned minor,
	const void *bytes, size_t length)
{
	size_t name_size = strlen(path) + 1;
	char header[111];
	int r;

	if (length > UINT32_MAX)
		return -EFBIG;
	snprintf(header, sizeof(header), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		0u, mode, 0u, 0u, 1u, 0u, (unsigned)length, 0u, 0u, major, minor,
		(unsigned)name_size, 0u);
	r = io_write_full(fd, header, 110);
	if (r == 0)
		r = io_write_full(fd, path, name_size);
	if (r == 0)
		r = pad(fd, 110 + name_size, 4);
	if (r == 0 && length)
		r = io_write_full(fd, bytes, length);
	if (r == 0)
		r = pad(fd, length, 4);
	return r;
}

int cpio_add_dir(int fd, const char *path, unsigned mode)
{
	return add(fd, path, S_IFDIR | mode, 0, 0, NULL, 0);
}

int cpio_add_file(int fd, const char *path, unsigned mode, const void *bytes, size_t length)
{
	return add(fd, path, S_IFREG | mode, 0, 0, bytes, length);
}

int cpio_add_node(int fd, const char *path, unsigned mode, unsigned major, unsigned minor)
{
	return add(fd, path, S_IFCHR | mode, major, minor, NULL, 0);
}

int cpio_finish(int fd)
{
	struct stat st;
	int r = add(fd, "TRAILER!!!", 0, 0, 0, NULL, 0);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	return pad(fd, (size_t)st.st_size, 512);
}
