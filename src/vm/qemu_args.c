/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU's command line. */
#include "vm/qemu_args.h"

#include <inttypes.h>

#include "common/cleanup.h"
#include "common/mem.h"

enum {
	MICROVM_SLOTS = 24,
	OTHER_DEVICES = 3, /* vsock, rng, balloon */
	TRANSLATION_CACHE_MIB = 512,
};

bool qemu_fits_microvm(const struct vm_config *config)
{
	return config->disk_count + config->share_count + OTHER_DEVICES <= MICROVM_SLOTS;
}

/* qboot, because newer SeaBIOS puts ACPI tables where QEMU puts a microvm's initramfs: docs/vm.md. */
static void add_machine(const struct vm_config *config, struct args *args)
{
	static const char common[] = "memory-backend=ram,mem-merge=off,dump-guest-core=off,usb=off";

	if (qemu_fits_microvm(config)) {
		args_option(args, "-machine",
			"microvm,acpi=on,pic=off,pit=off,rtc=on,pcie=off,isa-serial=on,%s", common);
		args_option(args, "-global", "virtio-mmio.force-legacy=false");
		args_option(args, "-bios", "qboot.rom");
	} else {
		args_option(args, "-machine",
			"q35,vmport=off,smbus=off,sata=off,i8042=off,graphics=off,%s", common);
	}
	if (config->accel == VM_ACCEL_KVM) {
		args_option(args, "-accel", "kvm");
		args_option(args, "-cpu", "host,vmx=off,svm=off");
	} else {
		args_option(args, "-accel", "tcg,thread=multi,tb-size=%d", TRANSLATION_CACHE_MIB);
		args_option(args, "-cpu", "max,svm=off");
	}
	args_option(args, "-smp", "%u", config->cpus);
	args_option(args, "-m", "%u", config->memory_mib);
	/* Shared, so that the vhost-user processes can map it. */
	args_option(args, "-object", "memory-backend-memfd,id=ram,size=%uM,share=on,prealloc=off",
		config->memory_mib);
}

/* An emulated CPU does not speculate in the guest's sight, so under TCG the mitigations only cost. */
static void add_kernel(const struct vm_config *config, uint64_t tsc_khz, struct args *args)
{
	cleanup_free char *clock = NULL;
	bool tcg = config->accel == VM_ACCEL_TCG;

	if (tsc_khz)
		clock = xasprintf(" tsc=reliable tsc_early_khz=%" PRIu64, tsc_khz);
	args_option(args, "-kernel", QEMU_KERNEL);
	args_option(args, "-initrd", QEMU_INITRD);
	args_option(args, "-append",
		"console=ttyS0 quiet loglevel=4 panic=-1 reboot=t nokaslr no_timer_check "
		"cryptomgr.notests random.trust_cpu=on 8250.nr_uarts=1%s%s",
		tcg ? " mitigations=off" : "", tcg && clock ? clock : "");
}

static void add_device(const struct vm_config *config, struct args *args, const char *name,
	const char *properties)
{
	args_option(args, "-device", "%s-%s,%s", name,
		qemu_fits_microvm(config) ? "device" : "pci", properties);
}

/* A descriptor as a file name: QEMU opens /dev/fdset/SET and gets a copy of it. */
static void add_fd_set(struct args *args, int fd)
{
	args_option(args, "-add-fd", "set=%d,fd=%d", fd, fd);
}

/* Without append=on QEMU would truncate what it opens, and fail: the console is a pipe. */
static void add_control(struct args *args)
{
	args_option(args, "-chardev", "socket,id=qmp,fd=%d", QEMU_FD_QMP);
	args_option(args, "-mon", "chardev=qmp,mode=control");
	add_fd_set(args, QEMU_FD_CONSOLE);
	args_option(args, "-chardev", "file,id=console,path=/dev/fdset/%d,append=on", QEMU_FD_CONSOLE);
	args_option(args, "-serial", "chardev:console");
}

static void add_disk(const struct vm_config *config, size_t index, int fd, struct args *args)
{
	const struct vm_disk *disk = &config->disks[index];
	/*
	 * Both layers have to pass a discard on. Read-only disks are shared by sandboxes: with
	 * QEMU's locks, one that was taken over could keep all others from starting.
	 */
	const char *mode = disk->readonly ? "read-only=on,file.locking=off"
					  : "read-only=off,discard=unmap,detect-zeroes=unmap,"
					    "file.discard=unmap,file.locking=on";
	cleanup_free char *properties =
		xasprintf("drive=disk%zu,serial=%s,num-queues=1", index, disk->serial);

	add_fd_set(args, fd);
	args_option(args, "-blockdev",
		"driver=raw,node-name=disk%zu,%s,file.driver=file,file.filename=/dev/fdset/%d,"
		"file.aio=threads",
		index, mode, fd);
	add_device(config, args, "virtio-blk", properties);
}

static void add_share(const struct vm_config *config, size_t index, int fd, struct args *args)
{
	cleanup_free char *properties =
		xasprintf("chardev=share%zu,tag=%s", index, config->shares[index].tag);

	args_option(args, "-chardev", "socket,id=share%zu,fd=%d", index, fd);
	add_device(config, args, "vhost-user-fs", properties);
}

static void add_devices(const struct vm_config *config, struct args *args)
{
	int fd = QEMU_FD_REST;

	args_option(args, "-chardev", "socket,id=vsock,fd=%d", QEMU_FD_VSOCK);
	add_device(config, args, "vhost-user-vsock", "chardev=vsock");
	for (size_t i = 0; i < config->share_count; i++)
		add_share(config, i, fd++, args);
	for (size_t i = 0; i < config->disk_count; i++)
		add_disk(config, i, fd++, args);
	args_option(args, "-object", "rng-builtin,id=rng");
	add_device(config, args, "virtio-rng", "rng=rng");
	add_device(config, args, "virtio-balloon", "free-page-reporting=on");
}

void qemu_build_args(const struct vm_config *config, uint64_t tsc_khz, struct args *args)
{
	args_add(args, "%s", QEMU_PROGRAM);
	args_option(args, "-name", "sbx-%s", config->id);
	args_add(args, "-nodefaults");
	args_add(args, "-no-user-config");
	args_add(args, "-no-reboot");
	args_option(args, "-display", "none");
	args_option(args, "-sandbox",
		"on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add_machine(config, args);
	add_kernel(config, tsc_khz, args);
	add_control(args);
	add_devices(config, args);
}
