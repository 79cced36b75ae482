/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user namespace with a full range of ids.
 *
 * Theory of operation. A raw clone(2) makes the child in its namespaces. It waits on a socket until
 * the parent has written the id maps (itself as root, else by newuidmap and newgidmap, which are
 * set-user-id), becomes id 0 of the namespace, asks for PR_SET_PDEATHSIG (a change of ids would
 * clear it), reports, and waits for a second word: it comes from a parent that was alive after
 * that. End of file instead of a word means that the parent failed or died, and the child just
 * ends. The child is pid 1 of its namespace, so all its descendants go with it.
 */
#include "image/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

enum {
	RANGE = 65535,
	/* For root without an entry of its own: far above what anybody is given. */
	ROOT_START = 1879048192,
	MAX_FILE = 1 << 20,
	CHILD_FAILED = 255,
};

/* One line "OWNER:START:COUNT"; changes it. */
static int parse_line(char *line, const char *user, uid_t uid, unsigned *ret_start)
{
	cleanup_free char *number = xasprintf("%u", uid);
	char *owner = strsep(&line, ":");
	char *start = strsep(&line, ":");
	uint64_t first, count;

	if (!start || !line || (strcmp(owner, user) != 0 && strcmp(owner, number) != 0))
		return -ENOENT;
	if (text_parse_u64(start, UINT32_MAX - RANGE, &first) < 0 ||
		text_parse_u64(line, UINT32_MAX, &count) < 0 || count < RANGE)
		return -ENOENT;
	*ret_start = (unsigned)first;
	return 0;
}

int userns_parse_range(const char *text, const char *user, uid_t uid, unsigned *ret_start)
{
	cleanup_free char *copy = xstrdup(text);
	char *rest = copy;
	char *line;

	while ((line = strsep(&rest, "\n")))
		if (parse_line(line, user, uid, ret_start) == 0)
			return 0;
	return -ENOENT;
}

static int read_range(const char *path, const char *user, unsigned *ret_start)
{
	cleanup_free char *text = NULL;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, MAX_FILE, &text, &length);

	return r < 0 ? r : userns_parse_range(text, user, getuid(), ret_start);
}

/* A start that no line of the file reaches, for the hint. */
static unsigned free_start(const char *path)
{
	cleanup_free char *text = NULL;
	size_t length;
	uint64_t next = 100000;
	char *rest, *line;

	if (io_read_file(AT_FDCWD, path, MAX_FILE, &text, &length) < 0)
		return (unsigned)next;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		uint64_t start, count;

		strsep(&line, ":");
		if (!line || text_parse_u64(strsep(&line, ":"), UINT32_MAX, &start) < 0 || !line ||
			text_parse_u64(line, UINT32_MAX, &count) < 0)
			continue;
		if (start + count > next)
			next = start + count;
	}
	return next < UINT32_MAX - 2 * (uint64_t)RANGE ? (unsigned)next : ROOT_START;
}

static int find_ranges(unsigned *ret_uids, unsigned *ret_gids, struct err *err)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *user = pw ? pw->pw_name : "";
	unsigned uids, gids;

	if (read_range("/etc/subuid", user, &uids) == 0 &&
		read_range("/etc/subgid", user, &gids) == 0) {
		*ret_uids = uids;
		*ret_gids = gids;
		return 0;
	}
	if (geteuid() == 0) {
		*ret_uids = *ret_gids = ROOT_START;
		return 0;
	}
	uids = free_start("/etc/subuid");
	gids = free_start("/etc/subgid");
	if (gids > uids)
		uids = gids;
	err_set(err, EPERM, "%s has no range of 65536 subordinate ids in /etc/subuid and "
		"/etc/subgid", pw ? user : "this user");
	err_hint(err, "sudo usermod --add-subuids %u-%u --add-subgids %u-%u %s", uids,
		uids + RANGE, uids, uids + RANGE, user);
	return -EPERM;
}

/* Waits for a child of ours; its exit status, 255 if it was killed. */
static int wait_status(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return CHILD_FAILED;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_FAILED;
}

static int run_map_tool(const char *tool, pid_t pid, unsigned own, unsigned start, struct err *err)
{
	cleanup_free char *pid_arg = xasprintf("%d", pid);
	cleanup_free char *own_arg = xasprintf("%u", own);
	cleanup_free char *start_arg = xasprintf("%u", start);
	char count_arg[] = "65535", zero[] = "0", one[] = "1";
	char *argv[] = { (char *)tool, pid_arg, zero, own_arg, one, one, start_arg, count_arg,
			 NULL };
	pid_t child;
	int r = posix_spawnp(&child, tool, NULL, NULL, argv, environ);

	if (r != 0) {
		err_errno(err, r, "run %s", tool);
		err_hint(err, "sudo apt-get install uidmap");
		return -r;
	}
	if (wait_status(child) != 0)
		return err_set(err, EPERM, "%s refused the ids %u…%u of %s", tool, start,
			start + RANGE - 1,
			strcmp(tool, "newuidmap") == 0 ? "/etc/subuid" : "/etc/subgid");
	return 0;
}

