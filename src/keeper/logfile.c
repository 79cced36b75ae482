/* SPDX-License-Identifier: Apache-2.0 */
/* A log file that cannot grow without end. */
#include "keeper/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io.h"

static int reopen(struct logfile *file)
{
	int fd = openat(file->dir_fd, file->name,
		O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	if (file->fixed_fd < 0) {
		logfile_close(file);
		file->fd = fd;
		return 0;
	}
	if (fd != file->fixed_fd) {
		dup3(fd, file->fixed_fd, O_CLOEXEC);
		close(fd);
	}
	file->fd = file->fixed_fd;
	return 0;
}

int logfile_open(struct logfile *file, int dir_fd, const char *name, int fixed_fd)
{
	*file = (struct logfile){ dir_fd, name, -1, fixed_fd };
	return reopen(file);
}

void logfile_close(struct logfile *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static off_t size_of(const struct logfile *file)
{
	struct stat st;

	return fstat(file->fd, &st) == 0 ? st.st_size : 0;
}

void logfile_rotate(struct logfile *file)
{
	char old[64];

	if (file->fd < 0 || size_of(file) == 0)
		return;
	snprintf(old, sizeof(old), "%s.1", file->name);
	renameat(file->dir_fd, file->name, file->dir_fd, old);
	/* Without a new file (disk full) the old one must not go on growing. */
	if (reopen(file) < 0 && ftruncate(file->fd, 0) < 0)
		logfile_close(file);
}

void logfile_check(struct logfile *file)
{
	if (file->fd >= 0 && size_of(file) >= LOGFILE_MAX)
		logfile_rotate(file);
}

void logfile_append(struct logfile *file, const void *bytes, size_t length)
{
	if (file->fd < 0)
		return;
	if (size_of(file) + (off_t)length > LOGFILE_MAX)
		logfile_rotate(file);
	io_write_full(file->fd, bytes, length);
}
