/* SPDX-License-Identifier: Apache-2.0 */
/* Starts programs. Code below child() runs in the child, on the parent's memory. */
#include "guest/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/io.h"
#include "common/text.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

enum { STACK_SIZE = 64 * 1024, MAX_PATH = 4096 };

/* What parent and child share. */
struct attempt {
	const struct spawn *spawn;
	const char **interpreter_argv; /* room for a script without "#!" */
	enum spawn_step step;
	int error;
};

static int become_user(const struct user *user)
{
	/* The raw calls: glibc's would look for other threads to change as well. */
	if (syscall(SYS_setgroups, user->group_count, user->groups) < 0 ||
		syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
		syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

static const char *find_env(char *const *envp, const char *name, const char *fallback)
{
	size_t length = strlen(name);

	for (; *envp; envp++)
		if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
			return *envp + length + 1;
	return fallback;
}

/* Executes one path. A file the kernel does not know is a script of the shell, as execvp has it. */
static int execute(struct attempt *attempt, const char *path)
{
	const struct spawn *spawn = attempt->spawn;

	execve(path, spawn->argv, spawn->envp);
	if (errno != ENOEXEC)
		return -errno;
	attempt->interpreter_argv[0] = "/bin/sh";
	attempt->interpreter_argv[1] = path;
	execve("/bin/sh", (char *const *)attempt->interpreter_argv, spawn->envp);
	return -errno;
}

static int execute_in_path(struct attempt *attempt)
{
	const char *name = attempt->spawn->argv[0];
	const char *path = find_env(attempt->spawn->envp, "PATH", "/usr/bin:/bin");
	char full[MAX_PATH];
	int result = -ENOENT;

	if (*name == '\0')
		return -ENOENT;
	if (strchr(name, '/'))
		return execute(attempt, name);
	for (;;) {
		size_t length = strcspn(path, ":");
		int n = snprintf(full, sizeof(full), "%.*s/%s", (int)length, length ? path : ".",
			name);

		if (n < (int)sizeof(full)) {
			int r = execute(attempt, full);

			if (r != -ENOENT && r != -ENOTDIR && r != -EACCES)
				return r;
			if (r == -EACCES)
				result = r;
		}
		if (path[length] == '\0')
			return result;
		path += length + 1;
	}
}

static int place_descriptors(const struct spawn *spawn)
{
	for (int i = 0; i < 3; i++)
		if (dup2(spawn->fds[i], i) < 0)
			return -errno;
	if (spawn->listen_fd < 0)
		return 0;
	if (spawn->listen_fd == 3)
		return io_set_cloexec(3, false);
	return dup2(spawn->listen_fd, 3) < 0 ? -errno : 0;
}

static int prepare(struct attempt *attempt)
{
	const struct spawn *spawn = attempt->spawn;
	sigset_t none;
	int r;

	attempt->step = SPAWN_TERMINAL;
	setsid();
	r = place_descriptors(spawn);
	if (r == 0 && spawn->terminal && ioctl(0, TIOCSCTTY, 0) < 0)
		r = -errno;
	if (r < 0)
		return r;
	if (spawn->oom_score_adj)
		io_write_file("/proc/self/oom_score_adj", spawn->oom_score_adj);
	if (spawn->listen_pid)
		sprintf(spawn->listen_pid, "%d", getpid());
	attempt->step = SPAWN_USER;
	r = spawn->user ? become_user(spawn->user) : 0;
	if (r < 0)
		return r;
	attempt->step = SPAWN_DIRECTORY;
	if (chdir(spawn->directory ? spawn->directory : "/") < 0)
		return -errno;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	attempt->step = SPAWN_EXECUTE;
	return 0;
}

static int child(void *argument)
{
	struct attempt *attempt = argument;
	int r = prepare(attempt);

	if (r == 0)
		r = execute_in_path(attempt);
	attempt->error = -r;
	_exit(127);
}

int spawn_start(const struct spawn *spawn, pid_t *ret_pid, enum spawn_step *ret_step)
{
	/* One child at a time: the parent is suspended until the stack is free again. */
	static char stack[STACK_SIZE] __attribute__((aligned(16)));
	struct attempt attempt = { .spawn = spawn };
	size_t argc = 0;
	pid_t pid;

	while (spawn->argv[argc])
		argc++;
	attempt.interpreter_argv = calloc(argc + 2, sizeof(char *));
	if (!attempt.interpreter_argv) {
		*ret_step = SPAWN_FORK;
		return -ENOMEM;
	}
	for (size_t i = 1; i < argc; i++)
		attempt.interpreter_argv[i + 1] = spawn->argv[i];
	/* The last child never returned from its functions, so their variables still count as dead. */
	ASAN_UNPOISON_MEMORY_REGION(stack, sizeof(stack));
	pid = clone(child, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &attempt);
	if (pid < 0)
		attempt.error = errno;
	free(attempt.interpreter_argv);
	if (attempt.error == 0) {
		*ret_pid = pid;
		return 0;
	}
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	*ret_step = attempt.step;
	return -attempt.error;
}
