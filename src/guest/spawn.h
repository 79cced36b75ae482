/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a program from PID 1 with as few system calls as can be.
 *
 * The child shares the parent's memory until it executes (clone with CLONE_VM | CLONE_VFORK), so
 * nothing is copied and a failure is reported through memory. This is safe because sbx-init is
 * single-threaded, blocks all signals and installs no handler. All descriptors of sbx-init are
 * close-on-exec; the child gets the three named here and nothing else.
 */
#ifndef GUEST_SPAWN_H
#define GUEST_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "guest/users.h"

#define SPAWN_SYSTEM_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the child was at when it failed. */
enum spawn_step { SPAWN_FORK, SPAWN_TERMINAL, SPAWN_USER, SPAWN_DIRECTORY, SPAWN_EXECUTE };

struct spawn {
	char *const *argv;
	char *const *envp;	 /* its PATH is searched for argv[0] without a slash */
	const char *directory;	 /* NULL: "/" */
	const struct user *user; /* NULL: stay root */
	int fds[3];
	bool terminal; /* fds[0] becomes the controlling terminal */

	/* For the Docker Engine: a descriptor to hand over as fd 3 (else -1), and the text in
	 * envp that the child's pid is written into (LISTEN_PID=, with room for 10 digits). */
	int listen_fd;
	char *listen_pid;
	const char *oom_score_adj; /* NULL: as it is */
};

/*
 * Starts the program as leader of a session of its own, with no signal blocked or ignored.
 * Returns 0 and the pid, or -errno and the step that failed; no process is left then.
 */
int spawn_start(const struct spawn *spawn, pid_t *ret_pid, enum spawn_step *ret_step);

#endif
