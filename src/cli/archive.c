/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between host and guest: where they go, and what becomes of them.
 *
 * Theory of operation: into an existing directory the child unpacks directly. Anything else is
 * unpacked as ITEM into a staging directory beside the destination, which is all the child can
 * reach, and renamed when the child is done and has said so. Either way the directory is opened
 * once, here, and everything after that goes by its descriptor.
 */
#include "cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

#define ITEM "item"

struct archive_job {
	struct archive_child child;
	bool unpack;
	char *what;		/* source or destination, for messages */
	int parent;		/* staged: the directory of the destination, else -1 */
	char *base;		/* staged: its name there */
	char *staging;		/* staged: name of the staging directory in `parent` */
	bool must_be_directory; /* the destination ended with a slash */
};

static void job_destroy(struct archive_job *job)
{
	if (job->staging)
		io_remove_tree(job->parent, job->staging);
	if (job->parent >= 0)
		close(job->parent);
	free(job->staging);
	free(job->base);
	free(job->what);
	free(job);
}

static struct archive_job *job_create(const char *what, bool unpack)
{
	struct archive_job *job = xcalloc(1, sizeof(*job));

	job->what = xstrdup(what);
	job->unpack = unpack;
	job->parent = -1;
	return job;
}

static int open_source(const char *source, bool content, bool follow, int *ret_fd, struct err *err)
{
	cleanup_close int fd = open(source, O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "%s", source);
	if (content && !S_ISDIR(st.st_mode))
		return err_errno(err, ENOTDIR, "%s", source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(err, EINVAL, "%s: neither a file nor a directory", source);
	*ret_fd = take_fd(&fd);
	return 0;
}

int archive_pack(const char *source, const char *name, bool follow, struct archive_job **ret_job,
	int *ret_fd, struct err *err)
{
	cleanup_close int fd = -1;
	struct archive_job *job;
	int r = open_source(source, !name, follow, &fd, err);

	if (r < 0)
		return r;
	job = job_create(source, false);
	r = archive_child_start(&job->child, false, fd, name, NULL, ret_fd, err);
	if (r < 0) {
		job_destroy(job);
		return r;
	}
	*ret_job = job;
	return 0;
}

/* "a/b/" into the open directory "a" and "b". */
static int split_destination(struct archive_job *job, const char *destination, struct err *err)
{
	cleanup_free char *copy = xstrdup(destination);
	size_t length = strlen(copy);
	char *slash;

	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = '\0';
	job->must_be_directory = destination[length] == '/';
	slash = strrchr(copy, '/');
	job->base = xstrdup(slash ? slash + 1 : copy);
	if (slash)
		slash[slash == copy] = '\0';
	job->parent = open(slash ? copy : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (job->parent < 0)
		return err_errno(err, errno, "directory of %s", destination);
	return 0;
}

/* Makes the staging directory; *ret_root is where the child unpacks: in it, or in its ITEM. */
static int make_staging(struct archive_job *job, bool content, int *ret_root, struct err *err)
{
	cleanup_close int staging = -1;
	unsigned long long random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return err_errno(err, errno, "getrandom");
	job->staging = xasprintf(".sbx-cp-%016llx", random);
	if (mkdirat(job->parent, job->staging, 0700) < 0) {
		int r = err_errno(err, errno, "directory of %s", job->what);

		free(take_ptr(job->staging));
		return r;
	}
	staging = openat(job->parent, job->staging, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (staging >= 0 && content) {
		int item = mkdirat(staging, ITEM, 0777);

		if (item == 0)
			item = openat(staging, ITEM, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(staging);
		staging = item;
	}
	if (staging < 0)
		return err_errno(err, errno, "%s", job->what);
	*ret_root = take_fd(&staging);
	return 0;
}

static int prepare_staged(struct archive_job *job, const char *destination, bool content,
	int *ret_root, struct err *err)
{
	struct stat st;
	int r = split_destination(job, destination, err);

	if (r < 0)
		return r;
	if ((job->must_be_directory || content) &&
		fstatat(job->parent, job->base, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return err_errno(err, ENOTDIR, "%s", destination);
	return make_staging(job, content, ret_root, err);
}

int archive_unpack(const char *destination, const char *name, struct archive_job **ret_job,
	int *ret_fd, struct err *err)
{
	cleanup_close int root = open(destination, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct archive_job *job;
	int r = 0;

	if (root < 0 && errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, errno, "%s", destination);
	job = job_create(destination, true);
	if (root < 0)
		r = prepare_staged(job, destination, !name, &root, err);
	if (r == 0)
		r = archive_child_start(&job->child, true, root, name,
			job->staging && name ? ITEM : NULL, ret_fd, err);
	if (r < 0) {
		job_destroy(job);
		return r;
	}
	*ret_job = job;
	return 0;
}

/* Puts what was unpacked in its place. */
static int place(struct archive_job *job, struct err *err)
{
	cleanup_close int staging =
		openat(job->parent, job->staging, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st, old;
	bool exists = fstatat(job->parent, job->base, &old, AT_SYMLINK_NOFOLLOW) == 0;

	if (staging < 0 || fstatat(staging, ITEM, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(err, errno, "%s", job->what);
	if (job->must_be_directory && !S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "%s: no such directory", job->what);
	if (exists && S_ISDIR(st.st_mode) != S_ISDIR(old.st_mode))
		return err_set(err, EEXIST, "%s: a %s is in the way", job->what,
			S_ISDIR(old.st_mode) ? "directory" : "file");
	if (renameat(staging, ITEM, job->parent, job->base) < 0)
		return err_errno(err, errno, "%s", job->what);
	return 0;
}

int archive_finish(
	struct archive_job *job, bool complete, struct archive_totals *ret_totals, struct err *err)
{
	cleanup_err struct err said = ERR_INIT;
	struct archive_totals totals = { 0 };
	int r = archive_child_finish(&job->child, !complete, &totals, &said);

	if (r < 0)
		r = err_set(err, -r, "%s: %s", job->what, said.message);
	else if (complete && job->unpack && totals.entries == 0)
		r = err_set(err, ENOENT, "%s: the sandbox sent nothing", job->what);
	else if (complete && job->staging)
		r = place(job, err);
	if (r == 0)
		*ret_totals = totals;
	job_destroy(job);
	return r;
}
