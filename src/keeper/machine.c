/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the processes of one boot: sbx-vsock, a file server for each share, QEMU.
 *
 * They find each other by sockets made here, so none waits for another's start: QEMU, which takes
 * longest, loads the kernel while the others come up.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/paths.h"
#include "confine/confine.h"
#include "keeper/keeper.h"
#include "keeper/share.h"
#include "vm/initrd.h"

enum { GUEST_CID = 3 };

#define VSOCK_PROGRAM "/sbx-vsock"

static int make_pair(int type, int *ret_ours, int *ret_theirs, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "socketpair");
	*ret_ours = pair[0];
	*ret_theirs = pair[1];
	return 0;
}

static int add_child(struct keeper *keeper, enum child_kind kind, pid_t pid, int pidfd,
	struct err *err)
{
	int r = children_add(&keeper->children, kind, pid, pidfd);

	return r < 0 ? err_errno(err, -r, "watch a child") : 0;
}

static int spawn_vsock(struct keeper *keeper, const char *program, const int fds[3], int log_fd,
	struct err *err)
{
	char *argv[] = { (char *)VSOCK_PROGRAM, (char *)"--vhost-fd", (char *)"3",
			 (char *)"--listen-fd", (char *)"4",	      (char *)"--keeper-fd",
			 (char *)"5",		(char *)"--cid",      (char *)"3",
			 NULL };
	const struct confine_bind binds[] = {
		{ program, .target = VSOCK_PROGRAM },
		{ "/usr/lib/x86_64-linux-gnu" },
		{ "/lib/x86_64-linux-gnu" },
		{ "/lib64" },
		{ "/etc/ld.so.cache", .flags = CONFINE_OPTIONAL },
	};
	uid_t uid = confine_unused_uid(keeper->config.id);
	const struct confine_spec spec = {
		.program = VSOCK_PROGRAM,
		.argv = argv,
		.binds = binds,
		.bind_count = sizeof(binds) / sizeof(*binds),
		.fds = fds,
		.fd_count = 3,
		.stdout_fd = log_fd,
		.stderr_fd = log_fd,
		.inside_uid = 1,
		.inside_gid = 1,
		.root_uid = uid,
		.root_gid = uid,
	};
	int pidfd, r;
	pid_t pid;

	fault_point(FAULT_KEEPER_BEFORE_SPAWN_VSOCK);
	r = confine_spawn(&spec, &pid, &pidfd, err);
	if (r < 0)
		return err_wrap(err, "start sbx-vsock");
	fault_point(FAULT_KEEPER_AFTER_SPAWN_VSOCK);
	return add_child(keeper, CHILD_VSOCK, pid, pidfd, err);
}

/* *ret_vhost_fd: QEMU's end of the device's socket. */
static int start_vsock(struct keeper *keeper, int log_fd, int *ret_vhost_fd, struct err *err)
{
	cleanup_close int vhost_ours = -1, vhost_theirs = -1, link_ours = -1, link_theirs = -1;
	cleanup_free char *program = NULL;
	int r = paths_program("sbx-vsock", &program, err);

	if (r == 0)
		r = make_pair(SOCK_STREAM, &vhost_ours, &vhost_theirs, err);
	if (r == 0)
		r = make_pair(SOCK_SEQPACKET, &link_ours, &link_theirs, err);
	if (r == 0)
		r = spawn_vsock(keeper, program,
			(int[]){ vhost_theirs, keeper->vsock_listen_fd, link_theirs }, log_fd, err);
	if (r < 0)
		return r;
	r = guest_attach(&keeper->guest, take_fd(&link_ours));
	if (r < 0)
		return err_errno(err, -r, "watch sbx-vsock");
	*ret_vhost_fd = take_fd(&vhost_ours);
	return 0;
}

/* Below, not the path itself: no path is shared twice. */
static bool is_below(const char *path, const char *outer)
{
	size_t length = strlen(outer);

	return strncmp(path, outer, length) == 0 && path[length] == '/';
}

static size_t find_readonly_below(const struct config *config, const char *path,
	const char *list[VM_MAX_SHARES])
{
	size_t count = 0;

	for (size_t i = 0; i < config->share_count; i++)
		if (config->shares[i].readonly && is_below(config->shares[i].path, path))
			list[count++] = config->shares[i].path;
	return count;
}

