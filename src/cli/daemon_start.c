/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connects to the daemon and starts it when there is none.
 *
 * Theory of operation. Clients that find no daemon serialise on a flock(2) of the state directory
 * itself: connect, lock, connect again (another client may have started one meanwhile), start, wait
 * for the ready byte, unlock. sbxd.lock belongs to the daemon, which holds it for life and so
 * refuses to be there twice. A daemon on its way out can hold sbxd.lock when its socket is gone
 * already; the one we start then gives up, and we try again a few times.
 */
#include "cli/daemon_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"

enum { ATTEMPTS = 20, PAUSE_MS = 100, READY_FD = 3 };

static const char socket_name[] = "sbxd.sock";

static int open_state(int *ret_fd, struct err *err)
{
	cleanup_free char *path = NULL;
	int fd, r;

	r = paths_make_dir(PATHS_STATE, &path, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "open %s", path);
	*ret_fd = fd;
	return 0;
}

/*
 * What of the environment the daemon gets, and the programs that it starts. The rest may be
 * secrets, which have no business in a process that stays, or lead to code: an environment made for
 * the workspace can name libraries and options (LD_PRELOAD, PERL5LIB, NODE_OPTIONS) that lie in it,
 * where a guest may write.
 */
static const char *const passed[] = {
	"HOME", "USER", "LOGNAME", "PATH", "LANG", "TZ", "TMPDIR", "XDG_STATE_HOME",
	"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	/* In capitals a person has set them; `npm run` sets small ones, from the workspace. */
	"NODE_EXTRA_CA_CERTS", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG", "NPM_CONFIG_CAFILE",
	"ASAN_OPTIONS", "UBSAN_OPTIONS",
};

static bool is_passed(const char *variable)
{
	if (text_has_prefix(variable, "SBX_") || text_has_prefix(variable, "LC_"))
		return true;
	for (size_t i = 0; i < sizeof(passed) / sizeof(*passed); i++)
		if (text_has_prefix(variable, passed[i]) && variable[strlen(passed[i])] == '=')
			return true;
	return false;
}

char **daemon_environment(char *const *all)
{
	size_t count = 0, kept = 0;
	char **list;

	while (all[count])
		count++;
	list = xcalloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count; i++)
		if (is_passed(all[i]))
			list[kept++] = all[i];
	return list;
}

/* Runs in the child. Nothing of the caller's but that environment goes to the daemon. */
static void exec_daemon(const char *program, int ready_fd, int error_fd)
{
	char *const argv[] = { (char *)"sbxd", (char *)"--ready-fd", (char *)"3", NULL };
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The descriptors may lie among those they are moved to: first all out of the way. */
	null = fcntl(null, F_DUPFD, READY_FD + 1);
	ready_fd = fcntl(ready_fd, F_DUPFD, READY_FD + 1);
	error_fd = fcntl(error_fd, F_DUPFD, READY_FD + 1);
	if (null < 0 || ready_fd < 0 || error_fd < 0)
		_exit(STDERR_FILENO);
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(error_fd, STDERR_FILENO);
	dup2(ready_fd, READY_FD);
	close_range(READY_FD + 1, ~0U, 0);
	if (chdir("/") < 0)
		_exit(1);
	execve(program, argv, daemon_environment(environ));
	dprintf(STDERR_FILENO, "run %s: %s\n", program, strerror(errno));
	_exit(1);
}

/* The last line the daemon wrote before it gave up. */
static char *last_words(int error_fd)
{
	char text[1024];
	ssize_t n;
	off_t size = lseek(error_fd, 0, SEEK_END);
	off_t from = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	char *line;

	n = size > 0 ? pread(error_fd, text, sizeof(text) - 1, from) : 0;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	if (n <= 0)
		return xstrdup("it ended without a word");
	text[n] = '\0';
	line = strrchr(text, '\n');
	return xstrdup(line ? line + 1 : text);
}

/* Starts the daemon and waits for its ready byte. */
static int start(struct err *err)
{
	cleanup_free char *program = NULL;
	cleanup_close int error_fd = memfd_create("sbxd stderr", MFD_CLOEXEC);
	cleanup_close int ready_read = -1, ready_write = -1;
	cleanup_free char *words = NULL;
	int pipe_fds[2];
	char ready;
	pid_t pid;
	int r = paths_program("sbxd", &program, err);

	if (r < 0)
		return r;
	if (error_fd < 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "start the daemon");
	ready_read = pipe_fds[0];
	ready_write = pipe_fds[1];
	pid = fork();
	if (pid < 0)
		return err_errno(err, errno, "start the daemon");
	if (pid == 0)
		exec_daemon(program, ready_write, error_fd);
	close(take_fd(&ready_write));
	if (io_read_full(ready_read, &ready, 1) == 1)
		return 0;
	waitpid(pid, NULL, 0);
	words = last_words(error_fd);
	return err_set(err, EIO, "start the daemon: %s", words);
}

static int connect_state(int state, int *ret_fd)
{
	return io_connect(state, socket_name, SOCK_STREAM, ret_fd);
}

static bool is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

int daemon_connect(int *ret_fd, struct err *err)
{
	cleanup_close int state = -1;
	int r = open_state(&state, err);

	if (r < 0)
		return r;
	r = connect_state(state, ret_fd);
	if (is_absent(r)) {
		err_set(err, ECONNREFUSED, "the daemon is not running");
		err_hint(err, "any command that needs it starts it; so does 'sbx daemon start'");
		return -ECONNREFUSED;
	}
	return r < 0 ? err_errno(err, -r, "connect to the daemon") : 0;
}

/* With the lock held: starts the daemon, patient with one that is on its way out. */
static int start_locked(int state, int *ret_fd, struct err *err)
{
	int r = connect_state(state, ret_fd);

	for (int i = 0; i < ATTEMPTS && is_absent(r); i++) {
		struct timespec pause = { .tv_nsec = PAUSE_MS * 1000000L };

		if (i > 0)
			nanosleep(&pause, NULL);
		err_finish(err);
		r = start(err);
		if (r == -ENOENT)
			return r;
		r = connect_state(state, ret_fd);
	}
	if (is_absent(r) && err->message)
		return -err->code;
	if (r < 0)
		return err_errno(err, -r, "connect to the daemon");
	err_finish(err);
	return 0;
}

int daemon_connect_or_start(int *ret_fd, struct err *err)
{
	cleanup_close int state = -1;
	int r = open_state(&state, err);

	if (r < 0)
		return r;
	r = connect_state(state, ret_fd);
	if (r == 0)
		return 0;
	if (!is_absent(r))
		return err_errno(err, -r, "connect to the daemon");
	while (flock(state, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "lock the state directory");
	return start_locked(state, ret_fd, err);
}
