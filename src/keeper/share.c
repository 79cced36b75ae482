/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 * -------------------
 * The server is the distribution's virtiofsd, which wants to be root: it switches to the ids the
 * guest names before it creates a file, and passes changes of owner on. Here it runs in a user
 * namespace that knows one user, the caller, under the number 1000, and serves without any
 * capability. So that it works all the same, a filter makes the calls that change ids or owners
 * *succeed without doing anything*: everything it makes belongs to the caller, and it can do no
 * more than the caller could, less his capabilities when he is root. virtiofsd adds its own
 * allow-list of system calls on top; of two filters' verdicts the stricter one counts, and "return
 * 0 without the call" is stricter than "allow".
 *
 * The set-user-id bit is refused: a guest would make programs that run as the caller for any other
 * user of the host who can reach the workspace.
 *
 * Its root directory holds libraries, itself and the path, at /share; nothing of /proc but its own
 * descriptors. A read-only share is read-only by its mount, which nothing inside can change. QEMU's
 * virtiofsd changes its root to /share before the first guest byte. The one written in Rust does
 * that for root only; a guest that took it over would find libraries beside the share.
 *
 * virtiofsd takes a *listening* socket. One with a name could be reached by others, so it is made
 * in the server's own empty network namespace, after the namespace exists and before the program
 * runs; that child also connects to it and sends the connected end back here.
 */
#include "keeper/share.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "confine/confine.h"
#include "confine/filter.h"
#include "vm/vm.h"

enum { SHARE_FD = 3, AGENT_ID = 1000 };

/* What the server sees: the first ones, then at most as many read-only paths as there are shares. */
enum { FIRST_BINDS = 7, MOST_BINDS = FIRST_BINDS + VM_MAX_SHARES };

#define SHARE_DIR     "/share"
#define SHARE_PROGRAM "/virtiofsd"

/* All that QEMU's would keep; it has none of them to begin with, and ends if it cannot keep one. */
#define NO_CAPABILITIES "-chown:-dac_override:-fowner:-fsetid:-setgid:-setuid:-mknod:-setfcap"

/*
 * Both: a second during which the guest may use names and attributes without asking, the price of
 * a usable speed; a file's bytes are asked for anew at each open. Locks stay within the guest:
 * waiting for a host's lock would hold up the server's only thread. No extended attributes: each
 * write would ask for one. No pool of threads: two cores, and memory that stays small.
 */
static const char *const arguments_c[] = {
	"virtiofsd",
	"--fd=3",
	"--thread-pool-size=0",
	"--rlimit-nofile=0",
	"-o",
	"source=" SHARE_DIR ",sandbox=chroot,cache=auto,timeout=1,no_xattr,no_flock,no_posix_lock,"
	"log_level=err,modcaps=" NO_CAPABILITIES,
	NULL,
};

static const char *const arguments_rust[] = {
	"virtiofsd",
	"--fd=3",
	"--thread-pool-size=0",
	"--rlimit-nofile=0",
	("--shared-dir=" SHARE_DIR),
	"--sandbox=none",
	"--cache=auto",
	"--log-level=error",
	"--inode-file-handles=never",
	NULL,
};

/* What QEMU's needs to change its root directory and to drop both; it serves with none. */
static const int capabilities_c[] = { CAP_SYS_CHROOT, CAP_SETPCAP, -1 };

static const struct server {
	const char *program;
	const char *const *arguments;
	const int *capabilities;
} servers[] = {
	{ "/usr/libexec/virtiofsd", arguments_rust, NULL },	    /* Debian 13, Fedora */
	{ "/usr/lib/virtiofsd", arguments_rust, NULL },		    /* Arch */
	{ "/usr/lib/qemu/virtiofsd", arguments_c, capabilities_c }, /* Debian 12: QEMU's, in C */
};

static const struct server *find_server(void)
{
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++)
		if (access(servers[i].program, X_OK) == 0)
			return &servers[i];
	return NULL;
}

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6; the same on all machines */
#endif

