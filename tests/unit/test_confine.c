/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What confine_spawn() does with its specification, its failures; what a process can do to itself
 * (confine_seccomp(), confine_landlock()); what diagnose asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "confine/check.h"
#include "confine_world.h"

static void test_files(void **state)
{
	cleanup_close int fd = memfd_create("file", MFD_CLOEXEC);
	struct confine_file file = { "/etc/deep/file", fd };
	struct confined c;

	assert_int_equal(io_write_full(fd, "text", 4), 0);
	assert_int_equal(ftruncate(fd, 3 << 20), 0);
	confined_init(&c, "read", "/etc/deep/file");
	c.spec.files = &file;
	c.spec.file_count = 1;
	assert_int_equal(confined_run(&c), 0);
	c.argv[1] = (char *)"write";
	assert_int_equal(confined_run(&c), 1);
	confined_finish(&c);
}

/* Also where the given descriptors lie in the very places that are to be filled. */
static void test_descriptors(void **state)
{
	int ends[2], given[3];
	struct confined c;
	char byte;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	given[0] = given[1] = given[2] = ends[1];
	for (int i = 0; i < 3; i++)
		given[i] = fcntl(ends[1], F_DUPFD_CLOEXEC, 3);
	confined_init(&c, "write-fd", "5");
	c.spec.fds = (int[]){ given[2], given[0], given[1] };
	c.spec.fd_count = 3;
	assert_int_equal(confined_run(&c), 0);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	confined_finish(&c);
	for (int i = 0; i < 3; i++)
		close(given[i]);
	close(ends[0]);
	close(ends[1]);
}

static void break_missing_bind(struct confined *c)
{
	c->spec.bind_count = 1;
	c->binds[0].flags = 0;
	free((char *)c->binds[0].source);
	c->binds[0].source = xstrdup("/nonexistent/file");
}

static void break_program(struct confined *c)
{
	c->spec.program = "/bin/nothing";
}

static void break_target(struct confined *c)
{
	c->binds[0].target = "/bin/../../etc";
}

/* A guest has replaced a part of the path by a link. */
static void break_symlink(struct confined *c)
{
	free((char *)c->binds[2].source);
	c->binds[2].source = in_dir("link/rw");
}

/* A guest has put a link where the next bind is to be mounted, or on the way there. */
static void trap_target(struct confined *c, const char *below)
{
	static char link[256], target[300];

	snprintf(link, sizeof(link), "%s/rw/trap", world.dir);
	snprintf(target, sizeof(target), "%s%s", link, below);
	if (symlink("/proc", link) < 0 && errno != EEXIST)
		fail();
	c->binds[3].target = target;
}

static void break_target_symlink(struct confined *c)
{
	trap_target(c, "");
}

static void break_parent_symlink(struct confined *c)
{
	trap_target(c, "/below");
}

static int fail_before_exec(void *arg)
{
	return -EDOM;
}

static void break_before_exec(struct confined *c)
{
	c->spec.before_exec = fail_before_exec;
}

static const struct failure_case {
	void (*breaker)(struct confined *c);
	int code;
	const char *text;
} failure_cases[] = {
	{ break_missing_bind, ENOENT, "open /nonexistent/file" },
	{ break_program, ENOENT, "execute /bin/nothing" },
	{ break_target, EINVAL, "bind" },
	{ break_symlink, ELOOP, "link/rw" },
	{ break_target_symlink, EINVAL, "owned" },
	{ break_parent_symlink, ENOTDIR, "owned" },
	{ break_before_exec, EDOM, "prepare the program" },
};

/* A step that fails is named, and no child is left. */
static void test_failures(void **state)
{
	for (size_t i = 0; i < sizeof(failure_cases) / sizeof(failure_cases[0]); i++) {
		const struct failure_case *f = &failure_cases[i];
		cleanup_err struct err err = ERR_INIT;
		struct confined c;
		int pidfd = -7;
		pid_t pid = -7;

		confined_init(&c, "fds", "");
		f->breaker(&c);
		assert_int_equal(confine_spawn(&c.spec, &pid, &pidfd, &err), -f->code);
		if (!strstr(err.message, f->text))
			fail_msg("\"%s\" does not say \"%s\"", err.message, f->text);
		assert_int_equal(pid, -7);
		assert_int_equal(pidfd, -7);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
		assert_int_equal(errno, ECHILD);
		confined_finish(&c);
	}
}

