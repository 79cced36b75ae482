/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's own disk.
 *
 * What mke2fs is told, and why; figures for 20 GiB (Debian 12, e2fsprogs 1.47.0), where the plain
 * defaults write 135 MB:
 *
 *	assume_storage_prezeroed
 *		a fresh sparse file reads as zeros, so inode tables and journal need no zeroing: not
 *		here, and not by the guest's lazy initialisation, which would fill the file later
 *	^resize_inode		4 MB less: room for a growth that we do not offer
 *	^orphan_file		2 MB less; on by default in Debian 13 (e2fsprogs 1.47.2)
 *	packed_meta_blocks	metadata at the front, in one extent of the host's file
 *	-J size=64		enough for the engine's bursts; the default is 128 MB here
 *	-m 0			no reserve for root: the guest's root is not special
 *	nodiscard		nothing to discard in a new file
 *
 * This leaves 0.3 MB on the host's disk, in 5 ms.
 */
#include "daemon/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/fault.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "daemon/program.h"

enum { MAX_COMPLAINT = 64 << 10 };

static int make_sparse(const char *path, uint64_t size_mib, struct err *err)
{
	cleanup_close int fd =
		open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(err, errno, "create %s", path);
	if (ftruncate(fd, (off_t)(size_mib << 20)) < 0)
		return err_errno(err, errno, "create %s with %" PRIu64 " MiB", path, size_mib);
	return 0;
}

/* The last line that mke2fs said, without its name; read until it closed its stderr. */
static char *read_complaint(int fd)
{
	static const char prefix[] = "mke2fs: ";
	cleanup_buf struct buf text = { 0 };
	char *all, *last;

	buf_init(&text, MAX_COMPLAINT);
	while (buf_read(&text, fd, MAX_COMPLAINT) > 0)
		;
	while (buf_length(&text) > 0 && text.data[text.end - 1] == '\n')
		text.end--;
	buf_append(&text, "", 1);
	all = (char *)buf_head(&text);
	last = strrchr(all, '\n');
	last = last ? last + 1 : all;
	return xstrdup(text_has_prefix(last, prefix) ? last + strlen(prefix) : last);
}

static int make_file_system(const char *path, struct err *err)
{
	static const char extended[] = "lazy_itable_init=1,lazy_journal_init=1,nodiscard,"
				       "packed_meta_blocks=1,assume_storage_prezeroed=1";
	const char *argv[] = { "mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "sbx", "-J",
		"size=64", "-O", "^resize_inode,^orphan_file", "-E", extended, path, NULL };
	cleanup_close int pidfd = -1, read_end = -1;
	cleanup_free char *complaint = NULL;
	int pipe_fds[2], status, r;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "create %s", path);
	read_end = pipe_fds[0];
	fault_point(FAULT_DAEMON_CREATE_BEFORE_MKFS);
	r = program_spawn((char *const *)argv, -1, pipe_fds[1], &pid, &pidfd, err);
	close(pipe_fds[1]);
	if (r < 0)
		return r;
	complaint = read_complaint(read_end);
	status = program_reap(pid);
	fault_point(FAULT_DAEMON_CREATE_AFTER_MKFS);
	if (status == 0)
		return 0;
	return err_set(err, EIO, "make a file system in %s: %s", path,
		*complaint ? complaint : "mke2fs failed");
}

int disk_create(const char *directory, uint64_t size_mib, struct err *err)
{
	cleanup_free char *path = paths_join(directory, DISK_FILE);
	cleanup_close int fd = -1;
	int r = make_sparse(path, size_mib, err);

	if (r == 0)
		r = make_file_system(path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return err_errno(err, errno, "flush %s", path);
	return 0;
}
