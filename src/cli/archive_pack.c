/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packs files of the host into a tar stream (pax, plain ustar where that is enough).
 *
 * A sandbox may change what is packed meanwhile, if it lies in its workspace: no link below the
 * source is followed, and a file that shrinks is filled up with zeros.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/cleanup.h"
#include "common/mem.h"

enum { AGENT = 1000, BLOCK = 64 * 1024 };

struct pack {
	struct archive *archive;
	struct archive_totals *totals;
	struct err *err;
};

static int write_failed(struct pack *p)
{
	return err_set(p->err, EIO, "write the tar stream: %s", archive_error_string(p->archive));
}

static int write_header(struct pack *p, const char *name, const struct stat *st, const char *target)
{
	struct archive_entry *entry = archive_entry_new();
	int r = 0;

	if (!entry)
		return err_set(p->err, ENOMEM, "no memory");
	archive_entry_copy_pathname(entry, name);
	archive_entry_set_mode(entry, st->st_mode & (S_IFMT | 0777));
	archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
	archive_entry_set_mtime(entry, st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	archive_entry_set_uid(entry, AGENT);
	archive_entry_set_gid(entry, AGENT);
	if (target)
		archive_entry_copy_symlink(entry, target);
	/* A warning is a name that is not UTF-8, which goes out as it is. */
	if (archive_write_header(p->archive, entry) < ARCHIVE_WARN)
		r = write_failed(p);
	archive_entry_free(entry);
	p->totals->entries++;
	return r;
}

static int write_content(struct pack *p, int fd, const char *name, uint64_t left)
{
	static char block[BLOCK];

	while (left > 0) {
		size_t most = left < sizeof(block) ? left : sizeof(block);
		ssize_t n = read(fd, block, most);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(p->err, errno, "read %s", name);
		if (n == 0)
			return 0;
		if (archive_write_data(p->archive, block, (size_t)n) != n)
			return write_failed(p);
		left -= (uint64_t)n;
		p->totals->bytes += (uint64_t)n;
	}
	return 0;
}

/* A descriptor to read from, of the very file that the O_PATH descriptor is of. */
static int reopen(int fd, int flags)
{
	cleanup_free char *path = xasprintf("/proc/self/fd/%d", fd);
	int opened = open(path, flags | O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return opened < 0 ? -errno : opened;
}

static int pack_file(struct pack *p, int source, const char *name, const struct stat *st)
{
	cleanup_close int fd = reopen(source, 0);
	int r;

	if (fd < 0)
		return err_errno(p->err, -fd, "open %s", name);
	r = write_header(p, name, st, NULL);
	return r == 0 ? write_content(p, fd, name, (uint64_t)st->st_size) : r;
}

static int pack_symlink(struct pack *p, int source, const char *name, const struct stat *st)
{
	char target[4097];
	ssize_t n = readlinkat(source, "", target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(p->err, errno, "read link %s", name);
	target[n] = '\0';
	return write_header(p, name, st, target);
}

static int pack_any(struct pack *p, int source, const char *name);

static int pack_children(struct pack *p, int source, const char *name)
{
	int fd = reopen(source, O_DIRECTORY);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *child;
	int r = 0;

	if (!dir) {
		r = err_errno(p->err, fd < 0 ? -fd : errno, "open %s", name);
		if (fd >= 0)
			close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, child = readdir(dir))) {
		cleanup_free char *path = xasprintf("%s/%s", name, child->d_name);
		cleanup_close int below = -1;

		if (strcmp(child->d_name, ".") == 0 || strcmp(child->d_name, "..") == 0)
			continue;
		below = openat(dirfd(dir), child->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0)
			r = pack_any(p, below, path);
		else if (errno != ENOENT) /* gone meanwhile */
			r = err_errno(p->err, errno, "open %s", path);
	}
	return r == 0 && errno ? err_errno(p->err, errno, "read %s", name) : r;
}

/* Recursion is bounded by descriptors: two for each level of directories. */
static int pack_any(struct pack *p, int source, const char *name)
{
	struct stat st;
	int r;

	if (fstatat(source, "", &st, AT_EMPTY_PATH) < 0)
		return err_errno(p->err, errno, "stat %s", name);
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return pack_file(p, source, name, &st);
	case S_IFLNK:
		return pack_symlink(p, source, name, &st);
	case S_IFDIR:
		r = write_header(p, name, &st, NULL);
		return r == 0 ? pack_children(p, source, name) : r;
	}
	p->totals->skipped++;
	return 0;
}

int archive_pack_tree(
	int source, const char *name, int out, struct archive_totals *totals, struct err *err)
{
	struct pack p = { .archive = archive_write_new(), .totals = totals, .err = err };
	int r;

	if (!p.archive)
		return err_set(err, ENOMEM, "no memory");
	if (archive_write_set_format_pax_restricted(p.archive) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(p.archive, 1) != ARCHIVE_OK ||
		archive_write_open_fd(p.archive, out) != ARCHIVE_OK)
		r = write_failed(&p);
	else
		r = pack_any(&p, source, name ? name : ".");
	if (r == 0 && archive_write_close(p.archive) != ARCHIVE_OK)
		r = write_failed(&p);
	archive_write_free(p.archive);
	return r;
}
