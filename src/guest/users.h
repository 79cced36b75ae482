/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users and groups from /etc/passwd and /etc/group, without NSS: a static program cannot load its
 * modules. The files belong to the guest and may hold anything; lines that do not parse are
 * skipped. Both files are kept in memory until they change.
 */
#ifndef GUEST_USERS_H
#define GUEST_USERS_H

#include <stddef.h>
#include <sys/types.h>

enum { USERS_MAX_GROUPS = 64, USERS_MAX_FILE = 1 << 20 };

struct user {
	char name[64];
	char home[256];
	char shell[256];
	uid_t uid;
	gid_t gid;
	gid_t groups[USERS_MAX_GROUPS]; /* supplementary ones, gid included */
	size_t group_count;
};

/*
 * Finds "name" or "uid[:gid]". A number without an entry is a user named by its number, at home
 * in "/". Returns 0, or -ENOENT for an unknown name, -EINVAL for something that is neither.
 */
int users_find(const char *spec, struct user *ret);

/* The group's id, or `fallback`. */
gid_t users_group(const char *name, gid_t fallback);

/* As users_find() on the texts of the two files, for tests. */
int users_find_in(const char *passwd, const char *group, const char *spec, struct user *ret);

#endif
