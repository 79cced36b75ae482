/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock: paths from the given directories only. Linux Documentation/userspace-api/landlock.rst.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "confine/internal.h"

/* Newer than Debian 12's headers; a kernel that lacks them says so by its ABI version. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

enum { ABI_REFER = 2, ABI_TRUNCATE = 3, ABI_IOCTL_DEV = 5 };

static const uint64_t access_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;

/* What may be granted on something that is no directory. */
static const uint64_t access_file = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |
				    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
				    LANDLOCK_ACCESS_FS_IOCTL_DEV;

/* Everything that this kernel can restrict. */
static uint64_t access_handled(long abi)
{
	uint64_t access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

	if (abi >= ABI_REFER)
		access |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= ABI_TRUNCATE)
		access |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= ABI_IOCTL_DEV)
		access |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	return access;
}

static int allow_paths(int ruleset, const int *fds, size_t count, uint64_t access, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		struct landlock_path_beneath_attr rule = { .parent_fd = fds[i] };
		struct stat st;

		if (fstat(fds[i], &st) < 0)
			return err_errno(err, errno, "landlock: stat");
		rule.allowed_access = S_ISDIR(st.st_mode) ? access : access & access_file;
		if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) <
			0)
			return err_errno(err, errno, "landlock_add_rule");
	}
	return 0;
}

int confine_landlock(const int *writable, size_t writable_count, const int *readonly,
	size_t readonly_count, struct err *err)
{
	struct landlock_ruleset_attr attr = { 0 };
	cleanup_close int ruleset = -1;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int r;

	if (abi < 0 && (errno == ENOSYS || errno == EOPNOTSUPP))
		return 0;
	if (abi < 0)
		return err_errno(err, errno, "landlock_create_ruleset");
	attr.handled_access_fs = access_handled(abi);
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return err_errno(err, errno, "landlock_create_ruleset");
	r = allow_paths(ruleset, writable, writable_count, attr.handled_access_fs, err);
	if (r == 0)
		r = allow_paths(ruleset, readonly, readonly_count, access_read, err);
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_errno(err, errno, "landlock_restrict_self");
	return 0;
}
