/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of a confined program: which one it is outside, and as what it sees itself. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "confine/internal.h"

/*
 * A stretch of uids that systemd's list of uid ranges calls unused, clear of the ranges of
 * containers, DynamicUser and the negative half: 0x70000000 to 0x7ffdffff.
 */
enum { UNUSED_FIRST = 0x70000000, UNUSED_COUNT = 0x0ffe0000 };

static int write_map(pid_t pid, const char *file, const char *text, struct err *err)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", (int)pid, file);
	int r = io_write_file(path, text);

	return r < 0 ? err_errno(err, -r, "write %s of the new user namespace", file) : 0;
}

/* The kept group keeps its number inside, unless the program's own group has that number. */
static gid_t extra_inside(const struct confine_spec *spec)
{
	return spec->extra_gid == spec->inside_gid ? spec->extra_gid + 1 : spec->extra_gid;
}

static bool keeps_extra(const struct confine_spec *spec, bool by_root)
{
	return by_root && !spec->as_caller && spec->extra_gid;
}

/*
 * A normal user may map nobody but himself, and only once setgroups is denied: groups that take
 * rights away must not be droppable. Root maps the unused ids (or itself) and may keep one group.
 */
int ids_map(const struct confine_spec *spec, bool by_root, pid_t pid, struct err *err)
{
	bool other = by_root && !spec->as_caller;
	cleanup_free char *uids =
		xasprintf("%u %u 1\n", spec->inside_uid, other ? spec->root_uid : geteuid());
	cleanup_free char *gids =
		xasprintf("%u %u 1\n", spec->inside_gid, other ? spec->root_gid : getegid());
	cleanup_free char *both =
		xasprintf("%s%u %u 1\n", gids, extra_inside(spec), spec->extra_gid);
	int r = write_map(pid, "uid_map", uids, err);

	if (r == 0 && !by_root)
		r = write_map(pid, "setgroups", "deny\n", err);
	if (r == 0)
		r = write_map(pid, "gid_map", keeps_extra(spec, by_root) ? both : gids, err);
	return r;
}

/*
 * Raw system calls: glibc's wrappers signal every thread they know of, and after the clone that
 * list names threads of the parent.
 */
int ids_become(const struct confine_spec *spec, bool by_root)
{
	gid_t gid = spec->inside_gid;
	uid_t uid = spec->inside_uid;
	gid_t extra = extra_inside(spec);
	size_t count = keeps_extra(spec, by_root) ? 1 : 0;

	if (by_root && syscall(SYS_setgroups, count, &extra) < 0)
		return -errno;
	if (syscall(SYS_setresgid, gid, gid, gid) < 0 || syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

static bool id_is_used(uid_t id)
{
	struct passwd user, *found_user = NULL;
	struct group group, *found_group = NULL;
	char text[4096];

	getpwuid_r(id, &user, text, sizeof(text), &found_user);
	if (found_user)
		return true;
	getgrgid_r(id, &group, text, sizeof(text), &found_group);
	return found_group != NULL;
}

uid_t confine_unused_uid(const char *sandbox_id)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (const char *p = sandbox_id; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	for (;; hash++) {
		uid_t id = UNUSED_FIRST + hash % UNUSED_COUNT;

		if (!id_is_used(id))
			return id;
	}
}
