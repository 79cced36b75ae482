/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU back end of vm.h.
 *
 * QEMU is given every file and socket as a descriptor and runs in a root of its own that holds its
 * binary, the system's libraries, its firmware, the kernel and the initramfs; under KVM also
 * /dev/kvm. It starts with the machine running. What it says on its control channel is bounded and
 * checked (qmp.c), because the guest may have taken it over: any nonsense is VM_EVENT_BROKEN, and
 * the keeper then kills it. Nothing it says is ever waited for.
 */
#include "vm/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "confine/confine.h"
#include "vm/args.h"
#include "vm/qemu_args.h"
#include "vm/qmp.h"
#include "vm/tsc.h"

enum { LOCK_WAIT_MS = 2000, LOCK_PAUSE_MS = 10 };

enum { MAX_FDS = QEMU_FD_REST - 3 + VM_MAX_SHARES + VM_MAX_DISKS };

void vm_prepare(void)
{
	tsc_start();
}

/*
 * A writable disk belongs to one monitor. The lock is of the open file, which QEMU inherits, so it
 * lasts exactly as long as QEMU does, whatever becomes of the keeper. After a keeper was killed,
 * its QEMU may need some milliseconds to die; that is waited for.
 */
static int lock_disk(int fd, const struct vm_disk *disk, struct err *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

	for (int waited = 0; waited < LOCK_WAIT_MS; waited += LOCK_PAUSE_MS) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, errno, "lock %s", disk->path);
		nanosleep(&pause, NULL);
	}
	return err_set(err, EBUSY, "%s is in use by another VM", disk->path);
}

