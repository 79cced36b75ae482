/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest of test_share.c: process 1 of a small VM that mounts the shares ws0 (writable) and ws1
 * (read-only) and does to them what guests do, as several users. Says what went wrong as
 * "BAD what" and ends with "DONE count".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { ROOT = 1, OTHER = 2, AGENT = 4, ALL = 7 };

static const struct user {
	const char *name;
	uid_t uid;
	unsigned bit;
} users[] = { { "root", 0, ROOT }, { "other", 33, OTHER }, { "agent", 1000, AGENT } };

static int number(const char *text)
{
	return (int)strtol(text, NULL, 10);
}

/* Each returns 0 or an errno value. "%" in a path stands for the user's name. */
static int do_create(const char *path, const char *unused)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);

	return fd >= 0 && write(fd, "one\n", 4) == 4 && close(fd) == 0 ? 0 : errno;
}

static int do_create_set_user_id(const char *path, const char *unused)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 04755);

	return fd >= 0 ? 0 : errno;
}

static int do_append(const char *path, const char *unused)
{
	int fd = open(path, O_WRONLY | O_APPEND);

	return fd >= 0 && write(fd, "two\n", 4) == 4 && close(fd) == 0 ? 0 : errno;
}

static int do_read(const char *path, const char *expected)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return errno;
	close(fd);
	return strcmp(text, expected) == 0 ? 0 : EBADMSG;
}

static int do_map(const char *path, const char *unused)
{
	int fd = open(path, O_RDWR);
	char *text = fd < 0 ? MAP_FAILED : mmap(NULL, 4, PROT_WRITE, MAP_SHARED, fd, 0);

	if (text == MAP_FAILED)
		return errno;
	text[0] = 'O';
	return msync(text, 4, MS_SYNC) == 0 && munmap(text, 4) == 0 ? 0 : errno;
}

static int do_rename(const char *from, const char *to)
{
	return rename(from, to) == 0 ? 0 : errno;
}

static int do_link(const char *from, const char *to)
{
	return link(from, to) == 0 ? 0 : errno;
}

static int do_symlink(const char *path, const char *target)
{
	return symlink(target, path) == 0 ? 0 : errno;
}

static int do_mkdir(const char *path, const char *unused)
{
	return mkdir(path, 0755) == 0 ? 0 : errno;
}

static int do_fifo(const char *path, const char *unused)
{
	return mkfifo(path, 0644) == 0 ? 0 : errno;
}

static int do_device(const char *path, const char *unused)
{
	return mknod(path, S_IFCHR | 0644, 0x103) == 0 ? 0 : errno;
}

static int do_unlink(const char *path, const char *unused)
{
	return unlink(path) == 0 ? 0 : errno;
}

static int do_rmdir(const char *path, const char *unused)
{
	return rmdir(path) == 0 ? 0 : errno;
}

static int do_chmod(const char *path, const char *mode)
{
	struct stat st;

	if (chmod(path, (mode_t)strtoul(mode, NULL, 8)) < 0 || stat(path, &st) < 0)
		return errno;
	return (st.st_mode & 07777) == strtoul(mode, NULL, 8) ? 0 : EBADMSG;
}

static int do_chown(const char *path, const char *id)
{
	return lchown(path, (uid_t)number(id), (gid_t)number(id)) == 0 ? 0 : errno;
}

static int do_owner(const char *path, const char *id)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno;
	return st.st_uid == (uid_t)number(id) && st.st_gid == (gid_t)number(id) ? 0 : EBADMSG;
}

static int do_truncate(const char *path, const char *length)
{
	return truncate(path, number(length)) == 0 ? 0 : errno;
}

static int do_times(const char *path, const char *seconds)
{
	struct timespec times[2] = { { .tv_sec = number(seconds) }, { .tv_sec = number(seconds) } };
	struct stat st;

	if (utimensat(AT_FDCWD, path, times, 0) < 0 || stat(path, &st) < 0)
		return errno;
	return st.st_mtime == number(seconds) ? 0 : EBADMSG;
}

static int do_stat(const char *path, const char *unused)
{
	struct stat st;

	return stat(path, &st) == 0 ? 0 : errno;
}

static int do_xattr(const char *path, const char *unused)
{
	return setxattr(path, "user.test", "x", 1, 0) == 0 ? 0 : errno;
}

