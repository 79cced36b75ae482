/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace with a full range of ids, in which an image's files get their owners and
 * Debian's maintainer scripts run.
 *
 * Inside, id 0 is the caller and 1…65535 are subordinate ids of the caller's (subuid(5)), mapped by
 * newuidmap(1); root maps without it. So what "root" inside writes belongs to the caller, and
 * nothing inside has a right that the caller lacks. Mount, pid and ipc namespaces are new too: who
 * dies takes everything below along.
 */
#ifndef IMAGE_USERNS_H
#define IMAGE_USERNS_H

#include <sys/types.h>

#include "common/err.h"

/*
 * Runs `function` as id 0 of a new namespace, in a process that dies with the caller. Its return
 * value (0…255) is the exit status; it may exec. *ret_pid is the caller's to wait for.
 */
int userns_spawn(int (*function)(void *arg), void *arg, pid_t *ret_pid, struct err *err);

/* Removes DIRFD/NAME and all below it, whoever of the range owns it. */
int userns_remove_tree(int dirfd, const char *name, struct err *err);

/* Whether userns_spawn() can work here; the hint says what to install or to run. */
int userns_check(struct err *err);

/*
 * Finds the first range of at least 65,535 ids that `text`, in the form of subuid(5), gives to the
 * user of that name or number. Returns 0, or -ENOENT.
 */
int userns_parse_range(const char *text, const char *user, uid_t uid, unsigned *ret_start);

#endif