static int write_map(const char *file, pid_t pid, unsigned own, unsigned start, struct err *err)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", pid, file);
	cleanup_free char *text = xasprintf("0 %u 1\n1 %u %d\n", own, start, RANGE);
	int r = io_write_file(path, text);

	return r < 0 ? err_errno(err, -r, "write the namespace's %s", file) : 0;
}

static int write_maps(pid_t pid, unsigned uids, unsigned gids, struct err *err)
{
	bool root = geteuid() == 0;
	int r = root ? write_map("uid_map", pid, getuid(), uids, err)
		     : run_map_tool("newuidmap", pid, getuid(), uids, err);

	if (r < 0)
		return r;
	return root ? write_map("gid_map", pid, getgid(), gids, err)
		    : run_map_tool("newgidmap", pid, getgid(), gids, err);
}

static bool await_word(int sock)
{
	char word;

	return io_read_full(sock, &word, 1) == 1;
}

static bool send_word(int sock)
{
	return send(sock, "w", 1, MSG_NOSIGNAL) == 1;
}

/* The rest of the child's life. */
static _Noreturn void child_main(int sock, int (*function)(void *arg), void *arg)
{
	if (!await_word(sock))
		_exit(CHILD_FAILED);
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		_exit(CHILD_FAILED);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || !send_word(sock) || !await_word(sock))
		_exit(CHILD_FAILED);
	close(sock);
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		_exit(CHILD_FAILED);
	/* Best effort: forbidden where /proc is partly covered, as in some containers. */
	mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	_exit(function(arg));
}

/* Maps the child's ids and lets it go on; see the theory of operation. */
static int release_child(int sock, pid_t pid, unsigned uids, unsigned gids, struct err *err)
{
	int r = write_maps(pid, uids, gids, err);

	if (r < 0)
		return r;
	if (!send_word(sock) || !await_word(sock) || !send_word(sock))
		return err_set(err, EPERM, "a user namespace gives no rights inside");
	return 0;
}

static int clone_error(int code, struct err *err)
{
	err_errno(err, code, "create a user namespace");
	if (code == EPERM || code == EACCES)
		err_hint(err, "sudo sysctl -e kernel.unprivileged_userns_clone=1 "
			"kernel.apparmor_restrict_unprivileged_userns=0");
	if (code == ENOSPC)
		err_hint(err, "sudo sysctl user.max_user_namespaces=10000");
	return -code;
}

int userns_spawn(int (*function)(void *arg), void *arg, pid_t *ret_pid, struct err *err)
{
	unsigned long flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | SIGCHLD;
	cleanup_close int parent_sock = -1;
	cleanup_close int child_sock = -1;
	unsigned uids, gids;
	int socks[2];
	pid_t pid;
	int r = find_ranges(&uids, &gids, err);

	if (r < 0)
		return r;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks) < 0)
		return err_errno(err, errno, "socketpair");
	parent_sock = socks[0];
	child_sock = socks[1];
	pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, 0L);
	if (pid < 0)
		return clone_error(errno, err);
	if (pid == 0) {
		close(parent_sock);
		child_main(child_sock, function, arg);
	}
	close(take_fd(&child_sock));
	r = release_child(parent_sock, pid, uids, gids, err);
	if (r < 0) {
		close(take_fd(&parent_sock));
		waitpid(pid, NULL, 0);
		return r;
	}
	*ret_pid = pid;
	return 0;
}

struct remove_arg {
	int dirfd;
	const char *name;
};

static int remove_main(void *arg)
{
	const struct remove_arg *remove = arg;

	return io_remove_tree(remove->dirfd, remove->name) < 0 ? 1 : 0;
}

int userns_remove_tree(int dirfd, const char *name, struct err *err)
{
	struct remove_arg arg = { .dirfd = dirfd, .name = name };
	pid_t pid = 0;
	int r = userns_spawn(remove_main, &arg, &pid, err);

	if (r < 0)
		return r;
	if (wait_status(pid) != 0)
		return err_set(err, EIO, "remove what an earlier build left in %s", name);
	return 0;
}

static int check_main(void *arg)
{
	(void)arg;
	return 0;
}

int userns_check(struct err *err)
{
	pid_t pid = 0;
	int r = userns_spawn(check_main, NULL, &pid, err);

	if (r < 0)
		return r;
	if (wait_status(pid) != 0)
		return err_set(err, EPERM, "a user namespace gives no rights inside");
	return 0;
}