static int open_disk(const struct vm_disk *disk, int *ret_fd, struct err *err)
{
	cleanup_close int fd =
		open(disk->path, (disk->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "open %s", disk->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, EINVAL, "%s is not a regular file", disk->path);
	if (st.st_size == 0)
		return err_set(err, EINVAL, "%s is empty", disk->path);
	if (!disk->readonly) {
		int r = lock_disk(fd, disk, err);

		if (r < 0)
			return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static int open_disks(const struct vm_config *config, int *fds, struct err *err)
{
	for (size_t i = 0; i < config->disk_count; i++) {
		int r = open_disk(&config->disks[i], &fds[i], err);

		if (r < 0) {
			close_all(fds, i);
			return r;
		}
	}
	return 0;
}

/* Which /dev/kvm the monitor gets, and with which group it may open it. */
struct kvm_access {
	char *path;
	gid_t group;	/* 0: none */
	bool temporary; /* ours, to be removed once the monitor runs */
};

/*
 * A node of our own for the monitor's user, beside the real one: in other places device nodes may
 * be forbidden. A keeper killed here leaves it; the next start of the sandbox replaces it.
 */
static int make_kvm_node(const char *id, const struct stat *st, struct kvm_access *access,
	struct err *err)
{
	uid_t uid = confine_unused_uid(id);
	cleanup_free char *path = xasprintf("/dev/.sbx-kvm-%s", id);

	unlink(path);
	if (mknod(path, S_IFCHR | 0600, st->st_rdev) < 0)
		return err_errno(err, errno, "%s", path);
	access->path = take_ptr(path);
	access->temporary = true;
	return chown(access->path, uid, uid) < 0 ? err_errno(err, errno, "%s", access->path) : 0;
}

/*
 * A caller who is not root has the right himself, else KVM was not chosen. Root's monitor runs
 * under an unused uid: it needs the device's group, or, where udev gave it none, a node of its own.
 */
static int get_kvm_access(const char *id, struct kvm_access *access, struct err *err)
{
	struct stat st;

	if (stat("/dev/kvm", &st) < 0)
		return err_errno(err, errno, "/dev/kvm");
	if (geteuid() == 0 && (st.st_mode & 0006) != 0006 &&
		((st.st_mode & 0060) != 0060 || st.st_gid == 0))
		return make_kvm_node(id, &st, access, err);
	access->path = xstrdup("/dev/kvm");
	access->group = st.st_gid;
	return 0;
}

static void cleanup_kvm_access(struct kvm_access *access)
{
	if (access->temporary)
		unlink(access->path);
	free(access->path);
}

static int spawn(const struct vm_config *config, const int *fds, size_t fd_count,
	unsigned long long file_size, pid_t *ret_pid, int *ret_pidfd, struct err *err)
{
	__attribute__((cleanup(cleanup_kvm_access))) struct kvm_access access = { 0 };
	bool kvm = config->accel == VM_ACCEL_KVM;
	int r = kvm ? get_kvm_access(config->id, &access, err) : 0;
	const struct confine_bind binds[] = {
		{ QEMU_PROGRAM },
		{ "/usr/lib/x86_64-linux-gnu" },
		{ "/lib/x86_64-linux-gnu" },
		{ "/lib64" },
		{ "/etc/ld.so.cache", .flags = CONFINE_OPTIONAL },
		{ "/dev/null", .flags = CONFINE_WRITABLE | CONFINE_DEVICE },
		{ "/usr/share/qemu" },
		{ "/usr/share/seabios", .flags = CONFINE_OPTIONAL },
		{ config->kernel, .target = QEMU_KERNEL },
		/* Last: left out under TCG. */
		{ access.path, .target = "/dev/kvm", .flags = CONFINE_WRITABLE | CONFINE_DEVICE },
	};
	const struct confine_file initrd = { .target = QEMU_INITRD, .fd = config->initrd_fd };
	uid_t uid = confine_unused_uid(config->id);
	cleanup_args struct args args = { 0 };
	struct confine_spec spec = {
		.program = QEMU_PROGRAM,
		.binds = binds,
		.bind_count = sizeof(binds) / sizeof(*binds) - (kvm ? 0 : 1),
		.files = &initrd,
		.file_count = 1,
		.fds = fds,
		.fd_count = fd_count,
		.stdout_fd = config->log_fd,
		.stderr_fd = config->log_fd,
		.inside_uid = 1,
		.inside_gid = 1,
		.root_uid = uid,
		.root_gid = uid,
		.extra_gid = access.group,
		.file_size = file_size,
	};

	if (r < 0)
		return r;
	qemu_build_args(config, kvm ? 0 : tsc_khz(), &args);
	spec.argv = args.list;
	return confine_spawn(&spec, ret_pid, ret_pidfd, err);
}

/*
 * The largest file that QEMU may make: one that was taken over could else let the sandbox's disk
 * grow until the host's is full. The guest's memory is a file to the kernel, too.
 */
static unsigned long long largest_file(const struct vm_config *config, const int *disk_fds)
{
	unsigned long long largest = (unsigned long long)config->memory_mib << 20;

	for (size_t i = 0; i < config->disk_count; i++) {
		struct stat st;

		if (!config->disks[i].readonly && fstat(disk_fds[i], &st) == 0 &&
			(unsigned long long)st.st_size > largest)
			largest = (unsigned long long)st.st_size;
	}
	return largest;
}

static int start_with_disks(const struct vm_config *config, const int *disk_fds, int qmp_fd,
	struct vm *vm, struct err *err)
{
	int fds[MAX_FDS] = { qmp_fd, config->console_fd, config->vsock_fd };
	size_t count = QEMU_FD_REST - 3;

	for (size_t i = 0; i < config->share_count; i++)
		fds[count++] = config->shares[i].vhost_fd;
	for (size_t i = 0; i < config->disk_count; i++)
		fds[count++] = disk_fds[i];
	return spawn(config, fds, count, largest_file(config, disk_fds), &vm->pid, &vm->pidfd, err);
}

static int check(const struct vm_config *config, struct err *err)
{
	if (access(QEMU_PROGRAM, X_OK) < 0) {
		err_errno(err, errno, "%s", QEMU_PROGRAM);
		err_hint(err, "sudo apt install qemu-system-x86");
		return -ENOENT;
	}
	if (access(config->kernel, R_OK) < 0)
		return err_errno(err, errno, "kernel %s", config->kernel);
	return 0;
}

int vm_start(const struct vm_config *config, struct vm *ret_vm, struct err *err)
{
	cleanup_close int ours = -1, theirs = -1;
	int pair[2], disk_fds[VM_MAX_DISKS] = { 0 };
	struct vm vm = { 0 };
	struct qmp *qmp;
	int r = check(config, err);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	r = io_set_nonblocking(ours, true);
	if (r < 0)
		return err_errno(err, -r, "socketpair");
	r = open_disks(config, disk_fds, err);
	if (r < 0)
		return r;
	r = start_with_disks(config, disk_fds, theirs, &vm, err);
	close_all(disk_fds, config->disk_count);
	if (r < 0)
		return r;
	qmp = xcalloc(1, sizeof(*qmp));
	vm.control_fd = ours;
	vm.backend = qmp;
	qmp_init(qmp, take_fd(&ours));
	/* Events flow once this is answered; the answer itself tells nothing. */
	qmp_command(qmp, "qmp_capabilities");
	*ret_vm = vm;
	return 0;
}

static const unsigned event_bits[] = {
	[QMP_EVENT_OTHER] = VM_EVENT_NONE,
	[QMP_EVENT_SHUTDOWN] = VM_EVENT_SHUTDOWN,
	[QMP_EVENT_RESET] = VM_EVENT_RESET,
	[QMP_EVENT_PANIC] = VM_EVENT_PANIC,
	[QMP_EVENT_DISK_FULL] = VM_EVENT_DISK_FULL,
};

unsigned vm_handle_events(struct vm *vm)
{
	struct qmp *qmp = vm->backend;
	unsigned events = 0;
	enum qmp_event event;
	ssize_t n = qmp_read(qmp);
	int r;

	if (n == 0 || (n < 0 && n != -EAGAIN && n != -EINTR))
		events |= VM_EVENT_BROKEN;
	while ((r = qmp_next(qmp, &event)) > 0)
		events |= event_bits[event];
	return r < 0 ? events | VM_EVENT_BROKEN : events;
}

int vm_pause(struct vm *vm)
{
	return qmp_command(vm->backend, "stop");
}

int vm_resume(struct vm *vm)
{
	return qmp_command(vm->backend, "cont");
}

void vm_kill(struct vm *vm)
{
	syscall(SYS_pidfd_send_signal, vm->pidfd, SIGKILL, NULL, 0);
}

void vm_finish(struct vm *vm)
{
	if (!vm->backend)
		return;
	qmp_finish(vm->backend);
	free(vm->backend);
	close(vm->pidfd);
	*vm = (struct vm){ .pidfd = -1, .control_fd = -1 };
}
