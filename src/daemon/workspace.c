/* SPDX-License-Identifier: Apache-2.0 */
/* Which directories of the host a sandbox may be given. */
#include "daemon/workspace.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"

/*
 * Directories of the guest's system. A workspace there, or above one of them, would hide it;
 * where `below` is set, anything below would break the guest too. Other places below, such as
 * /var/www or /etc/nixos, are a person's own affair.
 */
static const struct {
	const char *path;
	bool below;
} guest_system[] = {
	{ "/bin", true },
	{ "/boot", true },
	{ "/dev", true },
	{ "/etc", false },
	{ "/home/agent", false },
	{ "/lib", true },
	{ "/lib32", true },
	{ "/lib64", true },
	{ "/libx32", true },
	{ "/opt/sbx", true },
	{ "/proc", true },
	{ "/run", false },
	{ "/sbin", true },
	{ "/sys", true },
	{ "/tmp", false },
	{ "/usr/bin", true },
	{ "/usr/include", false },
	{ "/usr/lib", true },
	{ "/usr/lib32", true },
	{ "/usr/lib64", true },
	{ "/usr/libexec", true },
	{ "/usr/local/bin", false },
	{ "/usr/local/lib", false },
	{ "/usr/local/sbin", false },
	{ "/usr/sbin", true },
	{ "/usr/share", false },
	{ "/var/cache", false },
	{ "/var/lib/docker", true },
	{ "/var/lib/dpkg", true },
	{ "/var/log", false },
	{ "/var/tmp", false },
};

bool workspace_path_within(const char *inner, const char *outer)
{
	size_t n = strlen(outer);

	if (strcmp(outer, "/") == 0)
		return true;
	return strncmp(inner, outer, n) == 0 && (inner[n] == '\0' || inner[n] == '/');
}

static int check_guest_system(const char *path, struct err *err)
{
	for (size_t i = 0; i < sizeof(guest_system) / sizeof(*guest_system); i++) {
		const char *system = guest_system[i].path;

		if (workspace_path_within(system, path) ||
			(guest_system[i].below && workspace_path_within(path, system)))
			return err_set(err, EINVAL,
				"workspace %s would cover %s of the sandbox's own system", path,
				system);
	}
	return 0;
}

/* Resolves as much of an absolute path as exists, so that a link above it does not hide it. */
static char *resolve_existing(const char *path)
{
	cleanup_free char *parent = xstrdup(path);
	char *resolved = realpath(path, NULL);

	while (!resolved) {
		char *slash = strrchr(parent, '/');
		char *base;

		if (!slash || slash == parent)
			return xstrdup(path);
		*slash = '\0';
		base = realpath(parent, NULL);
		if (!base)
			continue;
		resolved = paths_join(base, path + (slash - parent) + 1);
		free(base);
	}
	return resolved;
}

/* Neither may contain the other. `own` is compared as written and as resolved. */
static int check_apart(const char *path, const char *own, struct err *err)
{
	cleanup_free char *resolved = resolve_existing(own);
	const char *forms[] = { own, resolved };

	for (size_t i = 0; i < 2; i++) {
		if (!workspace_path_within(forms[i], path) &&
			!workspace_path_within(path, forms[i]))
			continue;
		err_set(err, EINVAL, "workspace %s %s %s, where sbx keeps its own files", path,
			workspace_path_within(path, forms[i]) ? "lies in" : "contains", forms[i]);
		err_hint(err, "share a project directory instead");
		return -EINVAL;
	}
	return 0;
}

static int check_own_directories(const char *path, struct err *err)
{
	static const enum paths_dir own[] = { PATHS_STATE, PATHS_CACHE, PATHS_CONFIG };
	const char *store = getenv("SBX_IMAGE_STORE");

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++) {
		cleanup_free char *directory = NULL;
		int r = paths_dir(own[i], &directory, err);

		if (r == 0)
			r = check_apart(path, directory, err);
		if (r < 0)
			return r;
	}
	if (store && *store == '/' && check_apart(path, store, err) < 0)
		return -EINVAL;
	return check_apart(path, "/var/lib/sbx", err);
}

static int check_resolved(const char *path, struct err *err)
{
	struct stat st;
	json_t *text;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(err, errno, "workspace %s", path);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ENOTDIR, "workspace %s is not a directory", path);
	text = json_string(path);
	if (!text)
		return err_set(err, EILSEQ, "workspace %s: its name is not UTF-8", path);
	json_decref(text);
	if (strcmp(path, "/") == 0)
		return err_set(err, EINVAL, "workspace /: the whole host cannot be shared");
	r = check_own_directories(path, err);
	return r < 0 ? r : check_guest_system(path, err);
}

int workspace_resolve(const char *path, char **ret_path, struct err *err)
{
	cleanup_free char *resolved = NULL;
	int r;

	if (*path != '/')
		return err_set(err, EINVAL, "workspace %s: not an absolute path", path);
	resolved = realpath(path, NULL);
	if (!resolved)
		return err_errno(err, errno, "workspace %s", path);
	r = check_resolved(resolved, err);
	if (r < 0)
		return r;
	*ret_path = take_ptr(resolved);
	return 0;
}

int workspace_recheck(const char *path, struct err *err)
{
	cleanup_free char *resolved = realpath(path, NULL);

	if (!resolved)
		return err_errno(err, errno, "workspace %s", path);
	if (strcmp(resolved, path) != 0)
		return err_set(err, EINVAL, "workspace %s has become a link to %s", path, resolved);
	return check_resolved(resolved, err);
}
