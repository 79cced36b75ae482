/* SPDX-License-Identifier: Apache-2.0 */
/* From the initramfs to the sandbox's root. */
#include "guest/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "guest/console.h"
#include "guest/disks.h"
#include "guest/modules.h"
#include "guest/shares.h"
#include "guest/system.h"

#define NEW_ROOT "/sandbox"
#define LAYERS_WITH_AGENT "lowerdir=/agent:/base,"
#define LAYERS_BASE_ONLY  "lowerdir=/base,"

enum { BASE, AGENT, DISK, DISK_COUNT };

enum {
	DISK_POLL_NS = 5000000,
	DISK_POLLS = 1000, /* five seconds */
	OPEN_FILES = 65536,
	OPEN_FILES_MAXIMUM = 1048576,
};

/* A file system to mount, in the order of the table. */
struct mount_step {
	const char *source, *target, *type;
	unsigned long flags;
	const char *options;
};

static const struct mount_step initramfs_mounts[] = {
	{ "dev", "/dev", "devtmpfs", MS_NOSUID | MS_NOEXEC, "mode=755" },
	{ "sys", "/sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL },
};

static const struct mount_step root_mounts[] = {
	{ "/dev", NEW_ROOT "/dev", NULL, MS_MOVE, NULL },
	{ "/sys", NEW_ROOT "/sys", NULL, MS_MOVE, NULL },
	{ "proc", NEW_ROOT "/proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL },
	{ "pts", NEW_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
		"gid=5,mode=620,ptmxmode=666" },
	{ "shm", NEW_ROOT "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" },
	{ "run", NEW_ROOT "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755" },
	{ "/disk/docker", NEW_ROOT "/var/lib/docker", NULL, MS_BIND, NULL },
};

static int do_mount(const struct mount_step *step, struct err *err)
{
	mkdir(step->target, 0755);
	if (mount(step->source, step->target, step->type, step->flags, step->options) == 0) {
		console_debug("mount %s", step->target);
		return 0;
	}
	return err_errno(err, errno, "cannot mount %s at %s", step->source, step->target);
}

static int do_mounts(const struct mount_step *steps, size_t count, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = do_mount(&steps[i], err);
	return r;
}

/* Their drivers are loaded; a bus that is probed in the background may need a moment more. */
static int wait_for_disks(struct disk *disks, struct err *err)
{
	static const struct timespec pause = { .tv_nsec = DISK_POLL_NS };

	for (int i = 0; i < DISK_POLLS; i++) {
		disks_find(disks, DISK_COUNT);
		if (disks[BASE].device[0] && disks[DISK].device[0])
			return 0;
		nanosleep(&pause, NULL);
	}
	return err_set(err, ENODEV, "no disk '%s'",
		disks[disks[BASE].device[0] ? DISK : BASE].serial);
}

static int mount_disks(const struct disk *disks, struct err *err)
{
	const struct mount_step steps[] = {
		{ disks[BASE].device, "/base", "erofs", MS_RDONLY, NULL },
		{ disks[DISK].device, "/disk", "ext4", MS_NOATIME, "discard,noinit_itable" },
		{ disks[AGENT].device, "/agent", "erofs", MS_RDONLY, NULL },
	};

	return do_mounts(steps, disks[AGENT].device[0] ? 3 : 2, err);
}

static int mount_root(const struct disk *disks, struct boot *boot, struct err *err)
{
	char options[256];
	const struct mount_step step = { "overlay", NEW_ROOT, "overlay", MS_NOATIME, options };
	struct stat st;

	boot->disk_fd = open("/disk", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (boot->disk_fd < 0)
		return err_errno(err, errno, "/disk");
	mkdirat(boot->disk_fd, "upper", 0755);
	mkdirat(boot->disk_fd, "work", 0700);
	mkdirat(boot->disk_fd, "docker", 0710);
	boot->first = fstatat(boot->disk_fd, "upper" SYSTEM_MARK, &st, 0) < 0 || st.st_size == 0;
	snprintf(options, sizeof(options),
		"%supperdir=/disk/upper,workdir=/disk/work,redirect_dir=on,xino=auto",
		disks[AGENT].device[0] ? LAYERS_WITH_AGENT : LAYERS_BASE_ONLY);
	return do_mount(&step, err);
}

/* The overlay becomes "/" for us and all that comes; the initramfs stays below it. */
static int switch_root(struct err *err)
{
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
		chdir("/") < 0)
		return err_errno(err, errno, "cannot enter the new root");
	return 0;
}

static void set_limits(void)
{
	struct rlimit files = { OPEN_FILES, OPEN_FILES_MAXIMUM };
	struct rlimit core = { 0, RLIM_INFINITY };

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &core);
	umask(022);
}

int boot_run(struct boot *boot, struct guest_config *config, struct err *err)
{
	struct disk disks[DISK_COUNT] = { [BASE] = { "base" },
		[AGENT] = { "agent" },
		[DISK] = { "disk" } };
	int r;

	*boot = (struct boot){ .initramfs_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
			       .disk_fd = -1 };
	r = config_read(config, "/sbx.conf", err);
	if (r < 0)
		return r;
	console_set_debug(config->debug);
	console_debug("start");
	set_limits();
	r = do_mounts(initramfs_mounts, 2, err);
	if (r == 0)
		r = modules_load_early(boot->initramfs_fd, err);
	if (r == 0)
		r = wait_for_disks(disks, err);
	console_debug("disks are there");
	if (r == 0)
		r = mount_disks(disks, err);
	if (r == 0)
		r = mount_root(disks, boot, err);
	if (r == 0)
		r = do_mounts(root_mounts, sizeof(root_mounts) / sizeof(root_mounts[0]), err);
	if (r == 0)
		r = switch_root(err);
	console_debug("root is mounted");
	if (r == 0)
		r = system_set_up(config, boot->first, err);
	if (r == 0)
		r = shares_mount(config, err);
	return r;
}

void boot_finish(const struct boot *boot)
{
	cleanup_err struct err err = ERR_INIT;

	setpriority(PRIO_PROCESS, 0, 10);
	if (modules_load_late(boot->initramfs_fd, &err) < 0)
		console_say("%s", err.message);
	system_set_up_engine();
	io_remove_tree(boot->initramfs_fd, "lib");
	unlinkat(boot->initramfs_fd, "init", 0);
	unlinkat(boot->initramfs_fd, "sbx.conf", 0);
	if (boot->first)
		syncfs(boot->disk_fd);
	console_debug("late part is done");
}

/*
 * Nothing runs any more but us. The overlay cannot be unmounted, it is our root; what counts is
 * that the ext4 disk below is clean. If something still writes to it, freezing does the same for
 * the disk: all is written and the journal is empty.
 */
void boot_unmount(const struct boot *boot, const struct guest_config *config)
{
	char path[32];

	shares_unmount(config);
	umount2("/var/lib/docker", MNT_DETACH);
	if (boot->disk_fd < 0)
		return;
	mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL);
	syncfs(boot->disk_fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", boot->disk_fd);
	if (mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0) {
		console_debug("disk: remount: %s", strerror(errno));
		ioctl(boot->disk_fd, FIFREEZE, 0);
	}
}
