/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process at the other end of a tar stream.
 *
 * It holds three descriptors besides /dev/null: the stream, the directory (or source) and a pipe
 * for one struct report. The one that unpacks is confined before it reads. What it reports may be
 * chosen by what it read: the parent checks it, and err_print() escapes it.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "confine/confine.h"

struct report {
	int32_t code; /* 0 or an errno value */
	struct archive_totals totals;
	char message[512];
};

/* What reading a tar stream and making files takes, and memory. */
static const char *const allowed[] = { "brk", "clock_gettime", "close", "exit", "exit_group",
	"fchmod", "fcntl", "fstat", "ftruncate", "futex", "getpid", "linkat", "lseek", "madvise",
	"mkdirat", "mmap", "mprotect", "mremap", "munmap", "newfstatat", "openat", "pwrite64",
	"read", "restart_syscall", "rt_sigreturn", "symlinkat", "umask", "unlinkat", "utimensat",
	"write", NULL };

/* Memory a stream can make the reader take (long headers, maps of sparse files). */
static int limit_memory(struct err *err)
{
#ifndef __SANITIZE_ADDRESS__
	const struct rlimit limit = { 1 << 30, 1 << 30 };

	if (setrlimit(RLIMIT_AS, &limit) < 0)
		return err_errno(err, errno, "setrlimit");
#endif
	return 0;
}

static int confine(int root, struct err *err)
{
	int r = limit_memory(err);

	if (r == 0)
		r = confine_landlock(&root, 1, NULL, 0, err);
	return r == 0 ? confine_seccomp(allowed, err) : r;
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Nothing else of the caller stays open; its terminal neither. */
static int drop_descriptors(int *keep, size_t count)
{
	unsigned from = 3;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	qsort(keep, count, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned)keep[i] > from && close_range(from, (unsigned)keep[i] - 1, 0) < 0)
			return -errno;
		from = (unsigned)keep[i] + 1;
	}
	return close_range(from, ~0U, 0) < 0 ? -errno : 0;
}

static int prepare(bool unpack, int stream, int root, int report, struct err *err)
{
	int keep[] = { stream, root, report };
	sigset_t none;
	int r;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_errno(err, errno, "prctl");
	/* Names in pax headers are UTF-8; without a locale that has it libarchive drops them. */
	setlocale(LC_CTYPE, "C.UTF-8");
	r = drop_descriptors(keep, sizeof(keep) / sizeof(keep[0]));
	if (r < 0)
		return err_errno(err, -r, "close descriptors");
	return unpack ? confine(root, err) : 0;
}

static _Noreturn void child_main(
	bool unpack, int stream, int root, const char *name, const char *rename, int report_fd)
{
	struct err err = ERR_INIT;
	struct report report = { 0 };
	int r = prepare(unpack, stream, root, report_fd, &err);

	if (r == 0 && unpack)
		r = archive_unpack_tree(stream, root, name, rename, &report.totals, &err);
	else if (r == 0)
		r = archive_pack_tree(root, name, stream, &report.totals, &err);
	if (r < 0) {
		report.code = -r;
		snprintf(report.message, sizeof(report.message), "%s",
			err.message ? err.message : "");
	}
	io_write_full(report_fd, &report, sizeof(report));
	_exit(0);
}

int archive_child_start(struct archive_child *child, bool unpack, int root, const char *name,
	const char *rename, int *ret_stream, struct err *err)
{
	int stream[2], report[2];
	int mine = unpack ? 1 : 0; /* the caller writes what is unpacked, reads what is packed */
	pid_t pid;

	if (pipe2(stream, O_CLOEXEC) < 0)
		return err_errno(err, errno, "pipe");
	if (pipe2(report, O_CLOEXEC) < 0) {
		int r = err_errno(err, errno, "pipe");

		close(stream[0]);
		close(stream[1]);
		return r;
	}
	pid = fork();
	if (pid == 0)
		child_main(unpack, stream[!mine], root, name, rename, report[1]);
	close(stream[!mine]);
	close(report[1]);
	if (pid < 0) {
		int r = err_errno(err, errno, "fork");

		close(stream[mine]);
		close(report[0]);
		return r;
	}
	*child = (struct archive_child){ .pid = pid, .report = report[0] };
	*ret_stream = stream[mine];
	return 0;
}

static int read_report(
	int fd, int status, bool killed, struct archive_totals *ret_totals, struct err *err)
{
	struct report report;
	ssize_t n = io_read_full(fd, &report, sizeof(report));

	if (n != (ssize_t)sizeof(report) && killed)
		return 0;
	if (n != (ssize_t)sizeof(report) && WIFSIGNALED(status))
		return err_set(err, EIO, "the process that reads the stream was killed: %s",
			strsignal(WTERMSIG(status)));
	if (n != (ssize_t)sizeof(report))
		return err_set(err, EIO, "the process that reads the stream said nothing");
	if (report.code == 0) {
		*ret_totals = report.totals;
		return 0;
	}
	report.message[sizeof(report.message) - 1] = '\0';
	if (report.code < 0 || report.code > 4095)
		report.code = EIO;
	return err_set(err, report.code, "%s", report.message);
}

int archive_child_finish(struct archive_child *child, bool killed,
	struct archive_totals *ret_totals, struct err *err)
{
	int status = 0, r;

	if (killed)
		kill(child->pid, SIGKILL);
	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	r = read_report(child->report, status, killed, ret_totals, err);
	close(child->report);
	return r;
}
