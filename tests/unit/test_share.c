/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workspace's file server with a real guest (share_guest.c) in a real VM: what any user of the
 * guest makes belongs to the caller, read-only is read-only, the rest of the host is out of reach.
 * Run by root, all of it happens twice: as root and as a normal user.
 *
 * The kernel and its modules are those of the image store, or SBX_TEST_KERNEL and SBX_TEST_MODULES
 * (a cpio archive with lib/modules/early/).
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "keeper/share.h"
#include "vm/initrd.h"
#include "vm/tsc.h"

enum { NORMAL_UID = 12345, DEADLINE_S = 120, OUTPUT_MAX = 64 * 1024 };

static char *dir, *kernel, *modules, *guest;

struct machine {
	int vhost_fds[2];
	pid_t share_pids[2];
	int share_pidfds[2];
	pid_t qemu_pid;
	int console_fd;
	char output[OUTPUT_MAX];
	size_t length;
};

static char *in_dir(const char *name)
{
	return paths_join(dir, name);
}

static void write_text(const char *name, const char *text, unsigned mode)
{
	cleanup_free char *path = in_dir(name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || io_write_full(fd, text, strlen(text)) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static void make_dir(const char *name)
{
	cleanup_free char *path = in_dir(name);

	if (mkdir(path, 0777) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static void start_share(struct machine *machine, int index, const char *name, bool readonly)
{
	cleanup_free char *path = in_dir(name);
	cleanup_err struct err err = ERR_INIT;
	const struct share_spec spec = {
		.tag = index ? "ws1" : "ws0",
		.path = path,
		.readonly = readonly,
		.id = "0123456789abcdef",
		.log_fd = 2,
	};

	if (share_start(&spec, &machine->vhost_fds[index], &machine->share_pids[index],
		    &machine->share_pidfds[index], &err) < 0)
		fail_msg("%s (%s)", err.message, err.hint ? err.hint : "");
}

/* The sandbox's machine (docs/vm.md) with two shares and nothing else. */
static void exec_qemu(const struct machine *machine, int initrd, int console)
{
	cleanup_free char *initrd_path = xasprintf("/proc/self/fd/%d", initrd);
	cleanup_free char *share0 = xasprintf("socket,id=s0,fd=%d", machine->vhost_fds[0]);
	cleanup_free char *share1 = xasprintf("socket,id=s1,fd=%d", machine->vhost_fds[1]);
	cleanup_free char *append = xasprintf(
		"console=ttyS0 quiet panic=-1 reboot=t nokaslr no_timer_check mitigations=off "
		"tsc=reliable tsc_early_khz=%" PRIu64, tsc_khz());

	for (int i = 0; i < 2; i++)
		io_set_cloexec(machine->vhost_fds[i], false);
	io_set_cloexec(initrd, false);
	dup2(console, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execlp("qemu-system-x86_64", "qemu", "-nodefaults", "-no-user-config", "-no-reboot",
		"-display", "none", "-machine",
		"microvm,acpi=on,pic=off,pit=off,rtc=on,pcie=off,memory-backend=ram", "-bios",
		"qboot.rom", "-accel", "tcg", "-cpu", "max", "-m", "256", "-object",
		"memory-backend-memfd,id=ram,size=256M,share=on", "-global",
		"virtio-mmio.force-legacy=false", "-kernel", kernel, "-initrd", initrd_path,
		"-append", append, "-serial", "stdio", "-chardev", share0, "-device",
		"vhost-user-fs-device,chardev=s0,tag=ws0", "-chardev", share1, "-device",
		"vhost-user-fs-device,chardev=s1,tag=ws1", NULL);
	_exit(127);
}

static void start_qemu(struct machine *machine)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_close int initrd = -1;
	int console[2];

	if (initrd_build(&modules, 1, guest, "", &initrd, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(pipe2(console, O_CLOEXEC), 0);
	tsc_start();
	machine->qemu_pid = fork();
	if (machine->qemu_pid == 0)
		exec_qemu(machine, initrd, console[1]);
	close(console[1]);
	machine->console_fd = console[0];
	for (int i = 0; i < 2; i++)
		close(machine->vhost_fds[i]);
}

/* Reads the console until `text` is there; false at its end or the deadline. */
static bool read_until(struct machine *machine, const char *text)
{
	time_t deadline = time(NULL) + DEADLINE_S;

	while (!strstr(machine->output, text)) {
		struct pollfd console = { .fd = machine->console_fd, .events = POLLIN };
		ssize_t n;

		if (time(NULL) > deadline || machine->length == OUTPUT_MAX - 1)
			return false;
		if (poll(&console, 1, 1000) != 1)
			continue;
		n = read(machine->console_fd, machine->output + machine->length,
			OUTPUT_MAX - 1 - machine->length);
		if (n <= 0)
			return false;
		machine->length += (size_t)n;
	}
	return true;
}

static void end_process(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static unsigned long status_value(pid_t pid, const char *key, int base)
{
	cleanup_free char *path = xasprintf("/proc/%d/status", (int)pid);
	cleanup_free char *text = NULL;
	size_t length;
	const char *line;

	if (io_read_file(AT_FDCWD, path, 1 << 16, &text, &length) < 0)
		return ~0UL;
	line = strstr(text, key);
	return line ? strtoul(line + strlen(key), NULL, base) : ~0UL;
}

static bool server_sees(pid_t pid, const char *path)
{
	cleanup_free char *whole = xasprintf("/proc/%d/root/%s", (int)pid, path);

	return access(whole, F_OK) == 0;
}

/* While it serves: no capability, filters, of the host the share alone. */
static void check_confinement(pid_t pid)
{
	assert_int_equal(status_value(pid, "CapPrm:", 16), 0);
	assert_int_equal(status_value(pid, "CapEff:", 16), 0);
	assert_int_equal(status_value(pid, "CapAmb:", 16), 0);
	assert_int_equal(status_value(pid, "CapBnd:", 16), 0);
	assert_int_equal(status_value(pid, "NoNewPrivs:", 16), 1);
	assert_int_equal(status_value(pid, "Seccomp:", 16), 2);
	assert_true(server_sees(pid, "known") || server_sees(pid, "share/known"));
	assert_false(server_sees(pid, "etc/passwd"));
	assert_false(server_sees(pid, "tmp"));
	assert_false(server_sees(pid, "root"));
	print_message("virtiofsd: %lu KiB of its own\n", status_value(pid, "RssAnon:", 10));
}

/* Everything that the guest made, and nothing but with the caller's ids and without set-user-id. */
static int check_owners(const char *name)
{
	cleanup_free char *path = in_dir(name);
	cleanup_dir DIR *entries = opendir(path);
	struct dirent *entry;
	int count = 0;

	assert_non_null(entries);
	while ((entry = readdir(entries))) {
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		assert_int_equal(
			fstatat(dirfd(entries), entry->d_name, &st, AT_SYMLINK_NOFOLLOW), 0);
		if (st.st_uid != geteuid() || st.st_gid != getegid() || st.st_mode & S_ISUID)
			fail_msg("%s: uid %u, gid %u, mode %o", entry->d_name, st.st_uid, st.st_gid,
				st.st_mode);
		count++;
	}
	return count;
}

static void check_host_side(void)
{
	cleanup_free char *renamed = in_dir("work/root-renamed");
	cleanup_free char *subdir = in_dir("work/agent-dir");
	struct stat st;

	assert_int_equal(stat(renamed, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_mtime, 1000000);
	assert_int_equal(stat(subdir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 02775);
	/* known, made, 2 links; of each of 3 users: renamed, dir, symlink, fifo */
	assert_int_equal(check_owners("work"), 16);
}

static void test_guest(void **state)
{
	struct machine *machine = xcalloc(1, sizeof(*machine));
	bool done;

	start_share(machine, 0, "work", false);
	start_share(machine, 1, "ro", true);
	start_qemu(machine);
	if (read_until(machine, "CHANGE")) {
		write_text("work/known", "changed by the host\n", 0666);
		write_text("work/made", "made by the host\n", 0666);
		check_confinement(machine->share_pids[0]);
	}
	done = read_until(machine, "DONE ");
	print_message("%s", machine->output);
	end_process(machine->qemu_pid);
	/* Their end of the socket is closed: they end by themselves. */
	for (int i = 0; i < 2; i++) {
		struct pollfd end = { .fd = machine->share_pidfds[i], .events = POLLIN };

		assert_int_equal(poll(&end, 1, 10000), 1);
		end_process(machine->share_pids[i]);
		close(machine->share_pidfds[i]);
	}
	assert_true(done);
	assert_null(strstr(machine->output, "BAD"));
	check_host_side();
	close(machine->console_fd);
	free(machine);
}

static const struct refused_case {
	const char *path;
	int code;
} refused_cases[] = {
	{ "nothing", ENOENT },
	{ "link/work", ELOOP }, /* the guest of an outer share may have made it */
};

static void test_refused(void **state)
{
	for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
		cleanup_free char *path = in_dir(refused_cases[i].path);
		cleanup_err struct err err = ERR_INIT;
		const struct share_spec spec = { .tag = "ws0", .path = path, .id = "00" };
		int vhost_fd, pidfd;
		pid_t pid;

		assert_int_equal(
			share_start(&spec, &vhost_fd, &pid, &pidfd, &err), -refused_cases[i].code);
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

static void link_in_dir(const char *name, const char *target)
{
	cleanup_free char *path = in_dir(name);

	if (symlink(target, path) < 0)
		fail_msg("%s: %s", path, strerror(errno));
}

static void make_files(void)
{
	cleanup_free char *outside = in_dir("outside");
	cleanup_free char *sub = in_dir("ro/sub");

	make_dir("work");
	make_dir("ro");
	make_dir("ro/sub");
	if (geteuid() == 0 && mount("sub", sub, "tmpfs", 0, "mode=777") < 0)
		fail_msg("mount: %s", strerror(errno));
	write_text("outside", "secret", 0644);
	write_text("work/known", "known to the guest\n", 0666);
	write_text("ro/readable", "text", 0666);
	link_in_dir("work/absolute", outside);
	link_in_dir("work/relative", "../outside");
	link_in_dir("link", ".");
}

static void remove_files(void)
{
	static const char *const names[] = { "work", "ro", "outside", "link" };
	cleanup_free char *sub = in_dir("ro/sub");

	umount2(sub, MNT_DETACH);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		cleanup_free char *path = in_dir(names[i]);

		io_remove_tree(AT_FDCWD, path);
	}
}

static int setup(void **state)
{
	make_files();
	return 0;
}

static int teardown(void **state)
{
	remove_files();
	return 0;
}

static int run_all(const char *who)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_guest),
	};

	print_message("share as %s\n", who);
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* Changing the ids makes a process non-dumpable; a login shell would not be. */
static int run_as_normal_user(void)
{
	int failed = 1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0) {
		waitpid(pid, &failed, 0);
		return failed != 0;
	}
	if (setgroups(0, NULL) == 0 && setresgid(NORMAL_UID, NORMAL_UID, NORMAL_UID) == 0 &&
		setresuid(NORMAL_UID, NORMAL_UID, NORMAL_UID) == 0 &&
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0)
		failed = run_all("a normal user");
	fflush(NULL);
	_exit(failed);
}

static char *from_store(const char *variable, const char *name)
{
	cleanup_free char *cache = NULL;
	const char *given = getenv(variable);

	if (given)
		return xstrdup(given);
	if (paths_dir(PATHS_CACHE, &cache, NULL) < 0)
		return NULL;
	return xasprintf("%s/images/base/current/%s", cache, name);
}

/* A normal user has to reach kernel, modules and guest wherever they lie. */
static char *copy_in(const char *from, const char *name)
{
	cleanup_free char *bytes = NULL;
	char *path = in_dir(name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	size_t length;

	if (io_read_file(AT_FDCWD, from, 256 << 20, &bytes, &length) < 0 || fd < 0 ||
		io_write_full(fd, bytes, length) < 0)
		exit(1);
	return path;
}

int main(int argc, char **argv)
{
	char template[] = "/tmp/sbx-test-share-XXXXXX";
	cleanup_free char *store_kernel = from_store("SBX_TEST_KERNEL", "vmlinux");
	cleanup_free char *store_modules = from_store("SBX_TEST_MODULES", "modules.cpio");
	cleanup_free char *own_guest =
		xasprintf("%.*s/share_guest", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
	int failed;

	if (!store_kernel || access(store_kernel, R_OK) < 0 || access(store_modules, R_OK) < 0) {
		printf("SKIP: no base image; build one, or set SBX_TEST_KERNEL and "
		       "SBX_TEST_MODULES\n");
		return 77;
	}
	umask(0);
	if (geteuid() == 0 &&
		(unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0))
		return 1;
	dir = xstrdup(mkdtemp(template));
	chmod(dir, 0777);
	kernel = copy_in(store_kernel, "kernel");
	modules = copy_in(store_modules, "modules");
	guest = copy_in(own_guest, "guest");
	failed = run_all(geteuid() == 0 ? "root" : "a normal user");
	if (geteuid() == 0)
		failed += run_as_normal_user();
	io_remove_tree(AT_FDCWD, dir);
	return failed ? 1 : 0;
}
