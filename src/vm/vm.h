/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual machine monitor as the keeper sees it. One back end per VMM (qemu.c; later our own).
 *
 * The keeper owns the monitor's process and every descriptor named here; the back end only knows
 * how to start it and how to speak with it.
 */
#ifndef VM_VM_H
#define VM_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

enum { VM_MAX_DISKS = 8, VM_MAX_SHARES = 16 };

enum vm_accel { VM_ACCEL_AUTO, VM_ACCEL_KVM, VM_ACCEL_TCG };

struct vm_disk {
	char *serial; /* how the guest finds it */
	char *path;
	bool readonly;
};

struct vm_share {
	char *tag;
	int vhost_fd; /* connected stream socket, the file server on the other end */
};

struct vm_config {
	const char *id;
	enum vm_accel accel; /* KVM or TCG: chosen before, see vm_accel_choose() */
	unsigned cpus;
	unsigned memory_mib;
	const char *kernel;
	int initrd_fd;	     /* memfd with the whole initrd */
	struct vm_disk disks[VM_MAX_DISKS];
	size_t disk_count;
	struct vm_share shares[VM_MAX_SHARES];
	size_t share_count;
	int vsock_fd;	     /* connected stream socket, sbx-vsock on the other end */
	unsigned vsock_cid;
	int console_fd;	     /* the guest's console is written here (a pipe) */
	int log_fd;	     /* the monitor's own messages */
};

/* A started monitor. */
struct vm {
	pid_t pid;
	int pidfd;	/* readable when the monitor has ended */
	int control_fd; /* readable: call vm_handle_events() */
	void *backend;
};

/* What vm_handle_events() found. */
enum vm_event {
	VM_EVENT_NONE = 0,
	VM_EVENT_SHUTDOWN = 1, /* the guest powered off */
	VM_EVENT_RESET = 2,    /* the guest asked for a reset */
	VM_EVENT_PANIC = 4,
	VM_EVENT_BROKEN = 8,   /* the control channel broke or spoke nonsense */
	VM_EVENT_DISK_FULL = 16, /* the host has no room for a block: paused, see vm_resume() */
};

/* Begins what takes a while and needs nothing to be known yet. Call it first of all. */
void vm_prepare(void);

/*
 * Starts a monitor. Takes no descriptor of the configuration: they stay the caller's and may be
 * closed once this returns. Disks are opened here; of two monitors, one gets a writable disk.
 */
int vm_start(const struct vm_config *config, struct vm *ret_vm, struct err *err);

/*
 * Reads what the monitor says; never blocks. Returns a set of enum vm_event. After the pidfd has
 * become readable, one more call finds what the monitor said last.
 */
unsigned vm_handle_events(struct vm *vm);

int vm_pause(struct vm *vm);
int vm_resume(struct vm *vm);

/* Ends the monitor at once. Does not wait; the pidfd tells. vm_finish() frees what is left of it. */
void vm_kill(struct vm *vm);
void vm_finish(struct vm *vm);

/*
 * KVM or TCG. `wanted` is what the user asked for (SBX_ACCEL); *ret_reason is a line for a person
 * when KVM is not used ("no vmx or svm flag: this machine cannot run a stock kernel under KVM"),
 * else NULL. Fails only if KVM was asked for and cannot be had.
 */
int vm_accel_choose(enum vm_accel wanted, enum vm_accel *ret_accel, char **ret_reason,
	struct err *err);

#endif
