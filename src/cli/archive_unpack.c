/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unpacks a tar stream that a guest chose, byte by byte, into a directory of the host.
 *
 * libarchive reads the tar headers and nothing else; everything that touches the host's files is
 * here. A name is cut into components and checked, then walked from the root directory one
 * component at a time with O_NOFOLLOW, so that no link that is there already, or came earlier in
 * the stream, or appears meanwhile, leads anywhere. Files are made with O_EXCL after the old name
 * is gone: nothing is written through an existing file or link.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/cleanup.h"

/* Depth is bounded so that what came can be removed with the descriptors a process has. */
enum { NAME_BYTES = 4096, DEPTH = 200, BLOCK = 64 * 1024 };

struct unpack {
	struct archive *archive;
	int root;
	const char *name;
	const char *rename;
	mode_t umask;
	struct archive_totals *totals;
	struct err *err;
};

/* A checked name: `text` without ".", "..", empty components and leading slash; may be empty. */
struct path {
	char text[NAME_BYTES];
	size_t length;
};

static int refuse(struct unpack *u, const char *name, const char *why)
{
	return err_set(u->err, EPROTO, "the sandbox sent \"%.200s\": %s", name, why);
}

static int add_component(struct path *path, const char *component, size_t length)
{
	if (path->length + 1 + length >= sizeof(path->text))
		return -ENAMETOOLONG;
	if (path->length > 0)
		path->text[path->length++] = '/';
	memcpy(path->text + path->length, component, length);
	path->length += length;
	path->text[path->length] = '\0';
	return 0;
}

static bool is_component(const char *s, size_t length, const char *component)
{
	return strlen(component) == length && memcmp(s, component, length) == 0;
}

static int check_path(struct unpack *u, const char *name, struct path *path)
{
	const char *s = name;
	unsigned depth = 0;

	path->length = 0;
	path->text[0] = '\0';
	if (*name == '/')
		return refuse(u, name, "an absolute name");
	while (*s) {
		size_t length = strcspn(s, "/");
		const char *component = s;

		s += length + (s[length] == '/');
		if (length == 0 || is_component(component, length, "."))
			continue;
		if (is_component(component, length, ".."))
			return refuse(u, name, "a name with \"..\"");
		if (depth == 0 && u->name && !is_component(component, length, u->name))
			return refuse(u, name, "not what was asked for");
		if (depth == 0 && u->rename) {
			component = u->rename;
			length = strlen(component);
		}
		if (++depth > DEPTH || add_component(path, component, length) < 0)
			return refuse(u, name, "a name too long");
	}
	return 0;
}

/* Into one component, which is a directory or, if `make`, becomes one. */
static int step(int directory, const char *name, bool make)
{
	int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(directory, name, flags);

	if (fd < 0 && errno == ENOENT && make && mkdirat(directory, name, 0777) == 0)
		fd = openat(directory, name, flags);
	return fd < 0 ? -errno : fd;
}

static const char *last_component(const struct path *path)
{
	const char *slash = strrchr(path->text, '/');

	return slash ? slash + 1 : path->text;
}

