/* SPDX-License-Identifier: Apache-2.0 */
/* sbx-vsock: the sandbox's vsock device, and the way of its streams to the host. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"
#include "confine/confine.h"
#include "virtio/vsock_relay.h"

static const char *const allowed[] = {
	/* the loop and the streams */
	"epoll_wait", "epoll_pwait", "epoll_ctl", "accept4", "recvfrom", "recvmsg", "sendto",
	"sendmsg", "shutdown", "socketpair", "close", "fcntl", "read", "readv", "write", "writev",
	/* the guest's memory, buffers that are given back */
	"mmap", "munmap", "madvise", "fstat", "newfstatat", "lseek",
	/* libc: heap, log lines, abort and exit */
	"brk", "mremap", "mprotect", "futex", "clock_gettime", "getpid", "gettid", "tgkill",
	"rt_sigprocmask", "rt_sigreturn", "restart_syscall", "exit", "exit_group", NULL,
};

static int parse_option(const char *name, const char *value, int *fds, uint32_t *cid)
{
	static const char *const names[] = { "--vhost-fd", "--listen-fd", "--keeper-fd" };
	uint64_t number;

	if (text_parse_u64(value, INT32_MAX, &number) < 0)
		return -EINVAL;
	if (strcmp(name, "--cid") == 0) {
		*cid = (uint32_t)number;
		return 0;
	}
	for (int i = 0; i < 3; i++) {
		if (strcmp(name, names[i]) == 0) {
			fds[i] = (int)number;
			return 0;
		}
	}
	return -EINVAL;
}

int main(int argc, char **argv)
{
	static struct relay relay;
	cleanup_err struct err err = ERR_INIT;
	int fds[3] = { -1, -1, -1 };
	uint32_t cid = 0;
	int r = 0;

	log_init("sbx-vsock");
	signal(SIGPIPE, SIG_IGN);
	for (int i = 1; r == 0 && i < argc; i += 2)
		r = i + 1 < argc ? parse_option(argv[i], argv[i + 1], fds, &cid) : -EINVAL;
	if (r < 0 || fds[0] < 0 || fds[1] < 0 || fds[2] < 0 || cid < 3)
		die("usage: sbx-vsock --vhost-fd N --listen-fd N --keeper-fd N --cid N");
	if (relay_init(&relay, fds[0], fds[1], fds[2], cid, &err) < 0 ||
		confine_seccomp(allowed, &err) < 0)
		die("%s", err.message);
	r = relay_run(&relay);
	if (r < 0)
		die("vhost-user: %s", strerror(-r));
	return 0;
}
