/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child of confine_spawn(), from the clone to the program. The theory is in spawn.c.
 *
 * Nothing here allocates, takes a lock or uses stdio: other threads of the parent may have held
 * any lock at the moment of the clone.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "confine/internal.h"

static void child_fail(const struct confine_child *child, enum confine_step step, int index,
	int code) __attribute__((noreturn));

/* The report is shorter than PIPE_BUF: written whole, or the parent is gone and nobody reads. */
static void child_fail(
	const struct confine_child *child, enum confine_step step, int index, int code)
{
	struct confine_report report = { .step = step, .index = index, .code = -code };
	ssize_t n = write(child->report_fd, &report, sizeof(report));

	_exit(n < 0 ? 126 : 127);
}

static void child_step(const struct confine_child *child, enum confine_step step, int r)
{
	if (r < 0)
		child_fail(child, step, 0, r);
}

/*
 * The kernel forgets the death signal when the ids change, so this is called before and after.
 * The poll closes the gap in which the parent may have died unnoticed.
 */
static int die_with_parent(const struct confine_child *child)
{
	struct pollfd parent = { .fd = child->parent_fd, .events = POLLIN };

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return -errno;
	if (poll(&parent, 1, 0) != 0)
		_exit(127);
	return 0;
}

static int wait_for_go(const struct confine_child *child)
{
	char byte;
	ssize_t n;

	do
		n = read(child->go_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		_exit(127); /* the parent has given up, and knows why */
	return n < 0 ? -errno : 0;
}

/*
 * Ignored signals and the mask would pass exec. The parent blocked all signals around the clone,
 * so none of its handlers has run here.
 */
static int reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL); /* fails for KILL, STOP and libc's own */
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

static int move_above(int fd, int lowest)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, lowest);

	return moved < 0 ? -errno : moved;
}

static int wanted_fd(const struct confine_spec *spec, size_t i)
{
	if (i == 0)
		return -1;
	if (i == 1)
		return spec->stdout_fd;
	return i == 2 ? spec->stderr_fd : spec->fds[i - 3];
}

/*
 * 0, 1, 2, then the named ones, and nothing else. All are first moved above the stretch that is to
 * be filled, since each may lie in it. The report's pipe stays right behind, until exec closes it.
 */
static int place_fds(struct confine_child *child, int null_fd)
{
	int count = 3 + (int)child->spec->fd_count;
	int moved[3 + CONFINE_MAX_FDS];
	int report = move_above(child->report_fd, count + 1);

	if (report < 0)
		return report;
	for (int i = 0; i < count; i++) {
		int fd = wanted_fd(child->spec, (size_t)i);

		moved[i] = move_above(fd < 0 && i < 3 ? null_fd : fd, count + 1);
		if (moved[i] < 0)
			return moved[i];
	}
	for (int i = 0; i < count; i++)
		if (dup2(moved[i], i) < 0)
			return -errno;
	if (dup3(report, count, O_CLOEXEC) < 0)
		return -errno;
	child->report_fd = count;
	return close_range((unsigned)count + 1, ~0U, 0) < 0 ? -errno : 0;
}

static int limit_file_size(rlim_t most)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
		return -errno;
	if (most == 0 || most > limit.rlim_max)
		return 0;
	limit.rlim_cur = limit.rlim_max = most;
	return setrlimit(RLIMIT_FSIZE, &limit) < 0 ? -errno : 0;
}

/* No core files: they would hold guest memory. Descriptors up to what the caller may have. */
static int set_limits(const struct confine_spec *spec)
{
	struct rlimit limit = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &limit) < 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	return limit_file_size(spec->file_size);
}

static void child_mounts(struct confine_child *child)
{
	int root = -1, index = 0;
	int r = mounts_root(child, &root);

	child_step(child, CONFINE_STEP_ROOT, r);
	r = mounts_attach(child, root, &index);
	if (r < 0)
		child_fail(child, CONFINE_STEP_BIND, index, r);
	r = mounts_files(child, root, &index);
	if (r < 0)
		child_fail(child, CONFINE_STEP_FILE, index, r);
	if (child->spec->mount_proc)
		child_step(child, CONFINE_STEP_PROC, mounts_proc(root));
	else if (child->spec->mount_own_fds)
		child_step(child, CONFINE_STEP_PROC, mounts_own_fds(root));
	child_step(child, CONFINE_STEP_PIVOT, mounts_pivot(root));
}

/* Still the caller, in namespaces of its own: what needs the caller's rights or view. */
static int child_as_caller(struct confine_child *child)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int index = 0;
	int r;

	child_step(child, CONFINE_STEP_START, null_fd < 0 ? -errno : die_with_parent(child));
	child_step(child, CONFINE_STEP_GO, wait_for_go(child));
	child_step(child, CONFINE_STEP_SIGNALS, reset_signals());
	child_step(child, CONFINE_STEP_SESSION, setsid() < 0 ? -errno : 0);
	child_step(child, CONFINE_STEP_HOSTNAME, sethostname("sbx", 3) < 0 ? -errno : 0);
	r = mounts_open(child, &index);
	if (r < 0)
		child_fail(child, CONFINE_STEP_SOURCE, index, r);
	return null_fd;
}

void child_run(struct confine_child *child)
{
	const struct confine_spec *spec = child->spec;
	static char *const no_environment[] = { NULL };
	int null_fd = child_as_caller(child);

	umask(022);
	child_step(child, CONFINE_STEP_SECUREBITS, caps_secure());
	child_step(child, CONFINE_STEP_IDS, ids_become(spec, child->by_root));
	child_mounts(child);
	child_step(child, CONFINE_STEP_LIMITS, set_limits(spec));
	child_step(child, CONFINE_STEP_CAPS, caps_drop(spec->capabilities));
	child_step(child, CONFINE_STEP_PARENT, die_with_parent(child));
	child_step(child, CONFINE_STEP_FDS, place_fds(child, null_fd));
	child_step(child, CONFINE_STEP_NO_NEW_PRIVS,
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0);
	child_step(child, CONFINE_STEP_FILTER, filter_install(&child->filter));
	if (spec->before_exec)
		child_step(child, CONFINE_STEP_BEFORE_EXEC, spec->before_exec(spec->arg));
	execve(spec->program, spec->argv, spec->envp ? spec->envp : no_environment);
	child_fail(child, CONFINE_STEP_EXEC, 0, -errno);
}
