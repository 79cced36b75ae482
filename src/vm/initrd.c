/* SPDX-License-Identifier: Apache-2.0 */
/* The initramfs of one start. */
#include "vm/initrd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/cpio.h"

/* A damaged image must not make the host copy without end. */
enum { PART_MAX = 256 * 1024 * 1024 };

static int open_regular(const char *path, size_t *ret_size, int *ret_fd, struct err *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > PART_MAX)
		return err_set(err, EINVAL, "%s: not a file of a sensible size", path);
	*ret_size = (size_t)st.st_size;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The kernel wants each archive to start on a multiple of four bytes. */
static int pad(int fd)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	return at >= 0 && lseek(fd, (at + 3) & ~3, SEEK_SET) >= 0 ? 0 : -errno;
}

static int append_part(int out, const char *path, struct err *err)
{
	cleanup_close int in = -1;
	size_t left = 0;
	int r = open_regular(path, &left, &in, err);

	if (r < 0)
		return r;
	while (left > 0) {
		ssize_t n = sendfile(out, in, NULL, left);

		if (n <= 0)
			return err_errno(err, n < 0 ? errno : EIO, "read %s", path);
		left -= (size_t)n;
	}
	r = pad(out);
	return r < 0 ? err_errno(err, -r, "initrd") : 0;
}

static int add_program(int out, const char *name, const char *path, struct err *err)
{
	cleanup_close int in = -1;
	size_t size = 0;
	void *bytes;
	int r = open_regular(path, &size, &in, err);

	if (r < 0)
		return r;
	bytes = mmap(NULL, size, PROT_READ, MAP_PRIVATE, in, 0);
	if (bytes == MAP_FAILED)
		return err_errno(err, errno, "map %s", path);
	r = cpio_add_file(out, name, 0755, bytes, size);
	munmap(bytes, size);
	return r < 0 ? err_errno(err, -r, "initrd") : 0;
}

/* The archive of our own: what differs from start to start, and the program that reads it. */
static int append_own(int out, const char *init, const char *conf, struct err *err)
{
	int r = add_program(out, "init", init, err);

	if (r < 0)
		return r;
	r = cpio_add_file(out, "sbx.conf", 0600, conf, strlen(conf));
	if (r == 0)
		r = cpio_add_dir(out, "dev", 0755);
	if (r == 0)
		r = cpio_add_node(out, "dev/console", 0600, 5, 1);
	if (r == 0)
		r = cpio_finish(out);
	return r < 0 ? err_errno(err, -r, "initrd") : 0;
}

int initrd_build(char *const *parts, size_t part_count, const char *init, const char *conf,
	int *ret_fd, struct err *err)
{
	cleanup_close int fd = memfd_create("initrd", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int r;

	if (fd < 0)
		return err_errno(err, errno, "memfd_create");
	for (size_t i = 0; i < part_count; i++) {
		r = append_part(fd, parts[i], err);
		if (r < 0)
			return r;
	}
	r = append_own(fd, init, conf, err);
	if (r < 0)
		return r;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return err_errno(err, errno, "seal initrd");
	*ret_fd = take_fd(&fd);
	return 0;
}
