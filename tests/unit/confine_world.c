/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of src/confine attack. */
#include "confine_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

struct world world;
static bool have_submount;

char *in_dir(const char *name)
{
	return paths_join(world.dir, name);
}

static int wait_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int run_plainly(const char *attack, const char *argument)
{
	cleanup_free char *program = in_dir("attacker");
	pid_t pid = fork();

	if (pid == 0) {
		execl(program, program, attack, argument, NULL);
		_exit(126);
	}
	return wait_status(pid);
}

/* Everything a program may be given, in the same place as outside. The caller frees the sources. */
void confined_init(struct confined *c, const char *attack, const char *argument)
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

void confined_finish(struct confined *c)
{
	for (size_t i = 0; i < 4; i++)
		free((char *)c->binds[i].source);
}

int confined_run(struct confined *c)
{
	cleanup_err struct err err = ERR_INIT;
	int pidfd = -1;
	pid_t pid = -1;

	if (confine_spawn(&c->spec, &pid, &pidfd, &err) < 0)
		fail_msg("%s", err.message);
	close(pidfd);
	return wait_status(pid);
}

int run_confined(const char *attack, const char *argument)
{
	struct confined c;
	int status;

	confined_init(&c, attack, argument);
	status = confined_run(&c);
	confined_finish(&c);
	return status;
}

int in_child(int (*run)(void))
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

	world.dir = xstrdup(mkdtemp(template));
	chmod(world.dir, 0777);
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
	syscall(SYS_add_key, "user", world.name, "x", 1, KEY_SPEC_SESSION_KEYRING);
	snprintf(world.own_pid, sizeof(world.own_pid), "%d", (int)getpid());
	snprintf(world.own_root, sizeof(world.own_root), "/proc/%d/root/etc/passwd", (int)getpid());
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

	memcpy(un.sun_path + 1, world.name, strlen(world.name));
	if (bind(tcp, (struct sockaddr *)&in, in_length) < 0 || listen(tcp, 16) < 0 ||
		getsockname(tcp, (struct sockaddr *)&in, &in_length) < 0 ||
		bind(abstract, (struct sockaddr *)&un,
			(socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
				    strlen(world.name))) < 0 ||
		listen(abstract, 16) < 0)
		exit(1);
	snprintf(world.port, sizeof(world.port), "%d", ntohs(in.sin_port));
	gethostname(world.host_name, sizeof(world.host_name) - 1);
	setenv(WORLD_SECRET, "x", 1);
}

static int run_as_caller(int (*run_group)(void))
{
	int failed;

	print_message("as %s\n", geteuid() == 0 ? "root" : "a normal user");
	make_owned();
	failed = run_group();
	remove_owned();
	return failed;
}

/* Changing the ids makes a process non-dumpable; a login shell would not be. */
static int run_as_normal_user(int (*run_group)(void))
{
	int failed = 1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return wait_status(pid);
	if (setgroups(0, NULL) == 0 && setresgid(NORMAL_UID, NORMAL_UID, NORMAL_UID) == 0 &&
		setresuid(NORMAL_UID, NORMAL_UID, NORMAL_UID) == 0 &&
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
		failed = run_as_caller(run_group);
	fflush(NULL);
	_exit(failed);
}

int world_run(const char *own_path, int (*run_group)(void))
{
	cleanup_free char *sub = NULL;
	int failed;

	umask(0);
	snprintf(world.name, sizeof(world.name), "sbx-test-confine-%d", (int)getpid());
	make_dirs(own_path);
	listen_and_leak();
	failed = run_as_caller(run_group);
	if (geteuid() == 0)
		failed += run_as_normal_user(run_group);
	sub = in_dir("ro/sub");
	if (have_submount)
		umount2(sub, MNT_DETACH);
	io_remove_tree(AT_FDCWD, world.dir);
	free(world.dir);
	return failed ? 1 : 0;
}
