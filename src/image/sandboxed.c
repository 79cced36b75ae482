/* SPDX-License-Identifier: Apache-2.0 */
/* Runs code of npm packages on the host, confined. */
#include "image/sandboxed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "confine/confine.h"
#include "image/tool.h"

enum { INSIDE_ID = 1000, MAX_COMMAND = 16, MAX_BINDS = 16 };

static const struct confine_bind system_binds[] = {
	{ "/usr", NULL, 0 },
	{ "/bin", NULL, CONFINE_OPTIONAL },
	{ "/lib", NULL, CONFINE_OPTIONAL },
	{ "/lib64", NULL, CONFINE_OPTIONAL },
	{ "/etc/alternatives", NULL, CONFINE_OPTIONAL },
	{ "/etc/ld.so.cache", NULL, CONFINE_OPTIONAL },
	{ "/dev/null", NULL, CONFINE_WRITABLE | CONFINE_DEVICE },
	{ "/dev/zero", NULL, CONFINE_WRITABLE | CONFINE_DEVICE },
	{ "/dev/random", NULL, CONFINE_DEVICE },
	{ "/dev/urandom", NULL, CONFINE_DEVICE },
};

enum { SYSTEM_BINDS = sizeof(system_binds) / sizeof(*system_binds) };

/* Programs ask who they are. */
static int make_passwd(int *ret_fd)
{
	static const char text[] = "agent:x:1000:1000::/tmp:/bin/sh\n";
	cleanup_close int fd = memfd_create("passwd", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : io_write_full(fd, text, strlen(text));

	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

/*
 * A Node.js that somebody unpacked outside of the system's directories: its prefix, or NULL.
 * Nothing else than such a prefix is shown, so that an npm in ~/bin does not open the home.
 */
static char *foreign_prefix(void)
{
	cleanup_free char *path = xstrdup(getenv("PATH") ? getenv("PATH") : "");
	char *rest = path;
	char *dir;

	while ((dir = strsep(&rest, ":"))) {
		cleanup_free char *npm = xasprintf("%s/npm", dir);
		cleanup_free char *real = NULL;
		cleanup_free char *modules = NULL;

		if (*dir != '/' || access(npm, X_OK) < 0)
			continue;
		real = realpath(dir, NULL);
		if (!real || text_has_prefix(real, "/usr/") || strcmp(real, "/bin") == 0)
			return NULL;
		*strrchr(real, '/') = '\0';
		modules = xasprintf("%s/lib/node_modules/npm", real);
		return *real && access(modules, F_OK) == 0 ? take_ptr(real) : NULL;
	}
	return NULL;
}

static int give(const struct sandboxed *run, uid_t uid, gid_t gid, struct err *err)
{
	cleanup_free char *owner = xasprintf("%u:%u", uid, gid);
	const char *const argv[] = { "chown", "--recursive", "--no-dereference", owner, "--",
		run->directory, run->tmp, NULL };
	struct tool tool = { .argv = argv, .log_fd = run->log_fd };

	return geteuid() == 0 ? tool_run(&tool, err) : 0;
}

static void collect_argv(const struct sandboxed *run, const char *limit, char **argv)
{
	size_t n = 0;

	argv[n++] = (char *)"timeout";
	argv[n++] = (char *)"--signal=KILL";
	argv[n++] = (char *)limit;
	for (size_t i = 0; run->command[i] && n < MAX_COMMAND - 1; i++)
		argv[n++] = (char *)run->command[i];
	argv[n] = NULL;
}

/* What the command sees of the host; returns how many binds there are. */
static size_t collect_binds(const struct sandboxed *run, const char *prefix,
	struct confine_bind *binds)
{
	const struct confine_bind own[] = {
		{ run->directory, run->target, CONFINE_WRITABLE | CONFINE_EXECUTABLE },
		{ run->tmp, "/tmp", CONFINE_WRITABLE | CONFINE_EXECUTABLE },
		{ prefix, NULL, 0 },
	};
	size_t own_count = prefix ? 3 : 2;

	memcpy(binds, system_binds, sizeof(system_binds));
	memcpy(binds + SYSTEM_BINDS, own, own_count * sizeof(*own));
	return SYSTEM_BINDS + own_count;
}

static int spawn(const struct sandboxed *run, int output_fd, uid_t uid, pid_t *ret_pid,
	struct err *err)
{
	cleanup_free char *prefix = foreign_prefix();
	cleanup_free char *path = xasprintf("PATH=%s/node_modules/.bin:%s%s/usr/local/bin:/usr/bin:"
		"/bin", run->target, prefix ? prefix : "", prefix ? "/bin:" : "");
	cleanup_free char *limit = xasprintf("%d", SANDBOXED_TIMEOUT_S);
	char *envp[] = { path, (char *)"HOME=/tmp", (char *)"TMPDIR=/tmp", (char *)"CI=1",
		(char *)"LC_ALL=C.UTF-8", (char *)"npm_config_cache=/tmp/npm",
		(char *)"npm_config_offline=true", (char *)"npm_config_update_notifier=false",
		(char *)"npm_config_nodedir=/usr",
		(char *)"npm_config_dangerously_allow_all_scripts=true", NULL };
	char *argv[MAX_COMMAND];
	struct confine_bind binds[MAX_BINDS];
	struct confine_file passwd = { .target = "/etc/passwd", .fd = -1 };
	struct confine_spec spec = {
		.program = "/usr/bin/timeout",
		.argv = argv,
		.envp = envp,
		.binds = binds,
		.files = &passwd,
		.file_count = 1,
		.stdout_fd = output_fd,
		.stderr_fd = output_fd,
		.inside_uid = INSIDE_ID,
		.inside_gid = INSIDE_ID,
		.root_uid = uid,
		.root_gid = uid,
		.mount_proc = true,
	};
	cleanup_close int passwd_fd = -1;
	cleanup_close int pidfd = -1;
	int r = make_passwd(&passwd_fd);

	if (r < 0)
		return err_errno(err, -r, "memfd");
	passwd.fd = passwd_fd;
	collect_argv(run, limit, argv);
	spec.bind_count = collect_binds(run, prefix, binds);
	return confine_spawn(&spec, ret_pid, &pidfd, err);
}

int sandboxed_run(const struct sandboxed *run, struct err *err)
{
	struct tool tool = { .log_fd = run->log_fd, .on_line = run->on_line, .arg = run->arg };
	cleanup_close int read_fd = -1;
	cleanup_close int write_fd = -1;
	uid_t uid = confine_unused_uid("sbx-image");
	int fds[2];
	pid_t pid = 0;
	int r = give(run, uid, uid, err);
	int back;

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	r = spawn(run, write_fd, uid, &pid, err);
	close(take_fd(&write_fd));
	if (r == 0)
		r = tool_follow(&tool, run->command[0], read_fd, pid, err);
	back = give(run, getuid(), getgid(), r == 0 ? err : NULL);
	return r < 0 ? r : back;
}
