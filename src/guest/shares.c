/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts the host directories of the sandbox. */
#include "guest/shares.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "guest/users.h"

/*
 * mkdir -p. Directories made here stand for ones of the host user's, such as the home directory
 * that a workspace lies in: tools expect to be able to write beside the workspace.
 */
static int make_directories(const char *path, const struct user *owner)
{
	cleanup_free char *part = xstrdup(path);

	for (char *slash = part; slash;) {
		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (mkdir(part, 0755) == 0) {
			if (chown(part, owner->uid, owner->gid) < 0)
				return -errno;
		} else if (errno != EEXIST) {
			return -errno;
		}
		if (slash)
			*slash = '/';
	}
	return 0;
}

int shares_mount(const struct guest_config *config, struct err *err)
{
	struct user owner = { 0 };

	users_find("agent", &owner);
	for (size_t i = 0; i < config->share_count; i++) {
		const struct config_share *share = &config->shares[i];
		unsigned long flags = MS_NODEV | MS_NOSUID | (share->readonly ? MS_RDONLY : 0);
		int r = make_directories(share->path, &owner);

		if (r < 0)
			return err_errno(err, -r, "cannot make directory %s", share->path);
		if (mount(share->tag, share->path, "virtiofs", flags, NULL) < 0)
			return err_errno(err, errno, "cannot mount share %s at %s", share->tag,
				share->path);
	}
	return 0;
}

void shares_unmount(const struct guest_config *config)
{
	for (size_t i = config->share_count; i > 0; i--)
		if (umount2(config->shares[i - 1].path, 0) < 0)
			umount2(config->shares[i - 1].path, MNT_DETACH);
}
