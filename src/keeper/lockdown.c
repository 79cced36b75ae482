/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives up what a running sandbox's keeper does not need: it can start no program, make no socket,
 * and reach no file outside of the sandbox's directory.
 *
 * In a build with kill points it keeps its rights: those read a file elsewhere.
 */
#include "keeper/keeper.h"

#include "confine/confine.h"

#ifndef SBX_FAULT
static const char *const allowed[] = {
	/* the loop and its timers */
	"epoll_wait", "epoll_pwait", "epoll_ctl", "timerfd_settime", "clock_gettime", "gettimeofday",
	"restart_syscall", "rt_sigreturn", "rt_sigprocmask",
	/* descriptors it has, and new ones through them */
	"read", "write", "readv", "writev", "close", "fcntl", "fstat", "newfstatat", "lseek",
	"accept4", "recvfrom", "recvmsg", "sendto", "sendmsg", "dup3",
	/* the sandbox's directory: logs, exit.json, removal of the sockets */
	"openat", "renameat", "renameat2", "unlinkat", "fsync", "ftruncate",
	/* children */
	"pidfd_send_signal", "wait4",
	/* libc: heap, log lines, abort and exit */
	"brk", "mmap", "munmap", "mremap", "madvise", "mprotect", "futex", "getpid", "gettid",
	"tgkill", "getrandom", "exit", "exit_group", NULL,
};

int lockdown(int dir_fd, struct err *err)
{
	int r = confine_landlock(&dir_fd, 1, NULL, 0, err);

	return r < 0 ? r : confine_seccomp(allowed, err);
}
#else
int lockdown(int dir_fd, struct err *err)
{
	return 0;
}
#endif
