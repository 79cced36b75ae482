/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 * -------------------
 * One clone3() makes the child in all its namespaces at once. It is then still the caller, with no
 * right outside and all rights inside. From there on each step gives something up:
 *
 *   parent                  child
 *   clone3              ->  dies with the parent from now on
 *   writes the id maps      waits
 *   says go             ->  resets signals, new session, host name
 *   reads the report        opens the sources of the binds (as the caller)
 *     .                     becomes the program's user and group
 *     .                     builds the root directory, switches to it, drops the old one
 *     .                     limits, capabilities, death signal again, descriptors
 *     .                     no_new_privs, filters, before_exec
 *   end of file         <-  exec
 *
 * The report is a close-on-exec pipe: end of file is success, a record names the step that failed
 * and why. A failed child is reaped here, so nothing is left of it; its mounts and namespaces go
 * with it.
 *
 * The maps have to come from outside: a process may not give itself another uid than its own, and
 * root's programs run under one that is nobody's. Sources are opened before the ids change, since
 * they may lie in directories of the caller; the root directory is built after it, since only
 * mapped ids can own files in it.
 *
 * The program is process 1 of its pid namespace: signals it does not handle reach it only as
 * SIGKILL from outside, and its end is the end of all it started.
 *
 * All signals are blocked in the parent around the clone, so that no handler runs in the child on
 * the parent's state.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "confine/internal.h"

/* The parent's half; everything in it is freed by spawn_finish(). */
struct spawn {
	struct confine_child child;
	int go_fd;     /* write end */
	int report_fd; /* read end */
	pid_t pid;
	int pidfd;
};

static void spawn_finish(struct spawn *spawn)
{
	cleanup_close_(&spawn->go_fd);
	cleanup_close_(&spawn->report_fd);
	cleanup_close_(&spawn->child.go_fd);
	cleanup_close_(&spawn->child.report_fd);
	cleanup_close_(&spawn->child.parent_fd);
	cleanup_close_(&spawn->pidfd);
	filter_finish(&spawn->child.filter);
	free(spawn->child.trees);
}

#define cleanup_spawn __attribute__((cleanup(spawn_finish)))

/* The root holds mount points and the named files; its size is bounded by what those need. */
static int size_root(struct confine_child *child, struct err *err)
{
	unsigned long long bytes = 1 << 20;

	for (size_t i = 0; i < child->spec->file_count; i++) {
		struct stat st;

		if (fstat(child->spec->files[i].fd, &st) < 0)
			return err_errno(err, errno, "%s", child->spec->files[i].target);
		bytes += ((unsigned long long)st.st_size + 4095) & ~4095ULL;
	}
	snprintf(child->root_size, sizeof(child->root_size), "mode=755,size=%llu", bytes);
	return 0;
}

static int open_pipes(struct spawn *spawn, struct err *err)
{
	int go[2], report[2];

	if (pipe2(go, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	spawn->child.go_fd = go[0];
	spawn->go_fd = go[1];
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	spawn->report_fd = report[0];
	spawn->child.report_fd = report[1];
	spawn->child.parent_fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (spawn->child.parent_fd < 0)
		return err_errno(err, errno, "pidfd_open");
	return 0;
}

static int spawn_prepare(struct spawn *spawn, struct err *err)
{
	const struct confine_spec *spec = spawn->child.spec;
	int r;

	if (spec->fd_count > CONFINE_MAX_FDS)
		return err_set(err, E2BIG, "more than %d descriptors", CONFINE_MAX_FDS);
	spawn->child.by_root = geteuid() == 0;
	if (spawn->child.by_root && !spec->as_caller && (!spec->root_uid || !spec->root_gid))
		return err_set(err, EINVAL, "no unused uid given to run under");
	spawn->child.trees = xcalloc(spec->bind_count + 1, sizeof(int));
	r = size_root(&spawn->child, err);
	if (r == 0)
		r = seccomp_base_filter(&spawn->child.filter, err);
	return r == 0 ? open_pipes(spawn, err) : r;
}

static int spawn_clone(struct spawn *spawn, struct err *err)
{
	struct clone_args args = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS |
			 CLONE_NEWCGROUP | CLONE_PIDFD,
		.pidfd = (uintptr_t)&spawn->pidfd,
		.exit_signal = SIGCHLD,
	};
	sigset_t all, before;
	long pid;
	int code;

	if (!spawn->child.spec->keep_network)
		args.flags |= CLONE_NEWNET;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		child_run(&spawn->child);
	code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid < 0) {
		err_errno(err, code, "create namespaces");
		check_hint(err);
		return -code;
	}
	spawn->pid = (pid_t)pid;
	return 0;
}

static const char *const step_texts[] = {
#define CONFINE_TEXT(id, text) [CONFINE_STEP_##id] = (text),
	CONFINE_STEPS(CONFINE_TEXT)
#undef CONFINE_TEXT
};

static const char *report_object(
	const struct confine_spec *spec, const struct confine_report *report)
{
	switch (report->step) {
	case CONFINE_STEP_SOURCE:
	case CONFINE_STEP_BIND:
		return spec->binds[report->index].source;
	case CONFINE_STEP_FILE:
		return spec->files[report->index].target;
	case CONFINE_STEP_EXEC:
		return spec->program;
	default:
		return "";
	}
}

static int report_error(
	const struct confine_spec *spec, const struct confine_report *report, struct err *err)
{
	const char *object = report_object(spec, report);

	err_errno(
		err, report->code, "%s%s%s", step_texts[report->step], *object ? " " : "", object);
	if (!*object)
		check_hint(err);
	return -report->code;
}

static int spawn_wait(struct spawn *spawn, struct err *err)
{
	struct confine_report report;
	ssize_t n;

	cleanup_close_(&spawn->child.report_fd);
	spawn->child.report_fd = -1;
	if (write(spawn->go_fd, "", 1) != 1)
		return err_errno(err, errno, "start the child");
	n = io_read_full(spawn->report_fd, &report, sizeof(report));
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(report))
		return err_errno(err, EIO, "read the child's report");
	return report_error(spawn->child.spec, &report, err);
}

static int spawn_run(struct spawn *spawn, struct err *err)
{
	int r = spawn_prepare(spawn, err);

	if (r == 0)
		r = spawn_clone(spawn, err);
	if (r < 0)
		return r;
	r = ids_map(spawn->child.spec, spawn->child.by_root, spawn->pid, err);
	if (r == 0)
		r = spawn_wait(spawn, err);
	if (r < 0) {
		kill(spawn->pid, SIGKILL);
		while (waitpid(spawn->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}

int confine_spawn(const struct confine_spec *spec, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	cleanup_spawn struct spawn spawn = {
		.child = { .spec = spec, .go_fd = -1, .report_fd = -1, .parent_fd = -1 },
		.go_fd = -1,
		.report_fd = -1,
		.pidfd = -1,
	};
	int r = spawn_run(&spawn, err);

	if (r < 0) {
		err_wrap(err, "confine %s", spec->program);
		return r;
	}
	*ret_pid = spawn.pid;
	*ret_pidfd = take_fd(&spawn.pidfd);
	return 0;
}