static const int squashed_calls[] = {
	SYS_setresuid,
	SYS_setresgid,
	SYS_setgroups,
	SYS_setfsuid,
	SYS_setfsgid,
	SYS_fchownat,
	SYS_fchown,
	SYS_chown,
	SYS_lchown,
};

/* Calls with a mode that may carry the set-user-id bit, and which argument that is. */
static const struct mode_call {
	int call;
	unsigned argument;
} mode_calls[] = {
	{ SYS_chmod, 1 },
	{ SYS_fchmod, 1 },
	{ SYS_fchmodat, 2 },
	{ SYS_fchmodat2, 2 },
	{ SYS_mknod, 1 },
	{ SYS_mknodat, 2 },
	{ SYS_creat, 1 },
	{ SYS_open, 2 },
	{ SYS_openat, 3 },
};

static int squash_owners(scmp_filter_ctx context)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(squashed_calls) / sizeof(squashed_calls[0]); i++)
		r = seccomp_rule_add(context, SCMP_ACT_ERRNO(0), squashed_calls[i], 0);
	return r;
}

/* openat2 has its mode in memory, where no filter can look; without it servers use openat. */
static int refuse_set_user_id(scmp_filter_ctx context)
{
	int r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SYS_openat2, 0);

	for (size_t i = 0; r == 0 && i < sizeof(mode_calls) / sizeof(mode_calls[0]); i++)
		r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), mode_calls[i].call, 1,
			SCMP_CMP(mode_calls[i].argument, SCMP_CMP_MASKED_EQ, S_ISUID, S_ISUID));
	return r;
}

/* In the server's network namespace, where nobody else is. The address is the kernel's choice. */
static int open_connection(int *ret_listener, int *ret_client)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address);
	cleanup_close int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	cleanup_close int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0 || client < 0 ||
		bind(listener, (struct sockaddr *)&address, sizeof(address.sun_family)) < 0 ||
		listen(listener, 1) < 0 ||
		getsockname(listener, (struct sockaddr *)&address, &length) < 0 ||
		connect(client, (struct sockaddr *)&address, length) < 0)
		return -errno;
	*ret_listener = take_fd(&listener);
	*ret_client = take_fd(&client);
	return 0;
}

/*
 * The last act of the child, see confine_spawn(). SHARE_FD comes in as the way to the parent and
 * goes out as the listening socket.
 */
static int prepare_server(void *arg)
{
	const struct filter *filter = arg;
	cleanup_close int listener = -1;
	cleanup_close int client = -1;
	int r = open_connection(&listener, &client);

	if (r == 0)
		r = io_send_fds(SHARE_FD, "", 1, &client, 1);
	if (r == 0 && dup2(listener, SHARE_FD) < 0)
		r = -errno;
	return r == 0 ? filter_install(filter) : r;
}

/*
 * A read-only path within a writable one is mounted over its place there: in the guest, root could
 * take the read-only share away and write by way of the other.
 */
static size_t add_binds(const struct share_spec *spec, const struct server *server,
	struct confine_bind binds[MOST_BINDS])
{
	const unsigned share_flags = CONFINE_RECURSIVE | CONFINE_NO_SYMLINKS;
	const struct confine_bind first[FIRST_BINDS] = {
		{ server->program, SHARE_PROGRAM, 0 },
		{ "/usr/lib", NULL, CONFINE_RECURSIVE },
		{ "/usr/lib64", NULL, CONFINE_RECURSIVE | CONFINE_OPTIONAL },
		{ "/lib", NULL, CONFINE_RECURSIVE | CONFINE_OPTIONAL },
		{ "/lib64", NULL, CONFINE_RECURSIVE | CONFINE_OPTIONAL },
		{ "/etc/ld.so.cache", NULL, CONFINE_OPTIONAL },
		{ spec->path, SHARE_DIR, share_flags | (spec->readonly ? 0 : CONFINE_WRITABLE) },
	};

