/* SPDX-License-Identifier: Apache-2.0 */
/* The writing side of the image store. */
#include "image/publish.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"

static int clear_plain(int dirfd, const char *name, struct err *err)
{
	int r = io_remove_tree(dirfd, name);

	return r < 0 ? err_errno(err, -r, "remove %s", name) : 0;
}

/* Only a tmp/ with something in it needs the user namespace to be emptied. */
static bool is_empty(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t entries = 0;

	while (dir && readdir(dir))
		entries++;
	return entries <= 2;
}

/* -EWOULDBLOCK if a builder has the lock and `wait` is NULL; it is called before waiting. */
static int take_lock(int root_fd, void (*wait)(void), bool *ret_waited, int *ret_fd)
{
	cleanup_close int fd = openat(root_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	bool held;

	if (fd < 0)
		return -errno;
	held = flock(fd, LOCK_EX | LOCK_NB) < 0;
	if (held && (errno != EWOULDBLOCK || !wait))
		return -errno;
	if (held)
		wait();
	while (held && flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_waited = held;
	*ret_fd = take_fd(&fd);
	return 0;
}

int publish_open(const char *root, int (*clear)(int dirfd, const char *name, struct err *err),
	void (*wait)(void), bool *ret_waited, struct publish *ret_publish, struct err *err)
{
	cleanup_close int root_fd = -1;
	cleanup_close int lock_fd = -1;
	bool waited = false;
	int r = paths_mkdirs(root, 0700);

	if (r == 0) {
		root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = root_fd < 0 ? -errno : take_lock(root_fd, wait, &waited, &lock_fd);
	}
	if (r < 0)
		return err_errno(err, -r, "image store %s", root);
	if (!is_empty(root_fd, "tmp")) {
		r = (clear ? clear : clear_plain)(root_fd, "tmp", err);
		if (r < 0)
			return r;
	}
	if ((mkdirat(root_fd, "tmp", 0700) < 0 && errno != EEXIST) ||
		mkdirat(root_fd, "tmp/build", 0755) < 0)
		return err_errno(err, errno, "create %s/tmp", root);
	*ret_publish = (struct publish){
		.root = xstrdup(root),
		.root_fd = take_fd(&root_fd),
		.lock_fd = take_fd(&lock_fd),
		.scratch = paths_join(root, "tmp/build"),
	};
	*ret_waited = waited;
	return 0;
}

void publish_close(struct publish *publish)
{
	free(publish->root);
	free(publish->scratch);
	cleanup_close_(&publish->root_fd);
	cleanup_close_(&publish->lock_fd);
	*publish = (struct publish){ .root_fd = -1, .lock_fd = -1 };
}

/* The files of the finished directory reach the disk before it gets its name. */
static int sync_files(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		cleanup_close int file = openat(fd, entry->d_name,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

		if (*entry->d_name == '.')
			continue;
		if (file < 0 || fchmod(file, 0444) < 0 || fsync(file) < 0)
			return -errno;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int open_kind(int root_fd, const char *agent, bool create, int *ret_fd)
{
	const char *parts[] = { agent ? "agents" : "base", agent, NULL };
	cleanup_close int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 0);

	for (const char **part = parts; *part; part++) {
		int next;

		if (create && mkdirat(fd, *part, 0700) < 0 && errno != EEXIST)
			return -errno;
		next = openat(fd, *part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			return -errno;
		close(fd);
		fd = next;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* "current" is replaced by rename, so there is no moment without one. */
static int set_current(struct publish *publish, int kind_fd, const char *digest)
{
	if (unlinkat(publish->root_fd, "tmp/current", 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(digest, publish->root_fd, "tmp/current") < 0)
		return -errno;
	fault_point(FAULT_IMAGE_BEFORE_CURRENT);
	if (renameat(publish->root_fd, "tmp/current", kind_fd, "current") < 0)
		return -errno;
	fault_point(FAULT_IMAGE_AFTER_CURRENT);
	return fsync(kind_fd) < 0 ? -errno : 0;
}

int publish_commit(struct publish *publish, const char *name, const char *agent,
	const char *digest, struct err *err)
{
	cleanup_free char *source = paths_join("tmp/build", name);
	cleanup_close int kind_fd = -1;
	int r = sync_files(publish->root_fd, source);

	if (r == 0)
		r = open_kind(publish->root_fd, agent, true, &kind_fd);
	if (r == 0) {
		fault_point(FAULT_IMAGE_BEFORE_RENAME);
		if (renameat(publish->root_fd, source, kind_fd, digest) < 0 &&
			errno != EEXIST && errno != ENOTEMPTY)
			r = -errno;
		fault_point(FAULT_IMAGE_AFTER_RENAME);
	}
	if (r == 0 && fsync(kind_fd) < 0)
		r = -errno;
	if (r == 0)
		r = set_current(publish, kind_fd, digest);
	if (r < 0)
		return err_errno(err, -r, "store image %s", digest);
	return 0;
}

/* A "current" that names the digest goes first: it must never name what is not there. */
static int drop_current(int kind_fd, const char *digest)
{
	char target[64];
	ssize_t n = readlinkat(kind_fd, "current", target, sizeof(target) - 1);

	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	target[n] = '\0';
	if (strcmp(target, digest) != 0)
		return 0;
	return unlinkat(kind_fd, "current", 0) < 0 ? -errno : 0;
}

int publish_remove(const char *root, const char *agent, const char *digest, struct err *err)
{
	cleanup_close int root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int lock_fd = -1;
	cleanup_close int kind_fd = -1;
	cleanup_free char *grave = xasprintf("tmp/%s", digest);
	bool waited;
	int r = root_fd < 0 ? -errno : take_lock(root_fd, NULL, &waited, &lock_fd);

	if (r == -EWOULDBLOCK) {
		err_set(err, EBUSY, "an image is being built");
		err_hint(err, "try again when that is done");
		return -EBUSY;
	}
	if (r == 0 && mkdirat(root_fd, "tmp", 0700) < 0 && errno != EEXIST)
		r = -errno;
	if (r == 0)
		r = open_kind(root_fd, agent, false, &kind_fd);
	if (r == 0)
		r = drop_current(kind_fd, digest);
	if (r == 0)
		r = io_remove_tree(root_fd, grave);
	if (r == 0) {
		fault_point(FAULT_IMAGE_BEFORE_REMOVE);
		if (renameat(kind_fd, digest, root_fd, grave) < 0)
			r = -errno;
		fault_point(FAULT_IMAGE_AFTER_REMOVE);
	}
	if (r == 0)
		r = io_remove_tree(root_fd, grave);
	if (r < 0)
		return err_errno(err, -r, "remove image %s", digest);
	return 0;
}
