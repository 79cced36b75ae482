/* SPDX-License-Identifier: Apache-2.0 */
/* Whether user namespaces work here for this user, and if not, which setting forbids them. */
#include "confine/check.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"
#include "confine/internal.h"

/* mmdebstrap and apt need the ids of a whole system inside: 0 to 65535. */
enum { SUBID_NEEDED = 65536 };

/* A setting that can forbid namespaces: it does when its file holds a value up to `worst`. */
struct setting {
	const char *path;
	unsigned long low, high; /* the values that forbid */
	const char *hint;
	bool root_exempt;
};

static const struct setting settings[] = {
	{ "/proc/sys/kernel/unprivileged_userns_clone", 0, 0,
		"sudo sysctl -w kernel.unprivileged_userns_clone=1 (and into /etc/sysctl.d/ to "
		"keep "
		"it)",
		true },
	{ "/proc/sys/user/max_user_namespaces", 0, 15,
		"sudo sysctl -w user.max_user_namespaces=10000 (and into /etc/sysctl.d/ to keep "
		"it)",
		false },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, 1,
		"sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 (and into "
		"/etc/sysctl.d/ to keep it)",
		true },
};

static int read_number(const char *path, unsigned long *ret_value)
{
	cleanup_free char *text = NULL;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, 64, &text, &length);

	if (r < 0)
		return r;
	*ret_value = strtoul(text, NULL, 10);
	return 0;
}

static const struct setting *forbidding_setting(void)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		unsigned long value;

		if (settings[i].root_exempt && geteuid() == 0)
			continue;
		if (read_number(settings[i].path, &value) == 0 && value >= settings[i].low &&
			value <= settings[i].high)
			return &settings[i];
	}
	return NULL;
}

void check_hint(struct err *err)
{
	const struct setting *setting = forbidding_setting();

	if (setting)
		err_hint(err, "%s", setting->hint);
}

/* Runs in a child. Under AppArmor's restriction the namespace is given, but without its rights. */
static int try_namespaces(void)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
		    CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return errno;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	return 0;
}

int confine_check(struct err *err)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(err, errno, "fork");
	if (pid == 0)
		_exit(try_namespaces());
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "wait");
	if (!WIFEXITED(status))
		return err_set(err, EIO, "the trial of user namespaces died");
	if (WEXITSTATUS(status) == 0)
		return 0;
	err_errno(err, WEXITSTATUS(status), "user namespaces do not work for this user");
	check_hint(err);
	return -err->code;
}

/* "NAME:FIRST:COUNT", where NAME may be the uid as a number. */
static unsigned long subid_count(const char *line, const char *name, uid_t uid)
{
	cleanup_free char *number = xasprintf("%u", uid);
	size_t length = strcspn(line, ":");
	const char *count = strchrnul(line + length + (line[length] == ':'), ':');
	bool mine = (strlen(name) == length && strncmp(line, name, length) == 0) ||
		    (strlen(number) == length && strncmp(line, number, length) == 0);

	return mine && *count == ':' ? strtoul(count + 1, NULL, 10) : 0;
}

static bool has_subids(const char *file, const char *name, uid_t uid)
{
	cleanup_free char *text = NULL;
	char *line, *rest;
	size_t length;

	if (io_read_file(AT_FDCWD, file, 1 << 20, &text, &length) < 0)
		return false;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (subid_count(line, name, uid) >= SUBID_NEEDED)
			return true;
	return false;
}

static int check_helper(const char *program, struct err *err)
{
	cleanup_free char *path = xasprintf("/usr/bin/%s", program);

	if (access(path, X_OK) == 0)
		return 0;
	err_set(err, ENOENT, "%s is missing: it gives an image build its range of uids", path);
	err_hint(err, "sudo apt install uidmap");
	return -ENOENT;
}

int confine_check_subids(struct err *err)
{
	struct passwd *user = getpwuid(geteuid());
	const char *name = user ? user->pw_name : "";
	int r = check_helper("newuidmap", err);

	if (r == 0)
		r = check_helper("newgidmap", err);
	if (r < 0)
		return r;
	if (has_subids("/etc/subuid", name, geteuid()) &&
		has_subids("/etc/subgid", name, geteuid()))
		return 0;
	err_set(err, ENOENT,
		"no range of %d subordinate uids and gids for %s in /etc/subuid and "
		"/etc/subgid",
		SUBID_NEEDED, user ? name : "this user");
	err_hint(err, "sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s",
		user ? name : "USER");
	return -ENOENT;
}
