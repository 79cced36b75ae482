/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts one of the daemon's helper programs: mke2fs, sbx-image, sbx-keeper.
 *
 * The daemon has many threads, so nothing but posix_spawn(3) is done between fork and exec. The
 * child gets a session of its own, default signal handling, stdin from /dev/null, and no
 * descriptor but the three standard ones.
 */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include <sys/types.h>

#include "common/err.h"

/*
 * Starts argv[0], looked for in PATH and the sbin directories (which a user's PATH lacks) unless
 * it has a slash. stdout and stderr go to the given descriptors; -1 means the daemon's own stderr,
 * which is its log. *ret_pidfd is readable once the child has ended; the caller then reaps it.
 */
int program_spawn(char *const argv[], int stdout_fd, int stderr_fd, pid_t *ret_pid, int *ret_pidfd,
	struct err *err);

/* Reaps a child; returns its exit status, or 128 + N if signal N ended it. */
int program_reap(pid_t pid);

#endif
