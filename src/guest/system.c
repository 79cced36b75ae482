/* SPDX-License-Identifier: Apache-2.0 */
/* Names, loopback, device links, control groups. */
#include "guest/system.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "guest/console.h"

#define DEFAULT_HOSTNAME "sandbox"

static int write_file(const char *path, const char *text, unsigned mode)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0)
		return -errno;
	return io_write_full(fd, text, strlen(text));
}

static int set_up_loopback(void)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return -errno;
	return 0;
}

/*
 * 128 random bits. The kernel seeds itself from the processor before we run; should it not have,
 * getrandom() waits for its jitter source, about a second.
 */
static int write_machine_id(void)
{
	unsigned char bytes[16];
	char text[2 * sizeof(bytes) + 2];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return -EIO;
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	sprintf(text + 2 * sizeof(bytes), "\n");
	return write_file(SYSTEM_MARK, text, 0444);
}

static int write_first_files(const char *hostname, struct err *err)
{
	cleanup_free char *name = xasprintf("%s\n", hostname);
	cleanup_free char *hosts = xasprintf("127.0.0.1\tlocalhost\n127.0.1.1\t%s\n"
					     "::1\tlocalhost ip6-localhost ip6-loopback\n",
		hostname);
	int r = write_file("/etc/hostname", name, 0644);

	if (r == 0)
		r = write_file("/etc/hosts", hosts, 0644);
	/* No name server: a look-up fails at once instead of waiting for an answer. */
	if (r == 0)
		r = write_file("/etc/resolv.conf", "", 0644);
	if (r == 0)
		r = write_machine_id();
	return r < 0 ? err_errno(err, -r, "cannot write to /etc") : 0;
}

static void make_device_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "/proc/self/fd/0", "/dev/stdin" },
		{ "/proc/self/fd/1", "/dev/stdout" },
		{ "/proc/self/fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (symlink(links[i][0], links[i][1]) < 0 && errno != EEXIST)
			console_say("%s: %s", links[i][1], strerror(errno));
}

int system_set_up(const struct guest_config *config, bool first, struct err *err)
{
	const char *hostname = config->hostname ? config->hostname : DEFAULT_HOSTNAME;
	int r = set_up_loopback();

	if (r < 0)
		return err_errno(err, -r, "cannot bring up the loopback interface");
	if (sethostname(hostname, strlen(hostname)) < 0)
		return err_errno(err, errno, "cannot set the hostname %s", hostname);
	make_device_links();
	mkdir("/run/lock", 01777);
	chmod("/run/lock", 01777);
	return first ? write_first_files(hostname, err) : 0;
}

/* What udev does elsewhere: nodes that a driver makes only on demand, and modes for everybody. */
static void make_device_nodes(void)
{
	chmod("/dev/fuse", 0666);
	mkdir("/dev/net", 0755);
	if (mknod("/dev/net/tun", S_IFCHR, makedev(10, 200)) == 0)
		chmod("/dev/net/tun", 0666);
}

/* runc makes groups below the root one; it expects the controllers to be there for them. */
static void set_up_control_groups(void)
{
	static const char *const controllers[] = { "+cpu", "+cpuset", "+io", "+memory", "+pids",
		"+hugetlb" };

	if (mount("cgroup", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NOEXEC | MS_NODEV,
		    "nsdelegate,memory_recursiveprot") < 0) {
		console_say("/sys/fs/cgroup: %s", strerror(errno));
		return;
	}
	/* One by one: a controller that the kernel lacks must not take the others with it. */
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++)
		io_write_file("/sys/fs/cgroup/cgroup.subtree_control", controllers[i]);
}

void system_set_up_engine(void)
{
	set_up_control_groups();
	/* Mounts made later are seen in containers that ask for it, as on other systems. */
	mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
	make_device_nodes();
	mkdir("/dev/mqueue", 01777);
	if (mount("mqueue", "/dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, NULL) < 0)
		console_say("/dev/mqueue: %s", strerror(errno));
	/* The default of 128 is used up by a few editors, bundlers and test runners that watch. */
	io_write_file("/proc/sys/fs/inotify/max_user_instances", "1024");
	/*
	 * Without swap, memory that runs out takes the programs' own pages first, and all stand still
	 * for minutes. What was used within this time stays; then the OOM killer decides
	 * (Documentation/admin-guide/mm/multigen_lru.rst, "Thrashing prevention").
	 */
	io_write_file("/sys/kernel/mm/lru_gen/min_ttl_ms", "1000");
}
