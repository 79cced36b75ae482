/* SPDX-License-Identifier: Apache-2.0 */
/*
 * confine_spawn() under attack: attacker.c tries everything once plainly, where it has to work (or
 * the attack proves nothing), and once confined, where it has to fail.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "confine_world.h"

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
	{ "read", world.own_root, WORKS },
	{ "list", "/proc/self/root/etc", WORKS },
	{ "read", "/proc/sys/kernel/ostype", WORKS },
	{ "read", "/proc/cmdline", WORKS },
	{ "list", "/sys/kernel", WORKS },
	{ "list", "/dev/zero", WORKS },
	{ "fds", "", WORKS },
	{ "tcp", world.port, WORKS },
	{ "abstract", world.name, WORKS },
	{ "socket", "16" /* netlink */, WORKS },
	{ "socket-wide", "16", WORKS },
	{ "socket", "38" /* alg */, NOT_TRIED },
	{ "socket", "40" /* vsock */, NOT_TRIED },
	{ "signal", world.own_pid, WORKS },
	{ "ptrace", world.own_pid, WORKS_FOR_ROOT },
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
	{ "keyring", world.name, WORKS },
	{ "capability", "", WORKS },
	{ "chroot", "/", WORKS_FOR_ROOT },
	{ "setuid", "0", WORKS_FOR_ROOT },
	{ "core", "", NOT_TRIED },
	{ "privileges", "", WORKS },
	{ "host-name", world.host_name, WORKS },
	{ "environment", WORLD_SECRET, WORKS },
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

static void test_file_size(void **state)
{
	static const unsigned long long limits[] = { 0, (1 << 20) + 1, 1 << 20 };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		FILE *file = tmpfile();
		int fd = fileno(file);
		struct confined c;

		confined_init(&c, "grow-fd", "3");
		c.spec.fds = &fd;
		c.spec.fd_count = 1;
		c.spec.file_size = limits[i];
		assert_int_equal(confined_run(&c), limits[i] == 1 << 20);
		confined_finish(&c);
		fclose(file);
	}
}

static void test_network_kept(void **state)
{
	struct confined c;

	confined_init(&c, "tcp", world.port);
	c.spec.keep_network = true;
	assert_int_equal(confined_run(&c), 0);
	confined_finish(&c);
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

static int run_group(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attacks),
		cmocka_unit_test(test_granted),
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_inside_root),
		cmocka_unit_test(test_own_fds),
		cmocka_unit_test(test_file_size),
		cmocka_unit_test(test_network_kept),
		cmocka_unit_test(test_parent_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	return world_run(argv[0], run_group);
}
