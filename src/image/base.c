/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the base image.
 *
 * Theory of operation. mmdebstrap runs as id 0 of our own user namespace, where its unshare mode
 * needs no further one: it works in place below the store's tmp/, reachable by nobody else, and
 * what it makes as root belongs to the caller. Its last hook (image/recipe.c) unpacks the kernel
 * while apt still has its lists. The rest (kernel, modules, files, packing) works on the finished
 * tree.
 */
#include "image/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "image/builder.h"
#include "image/erofs.h"
#include "image/kernel.h"
#include "image/mirror.h"
#include "image/modules.h"
#include "image/recipe.h"
#include "image/report.h"
#include "image/tool.h"

enum {
	NEED_MIB = 3072,
	MAX_ARGUMENTS = 128,
	MAX_TEXT = 64 << 10,
	MAX_STATUS = 16 << 20,
};

/* Where mmdebstrap is, by what dpkg says. */
struct progress {
	unsigned packages;
	unsigned done;
};

/* "0 upgraded, 59 newly installed, …": the number that ends at `end`. */
static unsigned number_before(const char *line, const char *end)
{
	const char *start = end;

	while (start > line && start[-1] >= '0' && start[-1] <= '9')
		start--;
	return (unsigned)strtoul(start, NULL, 10);
}

static void on_line(void *arg, const char *line)
{
	struct progress *progress = arg;
	const char *installed = strstr(line, " newly installed");
	cleanup_free char *text = NULL;

	if (installed) {
		*progress = (struct progress){ .packages = number_before(line, installed) };
	} else if (text_has_prefix(line, "Unpacking ") || text_has_prefix(line, "Setting up ")) {
		progress->done++;
	} else if (text_has_prefix(line, "Get:") && progress->packages == 0) {
		report_step("fetch", "fetch the package lists", 0, 0);
		return;
	} else {
		return;
	}
	if (progress->done > 2 * progress->packages)
		progress->done = 2 * progress->packages;
	text = xasprintf("install %u packages", progress->packages);
	report_step("packages", text, progress->done, 2 * progress->packages);
}

/* The arguments of mmdebstrap; those made here are freed together. */
struct arguments {
	const char *argv[MAX_ARGUMENTS];
	size_t count;
	char *owned[MAX_ARGUMENTS];
	size_t owned_count;
};

static void arguments_finish(struct arguments *arguments)
{
	for (size_t i = 0; i < arguments->owned_count; i++)
		free(arguments->owned[i]);
}

static void add_argument(struct arguments *arguments, char *owned)
{
	if (arguments->count + 1 >= MAX_ARGUMENTS) {
		free(owned);
		return;
	}
	arguments->owned[arguments->owned_count++] = owned;
	arguments->argv[arguments->count++] = owned;
}

static char *join_packages(void)
{
	cleanup_buf struct buf buf = { 0 };

	buf_init(&buf, MAX_TEXT);
	buf_append_string(&buf, "--include=");
	for (const char *const *p = recipe_packages; *p; p++)
		buf_appendf(&buf, "%s%s", p == recipe_packages ? "" : ",", *p);
	return xstrndup((char *)buf_head(&buf), buf_length(&buf));
}

static void collect_arguments(struct arguments *arguments, const struct builder *builder,
	const struct mirror *mirror)
{
	static const char *const fixed[] = { "mmdebstrap", "--verbose", "--mode=unshare",
		"--format=directory", "--variant=minbase", "--aptopt=APT::Sandbox::User \"root\"",
		"--dpkgopt=force-unsafe-io", NULL };
	cleanup_free char *sources = mirror_build_sources(mirror, RECIPE_SUITE);
	char *rest = sources;
	char *line;

	for (const char *const *f = fixed; *f; f++)
		arguments->argv[arguments->count++] = *f;
	for (size_t i = 0; i < mirror->option_count; i++)
		add_argument(arguments, xasprintf("--aptopt=%s", mirror->options[i]));
	for (const char *const *o = recipe_dpkg_options; *o; o++)
		add_argument(arguments, xasprintf("--dpkgopt=%s", *o));
	add_argument(arguments, join_packages());
	add_argument(arguments, xasprintf("--customize-hook=%s/hook", builder->publish.scratch));
	add_argument(arguments, xstrdup(RECIPE_SUITE));
	add_argument(arguments, xstrdup(builder->root));
	while ((line = strsep(&rest, "\n")))
		if (*line)
			add_argument(arguments, xstrdup(line));
}

