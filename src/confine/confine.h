/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts programs that will read hostile bytes, with nothing in reach but what is named.
 *
 * confine_spawn() gives the program new user, mount, pid, network and ipc namespaces (network kept
 * only if asked), a root directory on a tmpfs that holds just the named binds, no capability unless
 * named, no_new_privs, non-dumpable, rlimits, and only the named descriptors. It dies with its
 * parent (PR_SET_PDEATHSIG, and nothing runs if the parent is gone before the set-up is through).
 * "Parent" is the calling thread: call from one that lives as long as the program shall. A normal
 * user's process has to be dumpable to call it (the kernel gives the id maps of a non-dumpable
 * one's child to root).
 *
 * The program is process 1 of its pid namespace: it dies of SIGKILL, of other signals only if it
 * handles them. It has no terminal, an empty environment unless given, umask 022, and a system call
 * filter that refuses new namespaces, mounts, keyrings, ptrace and the like (seccomp.c).
 *
 * Works for root and for a normal user without any privilege. A normal user's program keeps the
 * user's uid (mapped to `inside_uid` in its namespace); one started by root runs as `root_uid`.
 */
#ifndef CONFINE_CONFINE_H
#define CONFINE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

enum confine_bind_flag {
	CONFINE_WRITABLE = 1,	  /* otherwise read-only, submounts included */
	CONFINE_OPTIONAL = 2,	  /* skipped when the source is missing */
	CONFINE_RECURSIVE = 4,	  /* with the mounts below it; without, a source that has some fails
				     with EINVAL: what they cover must not come to light */
	CONFINE_DEVICE = 8,	  /* device node: no MS_NODEV on this bind */
	CONFINE_EXECUTABLE = 16,  /* programs on a writable bind may run; read-only ones always */
	CONFINE_NO_SYMLINKS = 32, /* refuse a source whose path has a symbolic link anywhere: a
				     guest may have put it there */
};

struct confine_bind {
	const char *source; /* host path */
	const char *target; /* absolute path inside; NULL: as source */
	unsigned flags;
};

/*
 * A file made in the confined root, before the program starts, with mode 0444. The root is a tmpfs
 * just large enough for these, and read-only once the program runs.
 */
struct confine_file {
	const char *target;
	int fd; /* memfd or file, read from offset 0 to its end */
};

struct confine_spec {
	const char *program; /* path inside */
	char *const *argv;   /* NULL-terminated */
	char *const *envp;   /* NULL-terminated; NULL: empty */
	const struct confine_bind *binds;
	size_t bind_count;
	const struct confine_file *files;
	size_t file_count;
	const int *fds; /* fds[i] becomes descriptor 3 + i */
	size_t fd_count;
	int stdout_fd; /* descriptors 1 and 2; -1: /dev/null. 0 is always /dev/null */
	int stderr_fd;
	uid_t inside_uid; /* uid and gid as the program sees them */
	gid_t inside_gid;
	bool as_caller; /* started by root: stay the caller (the file server) */
	uid_t root_uid; /* otherwise, started by root: run as this unused uid/gid */
	gid_t root_gid;
	gid_t extra_gid;    /* supplementary group kept when root starts it (kvm); 0: none */
	bool keep_network;  /* stay in the caller's network namespace */
	bool mount_proc;    /* a /proc of the new pid namespace: processes only, no /proc/sys */
	bool mount_own_fds; /* else of /proc only /proc/self/fd: files reopened by their number */
	unsigned long long file_size; /* no file may be made larger than this; 0: no limit */
	const int *capabilities; /* kept, in the namespace only; -1 ends; NULL: none */
	/*
	 * Called last in the child, before exec: further seccomp filters (confine/filter.h). The
	 * parent may have threads, so only async-signal-safe calls. 0 or -errno. May be NULL.
	 */
	int (*before_exec)(void *arg);
	void *arg;
};

/*
 * Starts the program. *ret_pid is its pid in the caller's pid namespace, *ret_pidfd a descriptor
 * for it. Fails, with nothing left behind, if any step of the confinement fails: there is no weaker
 * mode. Errors name the step and, where it helps, the setting that forbids it.
 */
int confine_spawn(const struct confine_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err);

/* An unused uid for a sandbox's processes when root starts them: stable for an id. */
uid_t confine_unused_uid(const char *sandbox_id);

/*
 * Confines the calling process for good: no_new_privs, non-dumpable, and a seccomp filter that
 * kills the process on any system call not named (by name, NULL-terminated).
 */
int confine_seccomp(const char *const *allowed, struct err *err);

/*
 * Landlock: from now on only paths below the given directory descriptors, read-write or read-only.
 * Returns 0, also on kernels without Landlock (the caller has namespaces as well).
 */
int confine_landlock(const int *writable, size_t writable_count, const int *readonly,
	size_t readonly_count, struct err *err);

/* Why unprivileged user namespaces do not work here, with the setting to change; 0 if they do. */
int confine_check(struct err *err);

#endif
