/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Resources that free themselves at the end of their scope (GCC cleanup attribute).
 *
 *	cleanup_close int fd = open(...);
 *	...
 *	*ret_fd = take_fd(&fd);		ownership leaves the scope
 */
#ifndef COMMON_CLEANUP_H
#define COMMON_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_close_(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_dir_(DIR **dir)
{
	if (*dir)
		closedir(*dir);
}

static inline void cleanup_file_(FILE **file)
{
	if (*file)
		fclose(*file);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_)))
#define cleanup_close __attribute__((cleanup(cleanup_close_)))
#define cleanup_dir __attribute__((cleanup(cleanup_dir_)))
#define cleanup_file __attribute__((cleanup(cleanup_file_)))

/* Moves a descriptor out of a cleanup scope. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Moves a heap pointer out of a cleanup scope. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		__typeof__(*(p)) *taken_ = (p);                                                    \
		(p) = NULL;                                                                        \
		taken_;                                                                            \
	})

#endif