	memcpy(binds, first, sizeof(first));
	for (size_t i = 0; i < spec->readonly_below_count; i++) {
		const char *path = spec->readonly_below[i];

		binds[FIRST_BINDS + i] = (struct confine_bind){ path,
			xasprintf(SHARE_DIR "%s", path + strlen(spec->path)), share_flags };
	}
	return FIRST_BINDS + spec->readonly_below_count;
}

static void free_binds(struct confine_bind *binds, size_t count)
{
	for (size_t i = FIRST_BINDS; i < count; i++)
		free((char *)binds[i].target);
}

static int spawn_server(const struct share_spec *spec, const struct server *server,
	struct filter *filter, int channel, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	cleanup_close int limit_fd = memfd_create("file-max", MFD_CLOEXEC);
	/* They want to know these limits even when told to leave their own alone. */
	const struct confine_file limits[] = {
		{ "/proc/sys/fs/file-max", limit_fd }, /* QEMU's */
		{ "/proc/sys/fs/nr_open", limit_fd },  /* the other */
	};
	struct confine_bind binds[MOST_BINDS];
	const struct confine_spec confine = {
		.program = SHARE_PROGRAM,
		.argv = (char *const *)server->arguments,
		.binds = binds,
		.bind_count = FIRST_BINDS + spec->readonly_below_count,
		.fds = &channel,
		.fd_count = 1,
		.stdout_fd = -1,
		.stderr_fd = spec->log_fd > 0 ? spec->log_fd : -1,
		.inside_uid = AGENT_ID,
		.inside_gid = AGENT_ID,
		.as_caller = true,
		.files = limits,
		.file_count = sizeof(limits) / sizeof(limits[0]),
		.mount_own_fds = true,
		.capabilities = server->capabilities,
		.before_exec = prepare_server,
		.arg = filter,
	};
	size_t count;
	int r;

	if (limit_fd < 0 || write(limit_fd, "1000000\n", 8) != 8)
		return err_errno(err, errno, "memfd_create");
	count = add_binds(spec, server, binds);
	r = confine_spawn(&confine, ret_pid, ret_pidfd, err);
	free_binds(binds, count);
	return r;
}

static void end_server(pid_t pid, int pidfd)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(pidfd);
}

static int receive_connection(int channel, int *ret_fd, struct err *err)
{
	size_t count = 1;
	char byte;
	ssize_t n = io_recv_fds(channel, &byte, 1, ret_fd, &count);

	if (n == 1 && count == 1)
		return 0;
	return err_errno(err, n < 0 ? (int)-n : EPROTO, "receive the connection");
}

int share_start(const struct share_spec *spec, int *ret_vhost_fd, pid_t *ret_pid, int *ret_pidfd,
	struct err *err)
{
	static int (*const rules[])(scmp_filter_ctx) = { squash_owners, refuse_set_user_id, NULL };
	const struct server *server = find_server();
	struct filter filter = { 0 };
	int channel[2], pidfd = -1, r;
	pid_t pid = -1;

	if (!server) {
		err_set(err, ENOENT, "no virtiofsd found");
		err_hint(err, "sudo apt install virtiofsd (Debian 12: qemu-system-common)");
		return -ENOENT;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0)
		return err_errno(err, errno, "socketpair");
	r = filter_build(rules, &filter, err);
	if (r == 0)
		r = spawn_server(spec, server, &filter, channel[1], &pid, &pidfd, err);
	close(channel[1]);
	if (r == 0) {
		r = receive_connection(channel[0], ret_vhost_fd, err);
		if (r < 0)
			end_server(pid, pidfd);
	}
	close(channel[0]);
	filter_finish(&filter);
	if (r < 0)
		return r;
	*ret_pid = pid;
	*ret_pidfd = pidfd;
	return 0;
}
