/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine_spawn() under attack: attacker.c tries everything once plainly, where it has to work (or
 * the attack proves nothing), and once confined, where it has to fail. Run by root, all of it
 * happens twice: as root and as a normal user.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "confine/check.h"
#include "confine/confine.h"

enum { NORMAL_UID = 12345, DEADLINE_MS = 10000 };

/*
 * DIR/attacker		the program
 * DIR/secret		the caller's, bound nowhere
 * DIR/ro, DIR/ro/sub	bound read-only; sub is a mount of its own if root runs the test
 * DIR/rw		bound writable, everybody's
 * DIR/owned		the caller's, bound writable
 */
static char *dir;
static bool have_submount;
static char port[16], own_pid[16], own_root[64], host_name[256];
static const char abstract_name[] = "sbx-test-confine";

static char *in_dir(const char *name)
{
	return paths_join(dir, name);
}

static int wait_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_plainly(const char *attack, const char *argument)
{
	cleanup_free char *program = in_dir("attacker");
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, attack, argument, NULL);
		_exit(126);
	}
	return wait_status(pid);
}

struct confined {
	struct confine_spec spec;
	struct confine_bind binds[5];
	char *argv[4];
};

/* Everything a program may be given, in the same place as outside. The caller frees the sources. */
static void confined_init(struct confined *c, const char *attack, const char *argument)
{
	*c = (struct confined){
		.argv = {(char *)"attacker", (char *)attack, (char *)argument, NULL},
		.binds =
			{
				{in_dir("attacker"), "/bin/attacker", 0},
				{in_dir("ro"), NULL, CONFINE_RECURSIVE},
				{in_dir("rw"), NULL, CONFINE_WRITABLE | CONFINE_NO_SYMLINKS},
				{in_dir("owned"), NULL, CONFINE_WRITABLE},
				{"/dev/null", NULL, CONFINE_WRITABLE | CONFINE_DEVICE},
			},
	};
	c->spec = (struct confine_spec){
		.program = "/bin/attacker",
		.argv = c->argv,
		.binds = c->binds,
		.bind_count = 5,
		.stdout_fd = -1,
		.stderr_fd = 2,
		.inside_uid = 1000,
		.inside_gid = 1000,
		.root_uid = confine_unused_uid("0123456789abcdef"),
		.root_gid = confine_unused_uid("0123456789abcdef"),
		.mount_proc = true,
	};
}

static void confined_finish(struct confined *c)
{
	for (size_t i = 0; i < 4; i++)
		free((char *)c->binds[i].source);
}

static int confined_run(struct confined *c)
{
	cleanup_err struct err err = ERR_INIT;
	int pidfd = -1;
	pid_t pid = -1;

	if (confine_spawn(&c->spec, &pid, &pidfd, &err) < 0)
		fail_msg("%s", err.message);
	close(pidfd);
	return wait_status(pid);
}

static int run_confined(const char *attack, const char *argument)
{
	struct confined c;
	int status;

	confined_init(&c, attack, argument);
	status = confined_run(&c);
	confined_finish(&c);
	return status;
}

enum plainly { WORKS, WORKS_FOR_ROOT, NOT_TRIED };

/* An argument that begins with ./ is a path in DIR. */
static const struct attack_case {
	const char *attack;
	const char *argument;
	enum plainly plainly;
} attack_cases[] = {
	{ "read", "/etc/shadow", WORKS_FOR_ROOT },
	{ "read", "/etc/passwd", WORKS },
	{ "read", "./secret", WORKS },
	{ "list", "/root", WORKS },
	{ "list", "/home", WORKS },
	{ "list", "./link", WORKS },
	{ "read", "/proc/1/root/etc/passwd", NOT_TRIED },
	{ "read", own_root, WORKS },
	{ "list", "/proc/self/root/etc", WORKS },
	{ "read", "/proc/sys/kernel/ostype", WORKS },
	{ "read", "/proc/cmdline", WORKS },
	{ "list", "/sys/kernel", WORKS },
	{ "list", "/dev/zero", WORKS },
	{ "fds", "", WORKS },
	{ "tcp", port, WORKS },
	{ "abstract", abstract_name, WORKS },
	{ "signal", own_pid, WORKS },
	{ "ptrace", own_pid, WORKS_FOR_ROOT },
	{ "mount", "./rw", NOT_TRIED },
	{ "remount", "./ro", NOT_TRIED },
	{ "umount", "./ro", NOT_TRIED },
	{ "umount", "/proc", NOT_TRIED },
	{ "userns", "", WORKS },
	{ "userns-clone", "", WORKS },
	{ "userns-clone3", "", WORKS },
	{ "device", "./rw/device", WORKS_FOR_ROOT },
	{ "write", "./ro/file", WORKS },
	{ "write", "./ro/sub/file", WORKS },
	{ "write", "/file", WORKS_FOR_ROOT },
	{ "write", "/bin/attacker", NOT_TRIED },
	{ "execute", "./rw/program", WORKS },
	{ "keyring", abstract_name, WORKS },
	{ "capability", "", WORKS },
	{ "chroot", "/", WORKS_FOR_ROOT },
	{ "setuid", "0", WORKS_FOR_ROOT },
	{ "core", "", NOT_TRIED },
	{ "privileges", "", WORKS },
	{ "host-name", host_name, WORKS },
	{ "environment", "SBX_TEST_SECRET", WORKS },
};

