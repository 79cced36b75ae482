/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs code of npm packages on the host: without network, with the system's programs read-only, and
 * with nothing writable but the package's own directory and an empty /tmp.
 */
#ifndef IMAGE_SANDBOXED_H
#define IMAGE_SANDBOXED_H

#include "common/err.h"

struct sandboxed {
	const char *directory;	      /* on the host; writable */
	const char *target;	      /* where it is inside */
	const char *tmp;	      /* on the host; becomes /tmp */
	const char *const *command;   /* NULL-terminated, looked up in PATH inside */
	int log_fd;
	void (*on_line)(void *arg, const char *line);
	void *arg;
};

enum { SANDBOXED_TIMEOUT_S = 600 };

/*
 * Runs the command to its end, or to the time limit. For the time of the run, root gives the two
 * directories to the unused uid that the command runs under; afterwards everything in them belongs
 * to the caller again.
 */
int sandboxed_run(const struct sandboxed *run, struct err *err);

#endif