static void test_optional(void **state)
{
	struct confined c;

	confined_init(&c, "fds", "");
	free((char *)c.binds[3].source);
	c.binds[3].source = xstrdup("/nonexistent/file");
	c.binds[3].flags = CONFINE_OPTIONAL;
	assert_int_equal(confined_run(&c), 1);
	confined_finish(&c);
}

static void test_unused_uid(void **state)
{
	uid_t a = confine_unused_uid("0123456789abcdef");

	assert_true(a == confine_unused_uid("0123456789abcdef"));
	assert_true(a != confine_unused_uid("0123456789abcdee"));
	assert_true(a >= 0x70000000 && a < 0x7ffe0000);
}

/* write is what is tried; the rest is what libc and the sanitizers need to end the process. */
static const char *const allowed[] = { "write", "exit_group", "brk", "mmap", "munmap", "madvise",
	"futex", "getpid", "gettid", "sched_yield", "sigaltstack", "rt_sigprocmask", NULL };

static int use_allowed(void)
{
	if (confine_seccomp(allowed, NULL) < 0)
		return 1;
	return write(2, "", 0) == 0 ? 0 : 2;
}

static int use_forbidden(void)
{
	if (confine_seccomp(allowed, NULL) < 0)
		return 1;
	return open("/dev/null", O_RDONLY) >= 0 ? 0 : 2;
}

static int use_unknown(void)
{
	const char *unknown[] = { "no_such_call", NULL };

	return confine_seccomp(unknown, NULL) == -EINVAL ? 0 : 1;
}

static void test_seccomp(void **state)
{
	assert_int_equal(in_child(use_allowed), 0);
	assert_int_equal(in_child(use_forbidden), 128 + SIGSYS);
	assert_int_equal(in_child(use_unknown), 0);
}

static int try_landlock(void)
{
	cleanup_free char *rw = in_dir("rw"), *ro = in_dir("ro"), *secret = in_dir("secret");
	cleanup_free char *written = in_dir("rw/locked"), *forbidden = in_dir("ro/locked");
	cleanup_free char *readable = in_dir("ro/readable");
	int writable = open(rw, O_PATH | O_CLOEXEC), readonly = open(ro, O_PATH | O_CLOEXEC);

	if (confine_landlock(&writable, 1, &readonly, 1, NULL) < 0)
		return 1;
	if (open(written, O_CREAT | O_RDWR, 0666) < 0 || open(readable, O_RDONLY) < 0)
		return 2;
	if (open(secret, O_RDONLY) >= 0 || open(forbidden, O_CREAT | O_RDWR, 0666) >= 0)
		return 3;
	return 0;
}

static void test_landlock(void **state)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 0) {
		assert_int_equal(confine_landlock(NULL, 0, NULL, 0, NULL), 0);
		print_message("SKIP: this kernel has no Landlock\n");
		skip();
	}
	assert_int_equal(in_child(try_landlock), 0);
}

/* A machine that forbids user namespaces, made by forbidding them in one of our own. */
static int try_forbidden(void)
{
	cleanup_err struct err err = ERR_INIT, spawn_err = ERR_INIT;
	struct confined c;
	int pidfd;
	pid_t pid;

	confined_init(&c, "fds", "");
	if (unshare(CLONE_NEWUSER) < 0 ||
		io_write_file("/proc/sys/user/max_user_namespaces", "0\n") < 0)
		return 1;
	if (confine_check(&err) != -ENOSPC || !err.hint ||
		!strstr(err.hint, "sysctl -w user.max_user_namespaces="))
		return 2;
	if (confine_spawn(&c.spec, &pid, &pidfd, &spawn_err) != -ENOSPC || !spawn_err.hint ||
		strcmp(spawn_err.hint, err.hint) != 0)
		return 3;
	confined_finish(&c);
	return 0;
}

static void test_check_forbidden(void **state)
{
	assert_int_equal(in_child(try_forbidden), 0);
}

static void test_check_allowed(void **state)
{
	cleanup_err struct err err = ERR_INIT, subids = ERR_INIT;

	assert_int_equal(confine_check(&err), 0);
	if (geteuid() == NORMAL_UID) {
		assert_int_equal(confine_check_subids(&subids), -ENOENT);
		assert_non_null(subids.hint);
	}
}

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_unused_uid),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_check_forbidden),
		cmocka_unit_test(test_check_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return world_run(argv[0], run_group);
}
