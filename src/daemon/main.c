/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbxd: start-up and end.
 *
 *	sbxd [--ready-fd N]
 *
 * With --ready-fd it was started by a client, which waits for one byte on that descriptor: stderr
 * goes to sbxd.log once all that can fail has been done, and the client's session and terminal are
 * left. Without, it stays in the foreground and logs to stderr.
 *
 * It may end at any instruction: nothing but the order of writes on disk (lifecycle.c) keeps the
 * state right, and an orderly end only lets requests in progress finish.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/log.h"
#include "common/paths.h"
#include "common/text.h"
#include "daemon/http.h"
#include "daemon/lifecycle.h"

enum { EXIT_USAGE = 2, MAX_LOG_BYTES = 1 << 20 };

struct start {
	int ready_fd; /* -1: in the foreground */
	int state_fd;
	int lock_fd; /* held for life */
	int listen_fd;
	int signal_fd;
};

static int parse_arguments(int argc, char **argv, struct start *start)
{
	uint64_t fd;

	if (argc == 1)
		return 0;
	if (argc != 3 || strcmp(argv[1], "--ready-fd") != 0 ||
		text_parse_u64(argv[2], 1 << 20, &fd) < 0 || fcntl((int)fd, F_GETFD) < 0)
		return -EINVAL;
	start->ready_fd = (int)fd;
	return io_set_cloexec(start->ready_fd, true);
}

/* Threads inherit the mask, so that signals come to the descriptor only. */
static int take_signals(struct start *start, struct err *err)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, start->ready_fd >= 0 ? SIG_IGN : SIG_DFL);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
		return err_errno(err, errno, "block signals");
	start->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	return start->signal_fd < 0 ? err_errno(err, errno, "signalfd") : 0;
}

static int open_state(struct daemon *daemon, struct start *start, struct err *err)
{
	int r = paths_make_dir(PATHS_STATE, &daemon->state_path, err);

	if (r < 0)
		return r;
	start->state_fd = open(daemon->state_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (start->state_fd < 0)
		return err_errno(err, errno, "open %s", daemon->state_path);
	daemon->sandboxes_path = paths_join(daemon->state_path, "sandboxes");
	if (mkdirat(start->state_fd, "sandboxes", 0700) < 0 && errno != EEXIST)
		return err_errno(err, errno, "create %s", daemon->sandboxes_path);
	daemon->sandboxes_fd = openat(start->state_fd, "sandboxes",
		O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (daemon->sandboxes_fd < 0)
		return err_errno(err, errno, "open %s", daemon->sandboxes_path);
	return 0;
}

static int take_lock(const struct daemon *daemon, struct start *start, struct err *err)
{
	start->lock_fd = openat(start->state_fd, "sbxd.lock",
		O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (start->lock_fd < 0)
		return err_errno(err, errno, "open %s/sbxd.lock", daemon->state_path);
	if (flock(start->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_errno(err, errno, "lock %s/sbxd.lock", daemon->state_path);
	return err_set(err, EBUSY, "another sbxd already serves %s", daemon->state_path);
}

static int open_registry(struct daemon *daemon, struct err *err)
{
	cleanup_free char *path = paths_join(daemon->state_path, "sbx.db");

	return registry_open(path, &daemon->registry, err);
}

static int prepare(struct daemon *daemon, struct start *start, struct err *err)
{
	struct timespec now;
	int r;

	clock_gettime(CLOCK_REALTIME, &now);
	daemon->started_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	pthread_mutex_init(&daemon->images, NULL);
	spec_limits_of_host(&daemon->limits);
	daemon->shutdown_fd = eventfd(0, EFD_CLOEXEC);
	if (daemon->shutdown_fd < 0)
		return err_errno(err, errno, "eventfd");
	r = take_signals(start, err);
	if (r == 0)
		r = open_state(daemon, start, err);
	if (r == 0)
		r = take_lock(daemon, start, err);
	if (r == 0)
		r = open_registry(daemon, err);
	if (r == 0)
		r = store_init(&daemon->store, err);
	if (r == 0)
		r = agents_load(&daemon->agents, err);
	return r;
}

/* Leaves the client that started us: its session, its terminal, its directory. */
static int detach(struct start *start, struct err *err)
{
	cleanup_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	cleanup_close int log = -1;
	struct stat st;

	if (start->ready_fd < 0)
		return 0;
	if (fstatat(start->state_fd, "sbxd.log", &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		st.st_size > MAX_LOG_BYTES)
		renameat(start->state_fd, "sbxd.log", start->state_fd, "sbxd.log.1");
	log = openat(start->state_fd, "sbxd.log",
		O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (null < 0 || log < 0)
		return err_errno(err, errno, "open the log");
	setsid();
	if (chdir("/") < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0)
		return err_errno(err, errno, "detach");
	return 0;
}

static int start_serving(struct daemon *daemon, struct start *start,
	struct http_server **ret_server, struct err *err)
{
	int r;

	sandbox_table_init(&daemon->sandboxes, daemon->sandboxes_fd);
	r = io_listen(start->state_fd, "sbxd.sock", SOCK_STREAM, &start->listen_fd);
	if (r < 0)
		return err_errno(err, -r, "listen on %s/sbxd.sock", daemon->state_path);
	r = detach(start, err);
	if (r == 0)
		r = lifecycle_adopt_all(daemon, err);
	if (r == 0)
		r = http_start(daemon, start->listen_fd, ret_server, err);
	if (r == 0 && start->ready_fd >= 0) {
		if (write(start->ready_fd, "", 1) < 0)
			log_warn("the client that started this daemon is gone");
		close(start->ready_fd);
	}
	return r;
}

/* The socket goes first: a client that finds none starts a new daemon, which waits for the lock. */
static void serve(struct daemon *daemon, struct start *start, struct http_server *server)
{
	struct pollfd fds[] = {
		{ .fd = daemon->shutdown_fd, .events = POLLIN },
		{ .fd = start->signal_fd, .events = POLLIN },
	};

	log_info("version %s serves %s", SBX_VERSION, daemon->state_path);
	while (poll(fds, 2, -1) < 0 && errno == EINTR)
		;
	log_info("ends: %s", fds[1].revents ? "signal" : "asked to");
	unlinkat(start->state_fd, "sbxd.sock", 0);
	http_stop(server);
}

int main(int argc, char **argv)
{
	struct start start = { .ready_fd = -1 };
	cleanup_err struct err err = ERR_INIT;
	struct http_server *server = NULL;
	struct daemon daemon = { 0 };
	int r;

	log_init("sbxd");
	umask(077);
	if (parse_arguments(argc, argv, &start) < 0) {
		fprintf(stderr, "usage: sbxd [--ready-fd N]\n");
		return EXIT_USAGE;
	}
	r = prepare(&daemon, &start, &err);
	if (r == 0)
		r = start_serving(&daemon, &start, &server, &err);
	if (r < 0) {
		err_print(&err, "sbxd");
		return EXIT_FAILURE;
	}
	serve(&daemon, &start, server);
	/* Threads may still work; what they leave is what a crash would. */
	_exit(EXIT_SUCCESS);
}
