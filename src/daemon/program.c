/* SPDX-License-Identifier: Apache-2.0 */
/* Starts one of the daemon's helper programs. */
#include "daemon/program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"

static int find_program(const char *name, char **ret_path, struct err *err)
{
	char *path = strchr(name, '/') ? xstrdup(name) : paths_find_program(name);

	if (path) {
		*ret_path = path;
		return 0;
	}
	err_set(err, ENOENT, "%s is not installed", name);
	err_hint(err, "sbx diagnose says which packages are missing");
	return -ENOENT;
}

static int spawn_with(const char *path, char *const argv[], int stdout_fd, int stderr_fd,
	pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t all, none;
	int r;

	sigfillset(&all);
	sigemptyset(&none);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, stdout_fd < 0 ? STDERR_FILENO : stdout_fd,
		STDOUT_FILENO);
	if (stderr_fd >= 0)
		posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	r = posix_spawn(ret_pid, path, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

int program_spawn(char *const argv[], int stdout_fd, int stderr_fd, pid_t *ret_pid, int *ret_pidfd,
	struct err *err)
{
	cleanup_free char *path = NULL;
	pid_t pid;
	int r, pidfd;

	r = find_program(argv[0], &path, err);
	if (r < 0)
		return r;
	r = spawn_with(path, argv, stdout_fd, stderr_fd, &pid);
	if (r < 0)
		return err_errno(err, -r, "start %s", path);
	/* No race: the child stays a zombie until it is reaped. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0) {
		r = -errno;
		kill(pid, SIGKILL);
		program_reap(pid);
		return err_errno(err, -r, "watch %s", path);
	}
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}

int program_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
