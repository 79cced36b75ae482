/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log file that cannot grow without end: at LOGFILE_MAX bytes it becomes NAME.1 (one old file is
 * kept) and a new one begins. A full disk loses lines, nothing else.
 */
#ifndef KEEPER_LOGFILE_H
#define KEEPER_LOGFILE_H

#include <stddef.h>
#include <sys/types.h>

enum { LOGFILE_MAX = 1024 * 1024 };

struct logfile {
	int dir_fd;	  /* the caller's */
	const char *name; /* kept by reference */
	int fd;
	int fixed_fd; /* the number the descriptor has to keep across rotations, or -1 */
};

/* Opens for appending. `fixed_fd`: make it that descriptor (2: standard error), or -1. */
int logfile_open(struct logfile *file, int dir_fd, const char *name, int fixed_fd);
void logfile_close(struct logfile *file);

/* Begins a new file now, unless this one is empty. */
void logfile_rotate(struct logfile *file);

/* Rotates if the file is full: also for those who write to the descriptor themselves. */
void logfile_check(struct logfile *file);

void logfile_append(struct logfile *file, const void *bytes, size_t length);

#endif
