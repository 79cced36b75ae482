/* SPDX-License-Identifier: Apache-2.0 */
/* What `sbx diagnose` looks at. */
#include "cli/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/images.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "confine/check.h"
#include "vm/vm.h"

enum { LEAST_QEMU_MAJOR = 7 };

/* A base image with its build and the disks of a few sandboxes; below it something will not fit. */
static const uint64_t LEAST_SPACE = 4ULL << 30;

static void judge(struct check *check, enum check_status status, char *text, const char *hint)
{
	check->status = status;
	check->text = text;
	check->hint = hint ? xstrdup(hint) : NULL;
}

/* A library's verdict: its error is what is wrong, its hint the line that mends it. */
static void judge_error(struct check *check, int r, const struct err *err,
	enum check_status status, const char *good)
{
	if (r == 0)
		judge(check, CHECK_OK, xstrdup(good), NULL);
	else
		judge(check, status, xstrdup(err->message ? err->message : strerror(-r)),
			err->hint);
}

static void check_kvm(struct check *check)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *reason = NULL;
	cleanup_free char *unused = NULL;
	enum vm_accel accel;

	if (vm_accel_choose(VM_ACCEL_AUTO, &accel, &reason, NULL) == 0 && accel == VM_ACCEL_KVM) {
		judge(check, CHECK_OK, xstrdup("KVM can be used"), NULL);
		return;
	}
	/* Asked for by name, the refusal carries the way to mend it. */
	vm_accel_choose(VM_ACCEL_KVM, &accel, &unused, &err);
	judge(check, CHECK_NOTE,
		xasprintf("%s; sandboxes run emulated (TCG), several times slower",
			reason ? reason : "KVM cannot be used"),
		err.hint && strstr(err.hint, "SBX_ACCEL") ? NULL : err.hint);
}

static void check_namespaces(struct check *check)
{
	cleanup_err struct err err = ERR_INIT;
	int r = confine_check(&err);

	judge_error(check, r, &err, CHECK_FAILED, "user namespaces work");
}

/* The first line of `PROGRAM --version`, or NULL. */
static char *program_version(const char *path)
{
	cleanup_free char *command = xasprintf("exec '%s' --version 2>/dev/null", path);
	char line[256];
	FILE *pipe = popen(command, "re");
	bool read = pipe && fgets(line, sizeof(line), pipe);

	if (pipe)
		pclose(pipe);
	if (!read)
		return NULL;
	line[strcspn(line, "\n")] = '\0';
	return xstrdup(line);
}

static void check_qemu(struct check *check)
{
	cleanup_free char *path = paths_find_program("qemu-system-x86_64");
	cleanup_free char *version = path ? program_version(path) : NULL;
	const char *number = version ? strpbrk(version, "0123456789") : NULL;
	static const char hint[] = "sudo apt-get install qemu-system-x86";

	if (!path)
		judge(check, CHECK_FAILED, xstrdup("qemu-system-x86_64 is not installed"), hint);
	else if (!number)
		judge(check, CHECK_FAILED, xasprintf("%s does not run", path), hint);
	else if (strtol(number, NULL, 10) < LEAST_QEMU_MAJOR)
		judge(check, CHECK_FAILED, xasprintf("%s is too old, 7.2 is needed", version),
			hint);
	else
		judge(check, CHECK_OK, take_ptr(version), NULL);
}

static void check_virtiofsd(struct check *check)
{
	static const char *const places[] = { "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd",
					      "/usr/lib/qemu/virtiofsd" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (access(places[i], X_OK) < 0)
			continue;
		judge(check, CHECK_OK, xstrdup(places[i]), NULL);
		return;
	}
	judge(check, CHECK_FAILED, xstrdup("virtiofsd, which serves the workspace, is missing"),
		"sudo apt-get install virtiofsd (Debian 12: qemu-system-common has it)");
}

static void check_mke2fs(struct check *check)
{
	cleanup_free char *path = paths_find_program("mke2fs");

	if (path)
		judge(check, CHECK_OK, take_ptr(path), NULL);
	else
		judge(check, CHECK_FAILED, xstrdup("mke2fs, which makes disks, is not installed"),
			"sudo apt-get install e2fsprogs");
}

static bool has_base_image(void)
{
	cleanup_json json_t *images = NULL;
	cleanup_err struct err err = ERR_INIT;

	return images_list(&images, &err) == 0 && images_has(images, NULL);
}

/* What only image builds need is a failure only while there is no image. */
static enum check_status build_severity(void)
{
	return has_base_image() ? CHECK_NOTE : CHECK_FAILED;
}

