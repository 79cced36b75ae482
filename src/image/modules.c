/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel modules of the initramfs. */
#include "image/modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/cpio.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/tool.h"

enum { MAX_INDEX = 8 << 20, MAX_MODULE = 64 << 20 };

void modules_finish(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		free(modules->paths[i]);
	*modules = (struct modules){ 0 };
}

static void cleanup_modules(struct modules *modules)
{
	modules_finish(modules);
}

/* The file name of a path without its endings; length of what counts. */
static size_t base_name(const char *path, size_t length, const char **ret_name)
{
	const char *slash = memrchr(path, '/', length);
	const char *name = slash ? slash + 1 : path;
	const char *dot;

	length -= (size_t)(name - path);
	dot = memchr(name, '.', length);
	*ret_name = name;
	return dot ? (size_t)(dot - name) : length;
}

/* Module names treat '-' and '_' alike. */
static bool is_named(const char *path, size_t length, const char *wanted)
{
	const char *name;
	size_t n = base_name(path, length, &name);

	if (strlen(wanted) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((name[i] == '-' ? '_' : name[i]) != (wanted[i] == '-' ? '_' : wanted[i]))
			return false;
	return true;
}

/*
 * The line about a module: "PATH: DEPENDENCIES" of modules.dep, or just the path in
 * modules.builtin. NULL if there is none.
 */
static const char *find_line(const char *text, const char *wanted)
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		size_t path = strcspn(text, ":\n");

		if (is_named(text, path, wanted))
			return text;
		text += length + (text[length] == '\n');
	}
	return NULL;
}

static int add(struct modules *modules, const char *path, size_t length)
{
	for (size_t i = 0; i < modules->count; i++)
		if (strlen(modules->paths[i]) == length &&
			memcmp(modules->paths[i], path, length) == 0)
			return 0;
	if (modules->count == MODULES_MAX)
		return -E2BIG;
	modules->paths[modules->count++] = xstrndup(path, length);
	return 0;
}

/*
 * modules.dep lists all dependencies, the deepest last: taken from the right, each comes after what
 * it needs itself.
 */
static int add_with_dependencies(struct modules *modules, const char *line)
{
	size_t path = strcspn(line, ":");
	const char *first = line + path + 1;
	const char *end = line + strcspn(line, "\n");

	while (end > first) {
		const char *space = memrchr(first, ' ', (size_t)(end - first));
		const char *name = space ? space + 1 : first;
		int r = end > name ? add(modules, name, (size_t)(end - name)) : 0;

		if (r < 0)
			return r;
		end = space ? space : first;
	}
	return add(modules, line, path);
}

int modules_resolve(const char *dep, const char *builtin, const char *const *wanted,
	struct modules *ret_modules, struct err *err)
{
	__attribute__((cleanup(cleanup_modules))) struct modules modules = { 0 };

	for (; *wanted; wanted++) {
		const char *line = find_line(dep, *wanted);
		int r;

		if (!line && find_line(builtin, *wanted))
			continue;
		if (!line)
			return err_set(err, ENOENT, "the kernel has no module %s", *wanted);
		r = add_with_dependencies(&modules, line);
		if (r < 0)
			return err_errno(err, -r, "modules of the initramfs");
	}
	*ret_modules = modules;
	modules.count = 0;
	return 0;
}

static bool has_ending(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n > m && strcmp(path + n - m, ending) == 0;
}

static int read_module(const char *path, const char *scratch, int log_fd, char **ret_bytes,
	size_t *ret_length, struct err *err)
{
	const char *const unxz[] = { "xz", "-dc", NULL };
	const char *const unzstd[] = { "zstd", "-dc", NULL };
	struct tool tool = { .input = path, .output = scratch, .log_fd = log_fd };
	int r = 0;

	if (has_ending(path, ".xz"))
		tool.argv = unxz;
	else if (has_ending(path, ".zst"))
		tool.argv = unzstd;
	else
		scratch = path;
	if (tool.argv)
		r = tool_run(&tool, err);
	if (r < 0)
		return r;
	r = io_read_file(AT_FDCWD, scratch, MAX_MODULE, ret_bytes, ret_length);
	return r < 0 ? err_errno(err, -r, "read module %s", path) : 0;
}

static int write_cpio(int fd, const char *directory, const struct modules *modules,
	const char *scratch, int log_fd, struct err *err)
{
	int r = cpio_add_dir(fd, "lib", 0755);

	if (r == 0)
		r = cpio_add_dir(fd, "lib/modules", 0755);
	if (r == 0)
		r = cpio_add_dir(fd, "lib/modules/early", 0755);
	for (size_t i = 0; r == 0 && i < modules->count; i++) {
		cleanup_free char *path = paths_join(directory, modules->paths[i]);
		cleanup_free char *bytes = NULL;
		cleanup_free char *target = NULL;
		const char *name;
		size_t length, n;

		r = read_module(path, scratch, log_fd, &bytes, &length, err);
		if (r < 0)
			return r;
		n = base_name(path, strlen(path), &name);
		target = xasprintf("lib/modules/early/%02zu-%.*s.ko", i, (int)n, name);
		r = cpio_add_file(fd, target, 0644, bytes, length);
	}
	if (r == 0)
		r = cpio_finish(fd);
	return r < 0 ? err_errno(err, -r, "write the initramfs modules") : 0;
}

int modules_write_cpio(const char *directory, const char *const *wanted, const char *cpio,
	const char *scratch, int log_fd, struct err *err)
{
	__attribute__((cleanup(cleanup_modules))) struct modules modules = { 0 };
	cleanup_free char *dep_path = paths_join(directory, "modules.dep");
	cleanup_free char *builtin_path = paths_join(directory, "modules.builtin");
	cleanup_free char *dep = NULL;
	cleanup_free char *builtin = NULL;
	cleanup_close int fd = -1;
	size_t length;
	int r = io_read_file(AT_FDCWD, dep_path, MAX_INDEX, &dep, &length);

	if (r == 0)
		r = io_read_file(AT_FDCWD, builtin_path, MAX_INDEX, &builtin, &length);
	if (r < 0 || !dep || !builtin)
		return err_errno(err, -r, "read the module lists in %s", directory);
	r = modules_resolve(dep, builtin, wanted, &modules, err);
	if (r < 0)
		return r;
	fd = open(cpio, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_errno(err, errno, "create %s", cpio);
	return write_cpio(fd, directory, &modules, scratch, log_fd, err);
}
