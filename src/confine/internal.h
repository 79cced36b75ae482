/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of src/confine share. The theory of operation is in spawn.c. */
#ifndef CONFINE_INTERNAL_H
#define CONFINE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"
#include "confine/confine.h"
#include "confine/filter.h"

/* The steps of the child, in order; the second column is what a person reads when one fails. */
#define CONFINE_STEPS(X)                                                                           \
	X(START, "start")                                                                          \
	X(GO, "wait for the parent")                                                               \
	X(SIGNALS, "reset signals")                                                                \
	X(SESSION, "start a session")                                                              \
	X(HOSTNAME, "set the host name")                                                           \
	X(SOURCE, "open")                                                                          \
	X(SECUREBITS, "set the secure bits")                                                       \
	X(IDS, "change user and group")                                                            \
	X(ROOT, "mount the root directory")                                                        \
	X(BIND, "bind")                                                                            \
	X(FILE, "write")                                                                           \
	X(PROC, "mount /proc")                                                                     \
	X(PIVOT, "change the root directory")                                                      \
	X(FDS, "place the descriptors")                                                            \
	X(LIMITS, "set the resource limits")                                                       \
	X(CAPS, "drop the capabilities")                                                           \
	X(PARENT, "tie its life to the parent's")                                                  \
	X(NO_NEW_PRIVS, "set no_new_privs")                                                        \
	X(FILTER, "install the system call filter")                                                \
	X(BEFORE_EXEC, "prepare the program")                                                      \
	X(EXEC, "execute")

enum confine_step {
#define CONFINE_ENUM(id, text) CONFINE_STEP_##id,
	CONFINE_STEPS(CONFINE_ENUM)
#undef CONFINE_ENUM
};

/* What the child writes when a step failed; it never writes anything else. */
struct confine_report {
	int step;
	int index; /* of the bind or file, for those steps */
	int code;  /* positive errno value */
};

/*
 * All that the child needs, made ready before the clone: the parent may have threads, so the child
 * may neither allocate nor take a lock.
 */
struct confine_child {
	const struct confine_spec *spec;
	struct filter filter;
	int go_fd; /* a byte arrives once the ids are mapped */
	int report_fd;
	int parent_fd; /* pidfd of the parent */
	bool by_root;
	int *trees;	    /* one detached mount per bind, opened by the child; -1: left out */
	char root_size[32]; /* of the tmpfs, as its size= option */
};

enum { CONFINE_MAX_FDS = 32 };

/* child.c: the child from the clone to the program. */
void child_run(struct confine_child *child) __attribute__((noreturn));

/* ids.c: the maps, written by the parent; the switch, made by the child. */
int ids_map(const struct confine_spec *spec, bool by_root, pid_t pid, struct err *err);
int ids_become(const struct confine_spec *spec, bool by_root);

/* mounts.c, all in the child. *ret_index names the bind or file that failed. */
int mounts_open(struct confine_child *child, int *ret_index);
int mounts_root(const struct confine_child *child, int *ret_root);
int mounts_attach(const struct confine_child *child, int root, int *ret_index);
int mounts_files(const struct confine_child *child, int root, int *ret_index);
int mounts_proc(int root);
int mounts_own_fds(int root);
int mounts_pivot(int root);

/* caps.c */
int caps_secure(void);
int caps_drop(const int *kept);

/* seccomp.c: the filter that every confined program gets. Freed with filter_finish(). */
int seccomp_base_filter(struct filter *ret_filter, struct err *err);

/* check.c: adds the hint that fits to an error of the namespaces, if a setting explains it. */
void check_hint(struct err *err);

#endif
