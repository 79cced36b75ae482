/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are. */
#include "common/paths.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"

static const struct {
	const char *variable;
	const char *below_home;
} xdg[] = {
	[PATHS_STATE] = { "XDG_STATE_HOME", ".local/state" },
	[PATHS_CACHE] = { "XDG_CACHE_HOME", ".cache" },
	[PATHS_CONFIG] = { "XDG_CONFIG_HOME", ".config" },
};

char *paths_join(const char *a, const char *b)
{
	size_t n;

	assert(a && b);
	n = strlen(a);
	while (n > 1 && a[n - 1] == '/')
		n--;
	return xasprintf("%.*s%s%s", (int)n, a, n == 1 && *a == '/' ? "" : "/", b);
}

static const char *home(void)
{
	const char *value = getenv("HOME");
	const struct passwd *pw;

	if (value && *value == '/')
		return value;
	pw = getpwuid(getuid());
	return pw && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
}

int paths_dir(enum paths_dir which, char **ret_path, struct err *err)
{
	const char *value = getenv(xdg[which].variable);
	const char *home_dir = home();
	cleanup_free char *base = NULL;

	if (value && *value == '/') {
		base = xstrdup(value);
	} else if (home_dir) {
		base = paths_join(home_dir, xdg[which].below_home);
	} else {
		err_set(err, ENOENT, "no home directory");
		err_hint(err, "set HOME to an absolute path");
		return -ENOENT;
	}
	*ret_path = paths_join(base, "sbx");
	return 0;
}

int paths_mkdirs(const char *path, unsigned mode)
{
	cleanup_free char *copy = xstrdup(path);

	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

/*
 * Who else can write there can put links and sockets where ours are expected: under another user's
 * HOME (sudo -E), root would write where that user wants.
 */
static int check_owner(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "%s", path);
	if (st.st_uid != geteuid()) {
		err_set(err, EPERM, "%s belongs to another user", path);
		err_hint(err, "set HOME, or XDG_STATE_HOME and XDG_CACHE_HOME, to your own");
		return -EPERM;
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		err_set(err, EPERM, "others may write to %s", path);
		err_hint(err, "chmod 700 %s", path);
		return -EPERM;
	}
	return 0;
}

int paths_make_dir(enum paths_dir which, char **ret_path, struct err *err)
{
	cleanup_free char *path = NULL;
	int r = paths_dir(which, &path, err);

	if (r < 0)
		return r;
	r = paths_mkdirs(path, 0700);
	if (r < 0)
		return err_errno(err, -r, "create %s", path);
	r = check_owner(path, err);
	if (r < 0)
		return r;
	*ret_path = take_ptr(path);
	return 0;
}

char *paths_search(void)
{
	const char *path = getenv("PATH");
	cleanup_free char *rest = xstrdup(path ? path : "");
	char *search = xstrdup("/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin");
	char *next = rest, *directory;

	while ((directory = strsep(&next, ":"))) {
		char *longer;

		if (*directory != '/')
			continue;
		longer = xasprintf("%s:%s", search, directory);
		free(search);
		search = longer;
	}
	return search;
}

char *paths_find_program(const char *name)
{
	cleanup_free char *search = paths_search();
	char *next = search, *directory;

	while ((directory = strsep(&next, ":"))) {
		cleanup_free char *candidate = paths_join(directory, name);

		if (access(candidate, X_OK) == 0)
			return take_ptr(candidate);
	}
	return NULL;
}

/* The directory of the running program. */
static int program_dir(char **ret_dir, struct err *err)
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;

	if (n < 0)
		return err_errno(err, errno, "read /proc/self/exe");
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return err_set(err, ENOENT, "/proc/self/exe names no path");
	*ret_dir = xstrndup(path, (size_t)(slash - path));
	return 0;
}

/* The first of the candidates, relative to the program's directory, that exists. */
static int find_beside(const char *const *candidates, char **ret_path, struct err *err)
{
	cleanup_free char *dir = NULL;
	int r = program_dir(&dir, err);

	if (r < 0)
		return r;
	for (const char *const *c = candidates; *c; c++) {
		cleanup_free char *path = paths_join(dir, *c);

		if (access(path, F_OK) == 0) {
			*ret_path = take_ptr(path);
			return 0;
		}
	}
	err_set(err, ENOENT, "%s is missing beside %s", candidates[0], dir);
	err_hint(err, "install sbx again, or run it from a complete build tree");
	return -ENOENT;
}

int paths_program(const char *name, char **ret_path, struct err *err)
{
	cleanup_free char *libexec = paths_join("../libexec/sbx", name);
	const char *candidates[] = { name, libexec, NULL };

	return find_beside(candidates, ret_path, err);
}

int paths_agents(char **ret_path, struct err *err)
{
	static const char *const candidates[] = { "../share/sbx/agents", "../../share/sbx/agents",
						  "../agents", NULL };

	return find_beside(candidates, ret_path, err);
}