static int write_hook(const struct builder *builder, struct err *err)
{
	cleanup_free char *path = paths_join(builder->publish.scratch, "hook");
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	int r = fd < 0 ? -errno : io_write_full(fd, recipe_hook, strlen(recipe_hook));

	return r < 0 ? err_errno(err, -r, "write %s", path) : 0;
}

static int install_packages(struct builder *builder, const struct mirror *mirror, struct err *err)
{
	__attribute__((cleanup(arguments_finish))) struct arguments arguments = { 0 };
	struct progress progress = { 0 };
	struct tool tool = { .argv = arguments.argv,
			     .in_userns = true,
			     .log_fd = builder->log_fd,
			     .on_line = on_line,
			     .arg = &progress };
	int r = write_hook(builder, err);

	if (r < 0)
		return r;
	collect_arguments(&arguments, builder, mirror);
	/* The directory is made by mmdebstrap; its own temporary files go beside it. */
	rmdir(builder->root);
	setenv("TMPDIR", builder->work, 1);
	report_step("fetch", "fetch the package lists", 0, 0);
	return tool_run(&tool, err);
}

/* A one-line file that the hook left in the work directory. */
static int read_word(const struct builder *builder, const char *name, char **ret_word,
	struct err *err)
{
	cleanup_free char *path = paths_join(builder->work, name);
	size_t length;
	int r = io_read_file(AT_FDCWD, path, 4096, ret_word, &length);

	if (r < 0)
		return err_errno(err, -r, "the build left no %s", name);
	(*ret_word)[strcspn(*ret_word, "\n")] = '\0';
	return 0;
}

static int make_boot_files(struct builder *builder, const char *release, char **ret_build_id,
	struct err *err)
{
	cleanup_free char *bzimage = paths_join(builder->work, "vmlinuz");
	cleanup_free char *scratch = paths_join(builder->work, "scratch");
	cleanup_free char *vmlinux = paths_join(builder->image, "vmlinux");
	cleanup_free char *cpio = paths_join(builder->image, "modules.cpio");
	cleanup_free char *modules = xasprintf("%s/usr/lib/modules/%s", builder->root, release);
	int r;

	report_step("kernel", "unpack the kernel", 0, 0);
	r = kernel_extract(bzimage, vmlinux, scratch, builder->log_fd, ret_build_id, err);
	if (r < 0)
		return r;
	return modules_write_cpio(modules, recipe_modules, cpio, scratch, builder->log_fd, err);
}

/*
 * /etc/sbx-release names the boot files by their digest. So the image's own digest covers them,
 * although they lie beside it.
 */
static int write_release(struct builder *builder, const char *release, struct err *err)
{
	static const char *const files[] = { "vmlinux", "modules.cpio" };
	char digests[2][65];
	cleanup_free char *text = NULL;

	for (int i = 0; i < 2; i++) {
		cleanup_free char *path = paths_join(builder->image, files[i]);
		int r = erofs_sha256(path, digests[i], err);

		if (r < 0)
			return r;
	}
	text = xasprintf("SBX_VERSION=%s\nSUITE=%s\nKERNEL=%s\nVMLINUX_SHA256=%s\n"
		"MODULES_SHA256=%s\n", SBX_VERSION, RECIPE_SUITE, release, digests[0], digests[1]);
	return builder_write(builder, "etc/sbx-release", 0644, text, err);
}