static const struct operation {
	int (*run)(const char *path, const char *argument);
	const char *path;
	const char *argument;
	unsigned users; /* for whom it has to come out as `result`; the others do not try */
	int result;
} operations[] = {
	{ do_create, "/ws0/%-file", "", ALL, 0 },
	{ do_owner, "/ws0/%-file", "1000", ALL, 0 },
	{ do_append, "/ws0/%-file", "", ROOT | AGENT, 0 },
	{ do_append, "/ws0/%-file", "", OTHER, EACCES }, /* the guest's kernel: it is agent's */
	{ do_read, "/ws0/%-file", "one\ntwo\n", ROOT | AGENT, 0 },
	{ do_map, "/ws0/%-file", "", ROOT | AGENT, 0 },
	{ do_read, "/ws0/%-file", "One\ntwo\n", ROOT | AGENT, 0 },
	{ do_chmod, "/ws0/%-file", "640", ROOT | AGENT, 0 },
	{ do_chmod, "/ws0/%-file", "4755", ROOT | AGENT, EPERM },
	{ do_create_set_user_id, "/ws0/%-setuid", "", ALL, EPERM },
	{ do_chown, "/ws0/%-file", "1234", ROOT, 0 },
	{ do_owner, "/ws0/%-file", "1000", ROOT, 0 },
	{ do_truncate, "/ws0/%-file", "3", ROOT | AGENT, 0 },
	{ do_read, "/ws0/%-file", "One", ROOT | AGENT, 0 },
	{ do_times, "/ws0/%-file", "1000000", ROOT | AGENT, 0 },
	{ do_xattr, "/ws0/%-file", "", ROOT | AGENT, EOPNOTSUPP },
	{ do_link, "/ws0/%-file", "/ws0/%-link", ROOT | AGENT, 0 },
	{ do_unlink, "/ws0/%-link", "", ROOT | AGENT, 0 },
	{ do_rename, "/ws0/%-file", "/ws0/%-renamed", ALL, 0 },
	{ do_mkdir, "/ws0/%-dir", "", ALL, 0 },
	{ do_chmod, "/ws0/%-dir", "2775", ROOT | AGENT, 0 },
	{ do_create, "/ws0/%-dir/file", "", ROOT | AGENT, 0 },
	{ do_symlink, "/ws0/%-symlink", "%-renamed", ALL, 0 },
	{ do_read, "/ws0/%-symlink", "One", ROOT | AGENT, 0 },
	{ do_chown, "/ws0/%-symlink", "33", ROOT, 0 },
	{ do_fifo, "/ws0/%-fifo", "", ALL, 0 },
	{ do_device, "/ws0/%-device", "", ROOT, EPERM },
	{ do_mkdir, "/ws0/%-gone", "", ALL, 0 },
	{ do_rmdir, "/ws0/%-gone", "", ALL, 0 },
	/* Symbolic links are the guest's to follow, in its own tree; `..` ends at the mount. */
	{ do_stat, "/ws0/absolute", "", ALL, ENOENT },
	{ do_stat, "/ws0/relative", "", ALL, ENOENT },
	{ do_stat, "/ws0/../outside", "", ALL, ENOENT },
	{ do_read, "/ws1/readable", "text", ALL, 0 },
	{ do_create, "/ws1/%-file", "", ROOT | AGENT, EROFS },
	{ do_append, "/ws1/readable", "", ROOT | AGENT, EROFS },
	{ do_map, "/ws1/readable", "", ROOT | AGENT, EROFS },
	{ do_mkdir, "/ws1/%-dir", "", ROOT | AGENT, EROFS },
	{ do_unlink, "/ws1/readable", "", ROOT | AGENT, EROFS },
	{ do_rename, "/ws1/readable", "/ws1/%-renamed", ROOT | AGENT, EROFS },
	{ do_chmod, "/ws1/readable", "600", ROOT | AGENT, EROFS },
	{ do_truncate, "/ws1/readable", "0", ROOT | AGENT, EROFS },
	{ do_times, "/ws1/readable", "1000", ROOT | AGENT, EROFS },
	{ do_create, "/ws1/sub/%-file", "", ROOT | AGENT, EROFS },
};

static void expand(char *to, size_t size, const char *from, const char *name)
{
	const char *percent = strchr(from, '%');

	if (percent)
		snprintf(to, size, "%.*s%s%s", (int)(percent - from), from, name, percent + 1);
	else
		snprintf(to, size, "%s", from);
}

static int run_operations(const struct user *user)
{
	int done = 0;

	if (setgroups(0, NULL) < 0 || setresgid(user->uid, user->uid, user->uid) < 0 ||
		setresuid(user->uid, user->uid, user->uid) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation *o = &operations[i];
		char path[256], argument[256];
		int result;

		if (!(o->users & user->bit))
			continue;
		expand(path, sizeof(path), o->path, user->name);
		expand(argument, sizeof(argument), o->argument, user->name);
		errno = 0;
		result = o->run(path, argument);
		if (result != o->result)
			printf("BAD operation %zu, %s, as %s: %s\n", i, path, user->name,
				result ? strerror(result) : "worked");
		done++;
	}
	fflush(stdout);
	return done;
}

static int run_as(const struct user *user)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(run_operations(user));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Milliseconds until the file has that text; -1 after 10 s. */
static int wait_for_text(const char *path, const char *text)
{
	double begin = now();

	while (do_read(path, text) != 0)
		if (now() - begin > 10)
			return -1;
	return (int)((now() - begin) * 1000);
}

/* The host is told to change a file that is known here, and to make one that is known to lack. */
static void watch_host(void)
{
	int known, made;

	do_read("/ws0/known", "");
	do_stat("/ws0/made", "");
	printf("CHANGE\n");
	fflush(stdout);
	made = wait_for_text("/ws0/made", "made by the host\n");
	known = wait_for_text("/ws0/known", "changed by the host\n");
	printf("%s host's new file after %d ms, changed file %d ms later\n",
		made < 0 || known < 0 || known > 2000 ? "BAD" : "SEEN", made, known);
}

static void load_modules(void)
{
	struct dirent **names = NULL;
	int count = scandir("/lib/modules/early", &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		char path[512];
		int fd;

		snprintf(path, sizeof(path), "/lib/modules/early/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 && names[i]->d_name[0] != '.')
			syscall(SYS_finit_module, fd, "", 0);
	}
}

static void mount_share(const char *tag, const char *path, unsigned long flags)
{
	mkdir(path, 0755);
	if (mount(tag, path, "virtiofs", flags, NULL) < 0)
		printf("BAD mount %s: %s\n", tag, strerror(errno));
}

int main(void)
{
	int done = 0;

	setvbuf(stdout, NULL, _IOFBF, 4096);
	umask(0);
	load_modules();
	/* Both writable as far as the guest goes: its own read-only flag would prove nothing. */
	mount_share("ws0", "/ws0", 0);
	mount_share("ws1", "/ws1", 0);
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		int count = run_as(&users[i]);

		if (count == 0)
			printf("BAD: nothing tried as %s\n", users[i].name);
		done += count;
	}
	watch_host();
	printf("DONE %d\n", done);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
