/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes what a hostile writer sends through a pipe (the guest's console; the messages of the
 * processes that serve the guest) to a bounded log file.
 *
 * At most CONSOLE_PER_SECOND bytes a second are taken. Then the pipe is left alone until the second
 * is over: the writer fills the pipe and waits, and neither memory nor disk nor CPU of the host
 * goes to it.
 */
#ifndef KEEPER_CONSOLE_H
#define KEEPER_CONSOLE_H

#include <stddef.h>
#include <stdint.h>

#include "keeper/logfile.h"
#include "keeper/loop.h"

enum { CONSOLE_PER_SECOND = 256 * 1024 };

struct console {
	struct watch watch; /* the pipe's reading end */
	struct timer pause;
	struct loop *loop;
	struct logfile *file;
	uint64_t window_ns; /* when the current second began */
	size_t taken;	    /* in the current second */
};

int console_init(struct console *console, struct loop *loop, struct logfile *file);

/* Makes a new pipe and begins to read it; *ret_fd is the writing end, the caller's to close. */
int console_open(struct console *console, int *ret_fd);

/* The writers are gone: takes what is left in the pipe (at most one pipe full) and closes it. */
void console_close(struct console *console);

#endif
