/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file tree of a confined program: a small tmpfs with what is bound into it.
 *
 * Sources are opened while the child still is the caller, as detached copies of their mounts, and
 * get their restrictions (read-only, nosuid, …, on submounts as well) before they are attached: no
 * moment at which they can be reached without. The program can take none of them back: it has no
 * right over its mount namespace, and a namespace made below would get them locked.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/internal.h"

static int restrict_mount(int tree, uint64_t attributes, bool recursive)
{
	struct mount_attr attr = { .attr_set = attributes };
	unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);

	return mount_setattr(tree, "", flags, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

static uint64_t bind_attributes(unsigned flags)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID;

	if (!(flags & CONFINE_DEVICE))
		attributes |= MOUNT_ATTR_NODEV;
	if (!(flags & CONFINE_WRITABLE))
		attributes |= MOUNT_ATTR_RDONLY;
	else if (!(flags & CONFINE_EXECUTABLE))
		attributes |= MOUNT_ATTR_NOEXEC;
	return attributes;
}

static int open_source(const struct confine_bind *bind)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = bind->flags & CONFINE_NO_SYMLINKS ? RESOLVE_NO_SYMLINKS : 0,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, bind->source, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int open_bind(const struct confine_bind *bind)
{
	unsigned recursive = bind->flags & CONFINE_RECURSIVE ? AT_RECURSIVE : 0;
	int source = open_source(bind);
	int tree, r;

	if (source < 0)
		return source;
	tree = open_tree(
		source, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);
	r = tree < 0 ? -errno : restrict_mount(tree, bind_attributes(bind->flags), recursive);
	close(source);
	return r < 0 ? r : tree;
}

int mounts_open(struct confine_child *child, int *ret_index)
{
	const struct confine_spec *spec = child->spec;

	for (size_t i = 0; i < spec->bind_count; i++) {
		int tree = open_bind(&spec->binds[i]);

		if (tree == -ENOENT && spec->binds[i].flags & CONFINE_OPTIONAL)
			tree = -1;
		else if (tree < 0) {
			*ret_index = (int)i;
			return tree;
		}
		child->trees[i] = tree;
	}
	return 0;
}

/*
 * Mounted over /tmp, for want of a place that is surely there and surely nobody's source any more;
 * the switch of the root directory takes it from there.
 */
int mounts_root(const struct confine_child *child, int *ret_root)
{
	int root;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		mount("sbx", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, child->root_size) <
			0)
		return -errno;
	root = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -errno;
	*ret_root = root;
	return 0;
}

static bool name_is_bad(const char *name, size_t length)
{
	return length == 0 || length > NAME_MAX || (length == 1 && name[0] == '.') ||
	       (length == 2 && name[0] == '.' && name[1] == '.');
}

/* Cuts the next component off an absolute path. Returns its length, 0 at the end. */
static size_t next_component(const char **path, char name[NAME_MAX + 1])
{
	size_t length;

	while (**path == '/')
		(*path)++;
	length = strcspn(*path, "/");
	if (length <= NAME_MAX) {
		memcpy(name, *path, length);
		name[length] = '\0';
	}
	*path += length;
	return length;
}

/* A read-only bind may hold the directory already: EROFS is no failure until the open. */
static int open_below(int dir, const char *name, int *ret_below)
{
	int below;

	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST && errno != EROFS)
		return -errno;
	below = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0)
		return -errno;
	*ret_below = below;
	return 0;
}

/*
 * Opens the directory that a target lies in, makes what is missing, and leaves the last component
 * in `name`. Follows no symbolic link: an earlier bind may hold one that a guest has made.
 */
static int open_parent(int root, const char *target, char name[NAME_MAX + 1])
{
	int dir = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	size_t length = next_component(&target, name);
	int below = -1, r = dir < 0 ? -errno : 0;

	while (r == 0 && target[strspn(target, "/")] != '\0') {
		r = name_is_bad(name, length) ? -EINVAL : open_below(dir, name, &below);
		if (r == 0) {
			close(dir);
			dir = below;
			length = next_component(&target, name);
		}
	}
	if (r == 0 && name_is_bad(name, length))
		r = -EINVAL;
	if (r < 0 && dir >= 0)
		close(dir);
	return r < 0 ? r : dir;
}

/* Makes the thing to mount on: a directory for a directory, else a file. What is there is taken. */
static int make_target(int dir, const char *name, int tree)
{
	struct stat st;
	int fd;

	if (fstat(tree, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -errno;
	close(fd);
	return 0;
}

static int attach_bind(int root, const struct confine_bind *bind, int tree)
{
	char name[NAME_MAX + 1];
	int dir = open_parent(root, bind->target ? bind->target : bind->source, name);
	int r;

	if (dir < 0)
		return dir;
	r = make_target(dir, name, tree);
	if (r == 0 && move_mount(tree, "", dir, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		r = -errno;
	close(dir);
	return r;
}

int mounts_attach(const struct confine_child *child, int root, int *ret_index)
{
	for (size_t i = 0; i < child->spec->bind_count; i++) {
		int r = child->trees[i] < 0
				? 0
				: attach_bind(root, &child->spec->binds[i], child->trees[i]);

		if (r < 0) {
			*ret_index = (int)i;
			return r;
		}
	}
	return 0;
}

static int copy_file(int to, int from)
{
	off_t offset = 0;
	ssize_t n;

	do
		n = sendfile(to, from, &offset, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int write_file(int root, const struct confine_file *file)
{
	char name[NAME_MAX + 1];
	int dir = open_parent(root, file->target, name);
	int fd, r;

	if (dir < 0)
		return dir;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
	r = fd < 0 ? -errno : copy_file(fd, file->fd);
	if (fd >= 0)
		close(fd);
	close(dir);
	return r;
}

int mounts_files(const struct confine_child *child, int root, int *ret_index)
{
	for (size_t i = 0; i < child->spec->file_count; i++) {
		int r = write_file(root, &child->spec->files[i]);

		if (r < 0) {
			*ret_index = (int)i;
			return r;
		}
	}
	return 0;
}

/*
 * Processes only. More would be a hole: who is uid 0 outside, even without any capability, may
 * write to /proc/sys/kernel/core_pattern.
 */
int mounts_proc(int root)
{
	unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mkdirat(root, "proc", 0555) < 0 && errno != EEXIST)
		return -errno;
	if (fchdir(root) < 0 || mount("proc", "proc", "proc", flags, "subset=pid") < 0)
		return -errno;
	return 0;
}

/*
 * /proc is there for a moment, to take the directory out of it. It is the program's as well, since
 * that will be process 1 as this child is.
 */
int mounts_own_fds(int root)
{
	const uint64_t attributes =
		MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	int r = mounts_proc(root);
	int tree;

	if (r < 0)
		return r;
	tree = open_tree(root, "proc/1/fd", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0)
		return -errno;
	r = restrict_mount(tree, attributes, false);
	if (r == 0 && umount2("proc", MNT_DETACH) < 0)
		r = -errno;
	if (r == 0 &&
		((mkdirat(root, "proc/self", 0555) < 0 && errno != EEXIST) ||
			mkdirat(root, "proc/self/fd", 0555) < 0 ||
			move_mount(tree, "", root, "proc/self/fd", MOVE_MOUNT_F_EMPTY_PATH) < 0))
		r = -errno;
	close(tree);
	return r;
}

/*
 * Puts the old root on top of the new one and takes it off again, with all mounts below: after
 * that no path leads there. The new root has all it will ever hold, so it becomes read-only.
 */
int mounts_pivot(int root)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return restrict_mount(root, MOUNT_ATTR_RDONLY, false);
}