static void test_attacks(void **state)
{
	for (size_t i = 0; i < sizeof(attack_cases) / sizeof(attack_cases[0]); i++) {
		const struct attack_case *c = &attack_cases[i];
		cleanup_free char *argument =
			c->argument[0] == '.' ? in_dir(c->argument + 2) : xstrdup(c->argument);
		bool control = c->plainly == WORKS || (c->plainly == WORKS_FOR_ROOT && !geteuid());

		if (control && run_plainly(c->attack, argument) != 0)
			fail_msg("%s %s does not even work unconfined", c->attack, argument);
		if (run_confined(c->attack, argument) != 1)
			fail_msg("%s %s works confined", c->attack, argument);
	}
}

/* What is given has to work, or all the refusals above mean little. */
static void test_granted(void **state)
{
	cleanup_free char *written = in_dir("rw/written");
	cleanup_free char *readable = in_dir("ro/readable");

	assert_int_equal(run_confined("write", written), 0);
	assert_int_equal(run_confined("read", written), 0);
	assert_int_equal(run_confined("read", readable), 0);
	assert_int_equal(run_confined("write", "/dev/null"), 0);
	assert_int_equal(run_confined("list", "/proc/self/fd"), 0);
}

/* Root's program is nobody: what belongs to root stays closed to it, unless it is to be root. */
static void test_owner(void **state)
{
	cleanup_free char *path = in_dir("owned/file");
	struct confined c;

	assert_int_equal(run_confined("write", path), geteuid() == 0 ? 1 : 0);
	confined_init(&c, "write", path);
	c.spec.as_caller = true;
	assert_int_equal(confined_run(&c), 0);
	confined_finish(&c);
}

static void test_inside_root(void **state)
{
	static const int kept[] = { 18 /* CAP_SYS_CHROOT */, -1 };
	struct confined c;

	confined_init(&c, "capability", "");
	c.spec.inside_uid = 0;
	c.spec.inside_gid = 0;
	assert_int_equal(confined_run(&c), 1);
	confined_finish(&c);

	confined_init(&c, "chroot", "/");
	c.spec.capabilities = kept;
	assert_int_equal(confined_run(&c), 0);
	confined_finish(&c);
}

