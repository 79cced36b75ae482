/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the programs that images are built with: their output goes to a log, line by line to a
 * progress callback, and its telling lines into the error when they fail.
 */
#ifndef IMAGE_TOOL_H
#define IMAGE_TOOL_H

#include <stdbool.h>
#include <sys/types.h>

#include "common/err.h"

struct tool {
	const char *const *argv; /* argv[0] is looked up in PATH; NULL-terminated */
	bool in_userns;		 /* as id 0 of a new user namespace (image/userns.h) */
	const char *cwd;	 /* NULL: as it is */
	const char *input;	 /* standard input; NULL: /dev/null */
	const char *output;	 /* file that gets standard output; NULL: to the log as well */
	int log_fd;		 /* gets a copy of the output; -1: none */
	void (*on_line)(void *arg, const char *line); /* may be NULL */
	void *arg;
};

/*
 * Runs it to its end. A failure's message is "NAME failed: LINE" with the line that says most:
 * ENOSPC is recognised in the output and becomes the error's code.
 */
int tool_run(const struct tool *tool, struct err *err);

/*
 * The second half for a process that somebody else started: reads `fd` to its end, waits, judges.
 * `name` is for the message.
 */
int tool_follow(const struct tool *tool, const char *name, int fd, pid_t pid, struct err *err);

#endif