/* Opens the directory that holds the path's last component. */
static int open_parent(struct unpack *u, struct path *path, bool make, int *ret_fd)
{
	cleanup_close int fd = step(u->root, ".", false);
	char *s = path->text, *slash;

	while (fd >= 0 && (slash = strchr(s, '/'))) {
		int next;

		*slash = '\0';
		next = step(fd, s, make);
		*slash = '/';
		close(fd);
		fd = next;
		s = slash + 1;
	}
	if (fd < 0)
		return err_errno(u->err, -fd, "directory of \"%.200s\"", path->text);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Removes what a file or link is to replace; a directory stays, and is an error. */
static int make_way(struct unpack *u, int directory, const char *base)
{
	if (unlinkat(directory, base, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno == EISDIR || errno == EPERM)
		return err_set(u->err, EISDIR, "\"%.200s\": a directory is in the way", base);
	return err_errno(u->err, errno, "replace \"%.200s\"", base);
}

static int unpack_directory(
	struct unpack *u, struct archive_entry *entry, int directory, const char *base)
{
	mode_t mode = (archive_entry_perm(entry) & 0777 & ~u->umask) | 0700;
	cleanup_close int fd = -1;

	if (mkdirat(directory, base, 0700) < 0) {
		/* One that is there keeps its mode. */
		fd = errno == EEXIST ? step(directory, base, false) : -errno;
		return fd < 0 ? err_errno(u->err, -fd, "directory \"%.200s\"", base) : 0;
	}
	/* Its owner can always write, as more is to come: no mode has to be set at the end. */
	fd = openat(directory, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, mode) < 0)
		return err_errno(u->err, errno, "directory \"%.200s\"", base);
	return 0;
}

static int write_at(int fd, const char *bytes, size_t length, off_t offset)
{
	while (length > 0) {
		ssize_t n = pwrite(fd, bytes, length, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes += n;
		offset += n;
		length -= (size_t)n;
	}
	return 0;
}

/* Holes stay holes: what a sparse file claims to hold costs nothing. */
static int copy_content(struct unpack *u, int fd, const char *base)
{
	const void *bytes;
	size_t length;
	int64_t offset;
	int r;

	while ((r = archive_read_data_block(u->archive, &bytes, &length, &offset)) == ARCHIVE_OK) {
		int w = offset < 0 ? -EFBIG : write_at(fd, bytes, length, offset);

		if (w < 0)
			return err_errno(u->err, -w, "write \"%.200s\"", base);
		u->totals->bytes += length;
	}
	if (r == ARCHIVE_EOF)
		return 0;
	return err_set(u->err, EPROTO, "\"%.200s\": %s", base, archive_error_string(u->archive));
}

static int unpack_file(
	struct unpack *u, struct archive_entry *entry, int directory, const char *base)
{
	mode_t mode = archive_entry_perm(entry) & 0777 & ~u->umask;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	cleanup_close int fd = -1;
	int r = make_way(u, directory, base);

	if (r < 0)
		return r;
	fd = openat(directory, base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(u->err, errno, "create \"%.200s\"", base);
	r = copy_content(u, fd, base);
	if (r < 0)
		return r;
	if (archive_entry_size_is_set(entry) && ftruncate(fd, archive_entry_size(entry)) < 0)
		return err_errno(u->err, errno, "write \"%.200s\"", base);
	if (fchmod(fd, mode) < 0)
		return err_errno(u->err, errno, "mode of \"%.200s\"", base);
	times[1] = (struct timespec){ archive_entry_mtime(entry), archive_entry_mtime_nsec(entry) };
	if (archive_entry_mtime_is_set(entry))
		futimens(fd, times); /* a time that the file system has not is no reason to fail */
	return 0;
}

/* The link itself is content like any other: it is made as it came, and not followed here. */
static int unpack_symlink(
	struct unpack *u, struct archive_entry *entry, int directory, const char *base)
{
	const char *target = archive_entry_symlink(entry);
	int r;

	if (!target || !*target)
		return refuse(u, base, "a symbolic link without target");
	r = make_way(u, directory, base);
	if (r == 0 && symlinkat(target, directory, base) < 0)
		r = err_errno(u->err, errno, "symbolic link \"%.200s\"", base);
	return r;
}

/* To a file of the same stream, by a name under the same rules. */
static int unpack_hardlink(struct unpack *u, const char *target, int directory, const char *base)
{
	cleanup_close int from = -1;
	const char *from_base;
	struct path path;
	struct stat st;
	int r = check_path(u, target, &path);

	if (r == 0)
		r = open_parent(u, &path, false, &from);
	if (r < 0)
		return r;
	from_base = last_component(&path);
	if (fstatat(from, from_base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(u->err, errno, "link to \"%.200s\"", target);
	if (!S_ISREG(st.st_mode))
		return refuse(u, target, "a hard link to what is no file");
	r = make_way(u, directory, base);
	if (r == 0 && linkat(from, from_base, directory, base, 0) < 0)
		r = err_errno(u->err, errno, "link to \"%.200s\"", target);
	return r;
}

static bool is_supported(struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype(entry);

	return archive_entry_hardlink(entry) || type == AE_IFREG || type == AE_IFDIR ||
	       type == AE_IFLNK;
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname(entry);
	const char *hardlink = archive_entry_hardlink(entry);
	cleanup_close int directory = -1;
	const char *base;
	struct path path;
	int r;

	if (!name)
		return err_set(u->err, EPROTO, "the sandbox sent a name that is not UTF-8");
	r = check_path(u, name, &path);
	if (r < 0)
		return r;
	if (!is_supported(entry)) {
		u->totals->skipped++;
		return 0;
	}
	u->totals->entries++;
	if (path.length == 0)
		return 0; /* the root itself, which is there */
	r = open_parent(u, &path, true, &directory);
	if (r < 0)
		return r;
	base = last_component(&path);
	if (hardlink)
		return unpack_hardlink(u, hardlink, directory, base);
	if (archive_entry_filetype(entry) == AE_IFDIR)
		return unpack_directory(u, entry, directory, base);
	if (archive_entry_filetype(entry) == AE_IFLNK)
		return unpack_symlink(u, entry, directory, base);
	return unpack_file(u, entry, directory, base);
}

static int unpack_all(struct unpack *u)
{
	struct archive_entry *entry;

	for (;;) {
		int r = archive_read_next_header(u->archive, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		/* A warning is about metadata of no use here, or a name, which then is missing. */
		if (r < ARCHIVE_WARN)
			return err_set(
				u->err, EPROTO, "tar stream: %s", archive_error_string(u->archive));
		r = unpack_entry(u, entry);
		if (r < 0)
			return r;
	}
}

/* What follows the end of the archive is read, so that the sender can finish. */
static void drain(int in)
{
	static char block[BLOCK];
	ssize_t n;

	do
		n = read(in, block, sizeof(block));
	while (n > 0 || (n < 0 && errno == EINTR));
}

int archive_unpack_tree(int in, int root, const char *name, const char *rename,
	struct archive_totals *totals, struct err *err)
{
	struct unpack u = {
		.archive = archive_read_new(),
		.root = root,
		.name = name,
		.rename = rename,
		.totals = totals,
		.err = err,
	};
	int r;

	if (!u.archive)
		return err_set(err, ENOMEM, "no memory");
	u.umask = umask(077);
	umask(u.umask);
	if (archive_read_support_format_tar(u.archive) != ARCHIVE_OK ||
		archive_read_open_fd(u.archive, in, BLOCK) != ARCHIVE_OK)
		r = err_set(err, EPROTO, "tar stream: %s", archive_error_string(u.archive));
	else
		r = unpack_all(&u);
	if (r == 0)
		drain(in);
	archive_read_free(u.archive);
	return r;
}
