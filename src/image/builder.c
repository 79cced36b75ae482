/* SPDX-License-Identifier: Apache-2.0 */
/* What the base image and the agent layers have in common when they are built. */
#include "image/builder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "image/erofs.h"
#include "image/report.h"
#include "image/userns.h"

static int check_space(const char *path, unsigned need_mib, struct err *err)
{
	cleanup_free char *have = NULL;
	struct statvfs fs;
	uint64_t bytes;

	if (statvfs(path, &fs) < 0)
		return err_errno(err, errno, "free space of %s", path);
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (bytes >= (uint64_t)need_mib << 20)
		return 0;
	have = text_format_size(bytes);
	err_set(err, ENOSPC, "building needs %u MiB in %s, there are %s", need_mib, path, have);
	err_hint(err, "free some space, or set XDG_CACHE_HOME to a larger disk");
	return -ENOSPC;
}

static int make_dirs(struct builder *builder, struct err *err)
{
	const char *const dirs[] = { builder->root, builder->work, builder->image };

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdir(dirs[i], 0755) < 0)
			return err_errno(err, errno, "create %s", dirs[i]);
	builder->log_fd = openat(builder->publish.root_fd, "build.log",
		O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (builder->log_fd < 0)
		return err_errno(err, errno, "create %s/build.log", builder->publish.root);
	return 0;
}

static char *current_digest(const struct store *store, const char *agent)
{
	cleanup_store_image struct store_image image = { 0 };

	if (store_find_current(store, agent, &image, NULL) < 0)
		return xstrdup("");
	return xstrdup(image.digest);
}

/* Whether the builder we waited for has made our image. */
static bool is_built(const struct store *store, const char *agent, const char *before,
	json_t **ret_manifest)
{
	cleanup_store_image struct store_image image = { 0 };

	if (store_find_current(store, agent, &image, NULL) < 0 ||
		strcmp(image.digest, before) == 0)
		return false;
	*ret_manifest = json_incref(image.manifest);
	return true;
}

static void report_waiting(void)
{
	report_step("wait", "wait for another build", 0, 0);
}

int builder_open(const struct store *store, const char *agent, unsigned need_mib,
	struct builder *ret_builder, json_t **ret_manifest, struct err *err)
{
	struct builder builder = { .log_fd = -1 };
	cleanup_free char *before = current_digest(store, agent);
	bool waited;
	int r = userns_check(err);

	if (r < 0)
		return r;
	report_step("prepare", "prepare", 0, 0);
	r = publish_open(store->own, userns_remove_tree, report_waiting, &waited,
		&builder.publish, err);
	if (r < 0)
		return r;
	builder.root = paths_join(builder.publish.scratch, "root");
	builder.work = paths_join(builder.publish.scratch, "work");
	builder.image = paths_join(builder.publish.scratch, "image");
	if (waited && is_built(store, agent, before, ret_manifest)) {
		builder_close(&builder);
		return 1;
	}
	r = check_space(store->own, need_mib, err);
	if (r == 0)
		r = make_dirs(&builder, err);
	if (r < 0) {
		builder_close(&builder);
		return r;
	}
	*ret_builder = builder;
	return 0;
}

void builder_close(struct builder *builder)
{
	/* What cannot be removed now is the next builder's to remove. */
	userns_remove_tree(builder->publish.root_fd, "tmp", NULL);
	cleanup_close_(&builder->log_fd);
	free(builder->root);
	free(builder->work);
	free(builder->image);
	publish_close(&builder->publish);
}

void builder_hint(const struct builder *builder, struct err *err)
{
	if (err && !err->hint)
		err_hint(err, "%s/build.log has all that was said", builder->publish.root);
}

int builder_write(struct builder *builder, const char *path, unsigned mode, const char *content,
	struct err *err)
{
	cleanup_free char *full = paths_join(builder->root, path);
	cleanup_close int fd = -1;
	char *slash = strrchr(full, '/');
	int r;

	*slash = '\0';
	r = paths_mkdirs(full, 0755);
	*slash = '/';
	if (r < 0)
		return err_errno(err, -r, "create the directory of %s", path);
	fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, errno, "create %s", path);
	r = io_write_full(fd, content, strlen(content));
	if (r == 0 && fchmod(fd, mode) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, -r, "write %s", path) : 0;
}

void builder_set_epoch(const char *seconds)
{
	uint64_t value;

	if (text_parse_u64(seconds, INT64_MAX, &value) == 0)
		setenv("SOURCE_DATE_EPOCH", seconds, 0);
}

static void complete_manifest(json_t *manifest, const char *digest)
{
	time_t now = time(NULL);
	char text[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(manifest, "digest", json_string(digest));
	json_object_set_new(manifest, "created", json_string(text));
}

static int write_manifest(struct builder *builder, const json_t *manifest, struct err *err)
{
	cleanup_close int fd = open(builder->image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *text = json_dumps(manifest, JSON_INDENT(1));
	int r = fd < 0 ? -errno : io_replace_file(fd, "manifest.json", text, strlen(text));

	return r < 0 ? err_errno(err, -r, "write the manifest") : 0;
}

static int pack(struct builder *builder, const char *name, const char *agent, json_t *manifest,
	struct err *err)
{
	cleanup_free char *file = paths_join(builder->image, name);
	char digest[STORE_DIGEST + 1];
	int r;

	report_step("image", "compress the file system", 0, 0);
	r = erofs_make(builder->root, file, builder->log_fd, err);
	if (r < 0)
		return r;
	report_step("digest", "store the image", 0, 0);
	r = erofs_digest(file, digest, err);
	if (r < 0)
		return r;
	complete_manifest(manifest, digest);
	r = write_manifest(builder, manifest, err);
	return r < 0 ? r : publish_commit(&builder->publish, "image", agent, digest, err);
}

int builder_finish(struct builder *builder, const char *name, const char *agent, json_t *manifest,
	json_t **ret_manifest, struct err *err)
{
	int r = pack(builder, name, agent, manifest, err);

	if (r < 0) {
		json_decref(manifest);
		return r;
	}
	*ret_manifest = manifest;
	return 0;
}