static int start_share(struct keeper *keeper, const struct config_share *share, int log_fd,
	struct vm_share *ret_share, struct err *err)
{
	const char *below[VM_MAX_SHARES];
	const struct share_spec spec = {
		.tag = share->tag,
		.path = share->path,
		.readonly = share->readonly,
		.readonly_below = below,
		.readonly_below_count = find_readonly_below(&keeper->config, share->path, below),
		.id = keeper->config.id,
		.log_fd = log_fd,
	};
	int vhost_fd, pidfd, r;
	pid_t pid;

	fault_point(FAULT_KEEPER_BEFORE_SPAWN_SHARE);
	r = share_start(&spec, &vhost_fd, &pid, &pidfd, err);
	if (r < 0)
		return err_wrap(err, "share %s", share->path);
	fault_point(FAULT_KEEPER_AFTER_SPAWN_SHARE);
	*ret_share = (struct vm_share){ .tag = share->tag, .vhost_fd = vhost_fd };
	return add_child(keeper, CHILD_SHARE, pid, pidfd, err);
}

static int start_shares(struct keeper *keeper, struct vm_config *vm, struct err *err)
{
	for (size_t i = 0; i < keeper->config.share_count; i++) {
		int r;

		/* -1 first: what is counted gets closed. */
		vm->shares[vm->share_count] = (struct vm_share){ .vhost_fd = -1 };
		r = start_share(keeper, &keeper->config.shares[i], vm->log_fd,
			&vm->shares[vm->share_count++], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int build_initrd(const struct keeper *keeper, int *ret_fd, struct err *err)
{
	const struct config *config = &keeper->config;
	cleanup_free char *conf = config_guest_text(config);
	cleanup_free char *init = NULL;
	int r = paths_program("sbx-init", &init, err);

	if (r < 0)
		return r;
	return initrd_build(config->initrd_parts, config->initrd_part_count, init, conf, ret_fd,
		err);
}

static int start_vmm(struct keeper *keeper, const struct vm_config *config, struct err *err)
{
	int pidfd, r;

	fault_point(FAULT_KEEPER_BEFORE_SPAWN_VMM);
	r = vm_start(config, &keeper->vm, err);
	if (r < 0)
		return err_wrap(err, "start the VM");
	fault_point(FAULT_KEEPER_AFTER_SPAWN_VMM);
	pidfd = fcntl(keeper->vm.pidfd, F_DUPFD_CLOEXEC, 0);
	if (pidfd < 0)
		return err_errno(err, errno, "watch qemu");
	r = add_child(keeper, CHILD_VMM, keeper->vm.pid, pidfd, err);
	if (r < 0)
		return r;
	keeper->vm_control.fd = keeper->vm.control_fd;
	r = loop_add(&keeper->loop, &keeper->vm_control, EPOLLIN);
	return r < 0 ? err_errno(err, -r, "watch qemu") : 0;
}

static int start_all(struct keeper *keeper, struct vm_config *vm, struct err *err)
{
	int r = console_open(&keeper->console, &vm->console_fd);

	if (r == 0)
		r = console_open(&keeper->messages, &vm->log_fd);
	if (r < 0)
		return err_errno(err, -r, "pipe");
	r = start_vsock(keeper, vm->log_fd, &vm->vsock_fd, err);
	if (r == 0)
		r = start_shares(keeper, vm, err);
	if (r == 0)
		r = build_initrd(keeper, &vm->initrd_fd, err);
	return r == 0 ? start_vmm(keeper, vm, err) : r;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int machine_start(struct keeper *keeper, struct err *err)
{
	const struct config *config = &keeper->config;
	struct vm_config vm = {
		.id = config->id,
		.accel = keeper->accel,
		.cpus = config->cpus,
		.memory_mib = config->memory_mib,
		.kernel = config->kernel,
		.initrd_fd = -1,
		.disk_count = config->disk_count,
		.vsock_fd = -1,
		.vsock_cid = GUEST_CID,
		.console_fd = -1,
		.log_fd = -1,
	};
	int r;

	for (size_t i = 0; i < config->disk_count; i++)
		vm.disks[i] = config->disks[i];
	r = start_all(keeper, &vm, err);
	for (size_t i = 0; i < vm.share_count; i++)
		close_fd(vm.shares[i].vhost_fd);
	close_fd(vm.initrd_fd);
	close_fd(vm.vsock_fd);
	close_fd(vm.console_fd);
	close_fd(vm.log_fd);
	return r;
}

void machine_finish(struct keeper *keeper)
{
	keeper->suspect = EXIT_NONE;
	loop_remove(&keeper->loop, &keeper->vm_control);
	keeper->vm_control.fd = -1;
	vm_finish(&keeper->vm);
	guest_detach(&keeper->guest);
	console_close(&keeper->console);
	console_close(&keeper->messages);
}