static void check_subids(struct check *check)
{
	cleanup_err struct err err = ERR_INIT;
	int r = confine_check_subids(&err);

	judge_error(check, r, &err, r ? build_severity() : CHECK_OK,
		"newuidmap and a range of subordinate ids are there");
}

static void check_build_tools(struct check *check)
{
	static const struct {
		const char *program, *package;
	} tools[] = { { "mmdebstrap", "mmdebstrap" }, { "mkfs.erofs", "erofs-utils" },
		      { "npm", "npm" },		      { "xz", "xz-utils" },
		      { "zstd", "zstd" } };
	cleanup_free char *missing = xstrdup("");
	cleanup_free char *hint = NULL;

	for (size_t i = 0; i < sizeof(tools) / sizeof(*tools); i++) {
		cleanup_free char *path = paths_find_program(tools[i].program);
		cleanup_free char *before = missing;

		missing = xasprintf("%s%s%s", before, path ? "" : " ",
			path ? "" : tools[i].package);
	}
	if (!*missing) {
		judge(check, CHECK_OK, xstrdup("mmdebstrap, erofs-utils, npm and packers"), NULL);
		return;
	}
	hint = xasprintf("sudo apt-get install%s", missing);
	judge(check, build_severity(), xasprintf("image builds need:%s", missing), hint);
}

/* A directory of sbx: it can be made and written, and its file system has room. */
static void check_directory(struct check *check, enum paths_dir which)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *path = NULL;
	cleanup_free char *room = NULL;
	struct statvfs fs;
	uint64_t bytes;
	int r = paths_make_dir(which, &path, &err);

	if (r < 0) {
		judge_error(check, r, &err, CHECK_FAILED, "");
		return;
	}
	if (access(path, W_OK) < 0 || statvfs(path, &fs) < 0) {
		cleanup_free char *hint = xasprintf("sudo chown -R \"$USER\" '%s'", path);

		judge(check, CHECK_FAILED, xasprintf("%s: %s", path, strerror(errno)), hint);
		return;
	}
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	room = text_format_size(bytes);
	judge(check, bytes < LEAST_SPACE ? CHECK_NOTE : CHECK_OK,
		xasprintf("%s: %s free", path, room),
		bytes < LEAST_SPACE ? "an image build takes about 4 GiB: remove sandboxes (sbx "
				      "prune) or images (sbx image rm)"
				    : NULL);
}

static void check_state(struct check *check)
{
	check_directory(check, PATHS_STATE);
}

static void check_cache(struct check *check)
{
	check_directory(check, PATHS_CACHE);
}

static void check_daemon(struct check *check)
{
	struct api_request request = { .method = "GET", .path = "/v1/version" };
	cleanup_json json_t *version = NULL;
	cleanup_err struct err err = ERR_INIT;
	const char *number;
	int r = api_call(&request, &version, &err);

	if (r < 0) {
		judge_error(check, r, &err, CHECK_FAILED, "");
		return;
	}
	number = api_text(version, "version");
	if (strcmp(number, SBX_VERSION) == 0)
		judge(check, CHECK_OK, xasprintf("version %s answers", number), NULL);
	else
		judge(check, CHECK_NOTE,
			xasprintf("version %s runs, this is %s", number, SBX_VERSION),
			"sbx daemon stop (the next command starts the new one; sandboxes run on)");
}

static void check_image(struct check *check)
{
	if (has_base_image())
		judge(check, CHECK_OK, xstrdup("there is a base image"), NULL);
	else
		judge(check, CHECK_NOTE, xstrdup("no base image yet; the first run builds it"),
			"sbx image build");
}

void checks_run(struct check **ret_checks, size_t *ret_count)
{
	static const struct {
		const char *name;
		void (*run)(struct check *check);
	} table[] = {
		{ "kvm", check_kvm },	      { "namespaces", check_namespaces },
		{ "qemu", check_qemu },	      { "virtiofsd", check_virtiofsd },
		{ "e2fsprogs", check_mke2fs }, { "state", check_state },
		{ "cache", check_cache },     { "daemon", check_daemon },
		{ "image", check_image },     { "subids", check_subids },
		{ "build tools", check_build_tools },
	};
	size_t count = sizeof(table) / sizeof(*table);
	struct check *checks = xcalloc(count, sizeof(*checks));

	for (size_t i = 0; i < count; i++) {
		checks[i].name = table[i].name;
		table[i].run(&checks[i]);
	}
	*ret_checks = checks;
	*ret_count = count;
}

void checks_finish(struct check *checks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(checks[i].text);
		free(checks[i].hint);
	}
	free(checks);
}
