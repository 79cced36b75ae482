/* SPDX-License-Identifier: Apache-2.0 */
/* System call filters: the one every confined program gets, and the allow-list of our own. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "confine/internal.h"

/*
 * Refused to every confined program, whatever it does for a living: the doors to new namespaces
 * and mounts (in a namespace of its own it would hold all capabilities again, and with them most
 * of the kernel's attack surface), the caller's keyrings, other processes, and the kernel itself.
 */
static const char *const refused[] = { "acct", "add_key", "bpf", "delete_module", "fanotify_init",
	"finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter",
	"io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp", "kexec_file_load",
	"kexec_load", "keyctl", "lookup_dcookie", "mount", "mount_setattr", "move_mount",
	"open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "process_madvise",
	"process_vm_readv", "process_vm_writev", "ptrace", "quotactl", "quotactl_fd", "reboot",
	"request_key", "setns", "swapoff", "swapon", "syslog", "umount2", "userfaultfd" };

/* Of clone and unshare; their other flags (threads, a working directory each) are harmless. */
static const unsigned long namespaces[] = { CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET,
	CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP };

/*
 * The families of sockets that end at the network namespace, which is empty. Others do not: vsock
 * reaches the hypervisor under the host, alg and netlink reach parts of the kernel that no program
 * here needs.
 */
enum { LAST_FAMILY = AF_INET6 };

static const int families[] = { AF_UNIX, AF_INET, AF_INET6 };

/* CLONE_NEWTIME lies within clone's exit signal: it exists for unshare and clone3 alone. */
enum { NEWTIME = 0x80 };

static int refuse_calls(scmp_filter_ctx context)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int number = seccomp_syscall_resolve_name(refused[i]);
		int r;

		if (number < 0)
			continue; /* newer than this libseccomp, or not of this machine */
		r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), number, 0);
		if (r < 0)
			return r;
	}
	return 0;
}

static int refuse_flag(scmp_filter_ctx context, int call, unsigned long flag)
{
	return seccomp_rule_add(
		context, SCMP_ACT_ERRNO(EPERM), call, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
}

/* A filter cannot look into clone3's structure: ENOSYS makes libc use clone. */
static int refuse_namespaces(scmp_filter_ctx context)
{
	int number = seccomp_syscall_resolve_name("clone3");
	int r = number < 0 ? 0 : seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), number, 0);

	for (size_t i = 0; r == 0 && i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		r = refuse_flag(context, SCMP_SYS(clone), namespaces[i]);
		if (r == 0)
			r = refuse_flag(context, SCMP_SYS(unshare), namespaces[i]);
	}
	return r == 0 ? refuse_flag(context, SCMP_SYS(unshare), NEWTIME) : r;
}

static bool family_is_allowed(int family)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i] == family)
			return true;
	return false;
}

/* The kernel looks at the lower half of the argument only; with an upper half it is "greater". */
static int refuse_families(scmp_filter_ctx context)
{
	static const int calls[] = { SCMP_SYS(socket), SCMP_SYS(socketpair) };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
		r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), calls[i], 1,
			SCMP_A0(SCMP_CMP_GT, LAST_FAMILY));
		for (int family = 0; r == 0 && family < LAST_FAMILY; family++)
			if (!family_is_allowed(family))
				r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT),
					calls[i], 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	}
	return r;
}

int seccomp_base_filter(struct filter *ret_filter, struct err *err)
{
	static int (*const rules[])(scmp_filter_ctx) = { refuse_calls, refuse_namespaces,
							 refuse_families, NULL };

	return filter_build(rules, ret_filter, err);
}

static int allow_calls(scmp_filter_ctx context, const char *const *allowed, struct err *err)
{
	for (; *allowed; allowed++) {
		int number = seccomp_syscall_resolve_name(*allowed);
		int r;

		if (number == __NR_SCMP_ERROR)
			return err_set(err, EINVAL, "libseccomp: no system call %s", *allowed);
		if (number < 0)
			continue; /* another machine's */
		r = seccomp_rule_add(context, SCMP_ACT_ALLOW, number, 0);
		if (r < 0)
			return err_errno(err, -r, "libseccomp: allow %s", *allowed);
	}
	return 0;
}

int confine_seccomp(const char *const *allowed, struct err *err)
{
	scmp_filter_ctx context;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, errno, "prctl");
	context = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!context)
		return err_set(err, ENOMEM, "libseccomp: no memory");
	r = allow_calls(context, allowed, err);
	if (r == 0) {
		seccomp_attr_set(context, SCMP_FLTATR_CTL_TSYNC, 1);
		r = seccomp_load(context);
		if (r < 0)
			err_errno(err, -r, "install the system call filter");
	}
	seccomp_release(context);
	return r;
}