static int write_files(struct builder *builder, const struct mirror *mirror, struct err *err)
{
	cleanup_free char *sources = mirror_image_sources(mirror, RECIPE_SUITE);
	cleanup_buf struct buf dpkg = { 0 };
	int r = 0;

	for (const char *const *path = recipe_remove; r == 0 && *path; path++) {
		cleanup_free char *full = paths_join(builder->root, *path);

		r = io_remove_tree(AT_FDCWD, full);
		if (r < 0)
			return err_errno(err, -r, "remove %s", *path);
	}
	for (const struct recipe_file *f = recipe_files; r == 0 && f->path; f++)
		r = builder_write(builder, f->path, f->mode, f->content, err);
	buf_init(&dpkg, MAX_TEXT);
	for (const char *const *o = recipe_dpkg_options; *o; o++)
		buf_appendf(&dpkg, "%s\n", *o);
	buf_append(&dpkg, "", 1);
	if (r == 0)
		r = builder_write(builder, "etc/dpkg/dpkg.cfg.d/sbx", 0644,
			(char *)buf_head(&dpkg), err);
	if (r == 0)
		r = builder_write(builder, "etc/apt/sources.list.d/debian.sources", 0644, sources,
			err);
	return r;
}

/* The value of "KEY: value" if the line has that key; its length in *ret_length. */
static const char *field(const char *line, size_t length, const char *key, size_t *ret_length)
{
	size_t n = strlen(key);

	if (length < n || memcmp(line, key, n) != 0)
		return NULL;
	*ret_length = length - n;
	return line + n;
}

json_t *base_parse_packages(const char *status)
{
	json_t *packages = json_array();
	const char *name = NULL;
	size_t name_length = 0;

	while (*status) {
		size_t length = strcspn(status, "\n");
		const char *value;
		size_t n;

		if (length == 0)
			name = NULL;
		if ((value = field(status, length, "Package: ", &n))) {
			name = value;
			name_length = n;
		} else if (name && (value = field(status, length, "Version: ", &n))) {
			cleanup_free char *text = xasprintf("%.*s=%.*s", (int)name_length, name,
				(int)n, value);

			json_array_append_new(packages, json_string(text));
		}
		status += length + (status[length] == '\n');
	}
	return packages;
}

static int make_manifest(const struct builder *builder, const char *release, const char *build_id,
	json_t **ret_manifest, struct err *err)
{
	cleanup_free char *path = paths_join(builder->root, "var/lib/dpkg/status");
	cleanup_free char *status = NULL;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, MAX_STATUS, &status, &length);

	if (r < 0)
		return err_errno(err, -r, "read the list of packages");
	*ret_manifest = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "kind", "base", "suite",
		RECIPE_SUITE, "sbx_version", SBX_VERSION, "kernel", release, "build_id", build_id,
		"packages", base_parse_packages(status));
	return 0;
}

static int build(struct builder *builder, const struct mirror *mirror, json_t **ret_manifest,
	struct err *err)
{
	cleanup_free char *release = NULL;
	cleanup_free char *epoch = NULL;
	cleanup_free char *build_id = NULL;
	json_t *manifest = NULL;
	int r = install_packages(builder, mirror, err);

	if (r == 0)
		r = read_word(builder, "release", &release, err);
	if (r == 0)
		r = read_word(builder, "epoch", &epoch, err);
	if (r == 0)
		r = make_boot_files(builder, release, &build_id, err);
	if (r == 0)
		r = write_files(builder, mirror, err);
	if (r == 0)
		r = write_release(builder, release, err);
	if (r == 0)
		r = make_manifest(builder, release, build_id, &manifest, err);
	if (r < 0)
		return r;
	builder_set_epoch(epoch);
	return builder_finish(builder, "base.erofs", NULL, manifest, ret_manifest, err);
}

int base_build(const struct store *store, json_t **ret_manifest, struct err *err)
{
	struct builder builder;
	struct mirror mirror;
	int r = mirror_find(&mirror, err);

	if (r < 0)
		return r;
	r = builder_open(store, NULL, NEED_MIB, &builder, ret_manifest, err);
	if (r == 0) {
		r = build(&builder, &mirror, ret_manifest, err);
		if (r < 0)
			builder_hint(&builder, err);
		builder_close(&builder);
	}
	mirror_finish(&mirror);
	return r < 0 ? r : 0;
}