/* Its own descriptors by number, and nothing else of /proc. */
static void test_own_fds(void **state)
{
	static const struct {
		const char *attack, *argument;
		int status;
	} cases[] = {
		{ "write", "/proc/self/fd/0", 0 },
		{ "list", "/proc/self/status", 1 },
		{ "list", "/proc/1", 1 },
		{ "list", "/proc/self/fd/../../1", 1 },
		{ "list", "/proc/self/fd/../../../bin/attacker", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct confined c;

		confined_init(&c, cases[i].attack, cases[i].argument);
		c.spec.mount_proc = false;
		c.spec.mount_own_fds = true;
		if (confined_run(&c) != cases[i].status)
			fail_msg("%s %s", cases[i].attack, cases[i].argument);
		confined_finish(&c);
	}
}

static void test_network_kept(void **state)
{
	struct confined c;

	confined_init(&c, "tcp", port);
	c.spec.keep_network = true;
	assert_int_equal(confined_run(&c), 0);
	confined_finish(&c);
}

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

static pid_t start_middle_man(int sign_of_life)
{
	struct confined c;
	int pidfd;
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	confined_init(&c, "survive", "");
	c.spec.fds = &sign_of_life;
	c.spec.fd_count = 1;
	if (confine_spawn(&c.spec, &pid, &pidfd, NULL) < 0)
		_exit(1);
	close(sign_of_life);
	for (;;)
		pause();
}

/* SIGKILL for the parent: the program, and what it has started, ends with it. */
static void test_parent_killed(void **state)
{
	struct pollfd end = { .events = POLLIN };
	char byte;
	int ends[2], started = 0;
	pid_t middle;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	middle = start_middle_man(ends[1]);
	close(ends[1]);
	end.fd = ends[0];
	while (started < 2 && poll(&end, 1, DEADLINE_MS) == 1 && read(ends[0], &byte, 1) == 1)
		started++;
	assert_int_equal(started, 2);
	kill(middle, SIGKILL);
	waitpid(middle, NULL, 0);
	assert_int_equal(poll(&end, 1, DEADLINE_MS), 1);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
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

	snprintf(link, sizeof(link), "%s/rw/trap", dir);
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

static int in_child(int (*run)(void))
{
	int result;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return wait_status(pid);
	result = run();
	fflush(NULL);
	_exit(result);
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

static void test_check(void **state)
{
	cleanup_err struct err err = ERR_INIT, subids = ERR_INIT;

	assert_int_equal(confine_check(&err), 0);
	if (geteuid() == NORMAL_UID) {
		assert_int_equal(confine_check_subids(&subids), -ENOENT);
		assert_non_null(subids.hint);
	}
}

static void write_text(const char *name, unsigned mode)
{
	cleanup_free char *path = in_dir(name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);

	if (fd < 0 || io_write_full(fd, "text", 4) < 0 || fchmod(fd, mode) < 0)
		exit(1);
}

static void make_dir(const char *name, unsigned mode)
{
	cleanup_free char *path = in_dir(name);

	if (mkdir(path, mode) < 0 || chmod(path, mode) < 0)
		exit(1);
}

static void copy_attacker(const char *own_path)
{
	cleanup_free char *source =
		xasprintf("%.*s/attacker", (int)(strrchr(own_path, '/') - own_path), own_path);
	cleanup_free char *target = in_dir("attacker");
	cleanup_free char *bytes = NULL;
	cleanup_close int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	size_t length;

	if (io_read_file(AT_FDCWD, source, 64 << 20, &bytes, &length) < 0 || fd < 0 ||
		io_write_full(fd, bytes, length) < 0 || fchmod(fd, 0755) < 0)
		exit(1);
}

/* A mount of its own below the read-only bind, in a mount namespace of the test's. */
static void mount_sub(void)
{
	cleanup_free char *sub = in_dir("ro/sub");

	if (geteuid() != 0)
		return;
	have_submount = unshare(CLONE_NEWNS) == 0 &&
			mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
			mount("sub", sub, "tmpfs", 0, "mode=777") == 0;
}

static void make_dirs(const char *own_path)
{
	char template[] = "/tmp/sbx-test-confine-XXXXXX";
	cleanup_free char *link = NULL;

	dir = xstrdup(mkdtemp(template));
	chmod(dir, 0777);
	make_dir("ro", 0777);
	make_dir("ro/sub", 0777);
	make_dir("rw", 0777);
	mount_sub();
	write_text("ro/readable", 0644);
	write_text("rw/program", 0755);
	link = in_dir("link");
	if (symlink(".", link) < 0)
		exit(1);
	copy_attacker(own_path);
}

/* What is the tested user's alone. */
static void make_owned(void)
{
	write_text("secret", 0600);
	make_dir("owned", 0700);
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
	syscall(SYS_add_key, "user", abstract_name, "x", 1, KEY_SPEC_SESSION_KEYRING);
	snprintf(own_pid, sizeof(own_pid), "%d", (int)getpid());
	snprintf(own_root, sizeof(own_root), "/proc/%d/root/etc/passwd", (int)getpid());
}

static void remove_owned(void)
{
	cleanup_free char *secret = in_dir("secret"), *owned = in_dir("owned");

	io_remove_tree(AT_FDCWD, secret);
	io_remove_tree(AT_FDCWD, owned);
}

/* Targets of the network attacks, and a descriptor that is not close-on-exec. */
static void listen_and_leak(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t in_length = sizeof(in);
	int tcp = socket(AF_INET, SOCK_STREAM, 0);
	int abstract = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(un.sun_path + 1, abstract_name, strlen(abstract_name));
	if (bind(tcp, (struct sockaddr *)&in, in_length) < 0 || listen(tcp, 16) < 0 ||
		getsockname(tcp, (struct sockaddr *)&in, &in_length) < 0 ||
		bind(abstract, (struct sockaddr *)&un,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    strlen(abstract_name))) < 0 ||
		listen(abstract, 16) < 0)
		exit(1);
	snprintf(port, sizeof(port), "%d", ntohs(in.sin_port));
	gethostname(host_name, sizeof(host_name) - 1);
	setenv("SBX_TEST_SECRET", "x", 1);
}

static int run_all(const char *who)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attacks),
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_inside_root),
		cmocka_unit_test(test_own_fds),
		cmocka_unit_test(test_network_kept),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_parent_killed),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_optional),
		cmocka_unit_test(test_unused_uid),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_landlock),
		cmocka_unit_test(test_check),
	};
	int failed;

	print_message("confine as %s\n", who);
	make_owned();
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove_owned();
	return failed;
}

/* Changing the ids makes a process non-dumpable; a login shell would not be. */
static int run_as_normal_user(void)
{
	if (setgroups(0, NULL) < 0 || setresgid(NORMAL_UID, NORMAL_UID, NORMAL_UID) < 0 ||
		setresuid(NORMAL_UID, NORMAL_UID, NORMAL_UID) < 0 ||
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return 1;
	return run_all("a normal user");
}

int main(int argc, char **argv)
{
	int failed;

	umask(0);
	make_dirs(argv[0]);
	listen_and_leak();
	failed = run_all(geteuid() == 0 ? "root" : "a normal user");
	if (geteuid() == 0)
		failed += in_child(run_as_normal_user);
	if (have_submount) {
		cleanup_free char *sub = in_dir("ro/sub");

		umount2(sub, MNT_DETACH);
	}
	io_remove_tree(AT_FDCWD, dir);
	free(dir);
	return failed;
}
