/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the programs that images are built with. */
#include "image/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"
#include "image/userns.h"

enum { MAX_LINE = 4096, MAX_LOG = 64 << 20, EXIT_NO_PROGRAM = 127 };

/* What is kept of the output for the message of a failure. */
struct verdict {
	char *error; /* the first line that calls itself an error */
	char *last;  /* the last line that is not empty */
	bool no_space;
};

static void verdict_finish(struct verdict *verdict)
{
	free(verdict->error);
	free(verdict->last);
}

#define cleanup_verdict __attribute__((cleanup(verdict_finish)))

static bool is_error_line(const char *line)
{
	static const char *const prefixes[] = { "E: ", "npm error ", "npm ERR! ", "dpkg: error",
						"<E> ", NULL };

	for (const char *const *p = prefixes; *p; p++)
		if (text_has_prefix(line, *p))
			return true;
	return false;
}

static void judge_line(struct verdict *verdict, const char *line)
{
	if (strstr(line, "No space left on device") || strstr(line, "ENOSPC"))
		verdict->no_space = true;
	if (!verdict->error && is_error_line(line))
		verdict->error = xstrdup(line);
	if (line[strspn(line, " \t")] != '\0') {
		free(verdict->last);
		verdict->last = xstrdup(line);
	}
}

/* Hands on the lines that are complete; a line longer than the buffer is cut into several. */
static void take_lines(const struct tool *tool, struct verdict *verdict, struct buf *buf, bool end)
{
	for (;;) {
		size_t length = buf_length(buf);
		char *head = (char *)buf_head(buf);
		char *newline = length ? memchr(head, '\n', length) : NULL;
		size_t take = newline ? (size_t)(newline - head) : length;
		cleanup_free char *line = NULL;

		if (length == 0 || (!newline && !end && buf_room(buf) > 0))
			return;
		line = xstrndup(head, take);
		line[strcspn(line, "\r")] = '\0';
		judge_line(verdict, line);
		if (tool->on_line)
			tool->on_line(tool->arg, line);
		buf_consume(buf, take + (newline != NULL));
	}
}

static void read_output(const struct tool *tool, struct verdict *verdict, int fd)
{
	cleanup_buf struct buf buf = { 0 };
	size_t logged = 0;
	ssize_t n;

	buf_init(&buf, MAX_LINE);
	for (;;) {
		size_t before = buf_length(&buf);

		n = buf_read(&buf, fd, MAX_LINE);
		if (n <= 0)
			break;
		if (tool->log_fd >= 0 && (logged += (size_t)n) <= MAX_LOG)
			io_write_full(tool->log_fd, buf_head(&buf) + before, (size_t)n);
		take_lines(tool, verdict, &buf, false);
	}
	take_lines(tool, verdict, &buf, true);
}

static int judge(const struct verdict *verdict, const char *name, int status, struct err *err)
{
	const char *why = verdict->error ? verdict->error : verdict->last;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (verdict->no_space) {
		err_set(err, ENOSPC, "%s failed: no space left on the disk", name);
		err_hint(err, "free some space, or set XDG_CACHE_HOME to a larger disk");
		return -ENOSPC;
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM) {
		err_set(err, ENOENT, "%s is not installed", name);
		err_hint(err, "sudo apt-get install mmdebstrap erofs-utils kmod npm xz-utils zstd");
		return -ENOENT;
	}
	if (WIFSIGNALED(status))
		return err_set(err, EIO, "%s was killed by signal %d", name, WTERMSIG(status));
	return err_set(err, EIO, "%s failed: %s", name, why ? why : "it does not say why");
}

int tool_follow(const struct tool *tool, const char *name, int fd, pid_t pid, struct err *err)
{
	cleanup_verdict struct verdict verdict = { 0 };
	int status = 0;

	read_output(tool, &verdict, fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(err, errno, "wait for %s", name);
	return judge(&verdict, name, status, err);
}

struct child {
	const struct tool *tool;
	int output_fd;
};

static bool redirect(const char *path, int flags, int target)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd >= 0 && dup2(fd, target) == target;
}

/* In the child: never returns but with an exit status. */
static int exec_tool(void *arg)
{
	const struct child *child = arg;
	const struct tool *tool = child->tool;

	if (dup2(child->output_fd, STDOUT_FILENO) < 0 || dup2(child->output_fd, STDERR_FILENO) < 0)
		return EXIT_NO_PROGRAM;
	if (!redirect(tool->input ? tool->input : "/dev/null", O_RDONLY, STDIN_FILENO) ||
		(tool->output && !redirect(tool->output, O_WRONLY | O_CREAT | O_TRUNC,
					 STDOUT_FILENO)) ||
		(tool->cwd && chdir(tool->cwd) < 0)) {
		dprintf(STDERR_FILENO, "%s: %m\n", tool->argv[0]);
		return 1;
	}
	umask(022);
	signal(SIGPIPE, SIG_DFL);
	execvp(tool->argv[0], (char *const *)tool->argv);
	return errno == ENOENT ? EXIT_NO_PROGRAM : 126;
}

static int spawn_plain(struct child *child, pid_t *ret_pid, struct err *err)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(err, errno, "fork");
	if (pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(1);
		_exit(exec_tool(child));
	}
	*ret_pid = pid;
	return 0;
}

int tool_run(const struct tool *tool, struct err *err)
{
	cleanup_close int read_fd = -1;
	cleanup_close int write_fd = -1;
	struct child child = { .tool = tool };
	int fds[2];
	pid_t pid = 0;
	int r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	read_fd = fds[0];
	write_fd = child.output_fd = fds[1];
	r = tool->in_userns ? userns_spawn(exec_tool, &child, &pid, err)
			    : spawn_plain(&child, &pid, err);
	if (r < 0)
		return r;
	close(take_fd(&write_fd));
	return tool_follow(tool, tool->argv[0], read_fd, pid, err);
}
