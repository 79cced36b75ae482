/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attack per call, for test_confine.c: `attacker ATTACK [ARGUMENT]`. Exit status 0: it worked,
 * 1: it was prevented, 2: no such attack. Static, so that it runs in an empty root directory.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

static bool attack_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY);

	return fd >= 0 && read(fd, &byte, 1) == 1;
}

static bool attack_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	fchmod(fd, 0666); /* the next user tries the same path */
	return fd >= 0 && write(fd, "x", 1) == 1;
}

static bool attack_write_fd(const char *fd)
{
	return write(number(fd), "x", 1) == 1;
}

/* A file beyond a MiB. */
static bool attack_grow_fd(const char *fd)
{
	signal(SIGXFSZ, SIG_IGN);
	return ftruncate(number(fd), (1 << 20) + 1) == 0 || pwrite(number(fd), "x", 1, 1 << 20) == 1;
}

static bool attack_list(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool attack_execute(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Any descriptor but 0, 1 and 2. */
static bool attack_fds(const char *unused)
{
	for (int fd = 3; fd < 4096; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			return true;
	return false;
}

static bool attack_tcp(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)number(port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static bool attack_abstract(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(address.sun_path + 1, name, strlen(name));
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0;
}

/* A family that does not end at the network namespace. */
static bool attack_socket(const char *family)
{
	return socket(number(family), SOCK_RAW, 0) >= 0 || socket(number(family), SOCK_STREAM, 0) >= 0 ||
	       socket(number(family), SOCK_SEQPACKET, 0) >= 0;
}

/* The kernel takes the family from the lower half of the register. */
static bool attack_socket_wide(const char *family)
{
	return syscall(SYS_socket, 1UL << 32 | (unsigned long)number(family), SOCK_RAW, 0) >= 0;
}

static bool attack_signal(const char *pid)
{
	return kill((pid_t)number(pid), 0) == 0;
}

static bool attack_ptrace(const char *pid)
{
	return ptrace(PTRACE_SEIZE, (pid_t)number(pid), 0, 0) == 0;
}

static bool attack_mount(const char *path)
{
	return mount("tmpfs", path, "tmpfs", 0, NULL) == 0;
}

static bool attack_remount(const char *path)
{
	return mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL) == 0 && attack_write(path);
}

static bool attack_umount(const char *path)
{
	return umount2(path, MNT_DETACH) == 0;
}

static bool attack_userns(const char *unused)
{
	return unshare(CLONE_NEWUSER) == 0;
}

static bool attack_userns_clone(const char *unused)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool attack_userns_clone3(const char *unused)
{
	unsigned long args[8] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
	pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static bool attack_device(const char *path)
{
	int fd;

	unlink(path);
	if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) < 0)
		return false;
	fd = open(path, O_RDONLY);
	return fd >= 0;
}

/* A key in the session keyring that the caller has put there. */
static bool attack_keyring(const char *name)
{
	return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", name, 0) > 0;
}

static bool attack_capability(const char *unused)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) > 0)
			return true;
	return false;
}

static bool attack_chroot(const char *path)
{
	return chroot(path) == 0;
}

static bool attack_setuid(const char *uid)
{
	return setuid((uid_t)number(uid)) == 0;
}

static bool attack_core(const char *unused)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_max > 0;
}

static bool attack_privileges(const char *unused)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0;
}

static bool attack_host_name(const char *name)
{
	char own[256] = "";

	return gethostname(own, sizeof(own) - 1) == 0 && strcmp(own, name) == 0;
}

static bool attack_environment(const char *name)
{
	return getenv(name) != NULL;
}

/* Lives on after its parent, with descriptor 3 open as the sign of life; itself and a daemon. */
static bool attack_survive(const char *unused)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (fork() == 0)
		setsid();
	if (write(3, "x", 1) != 1)
		return false;
	for (;;)
		pause();
}

static const struct attack {
	const char *name;
	bool (*run)(const char *argument);
} attacks[] = {
	{ "read", attack_read },
	{ "write", attack_write },
	{ "write-fd", attack_write_fd },
	{ "grow-fd", attack_grow_fd },
	{ "list", attack_list },
	{ "execute", attack_execute },
	{ "fds", attack_fds },
	{ "tcp", attack_tcp },
	{ "abstract", attack_abstract },
	{ "socket", attack_socket },
	{ "socket-wide", attack_socket_wide },
	{ "signal", attack_signal },
	{ "ptrace", attack_ptrace },
	{ "mount", attack_mount },
	{ "remount", attack_remount },
	{ "umount", attack_umount },
	{ "userns", attack_userns },
	{ "userns-clone", attack_userns_clone },
	{ "userns-clone3", attack_userns_clone3 },
	{ "device", attack_device },
	{ "keyring", attack_keyring },
	{ "capability", attack_capability },
	{ "chroot", attack_chroot },
	{ "setuid", attack_setuid },
	{ "core", attack_core },
	{ "privileges", attack_privileges },
	{ "host-name", attack_host_name },
	{ "environment", attack_environment },
	{ "survive", attack_survive },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(attacks) / sizeof(attacks[0]); i++)
		if (strcmp(attacks[i].name, argv[1]) == 0)
			return attacks[i].run(argc > 2 ? argv[2] : "") ? 0 : 1;
	fprintf(stderr, "attacker: no such attack\n");
	return 2;
}
