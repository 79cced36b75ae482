/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx-keeper DIRECTORY: runs the sandbox whose directory it is (docs/protocol/keeper.md).
 *
 * Start-up, in this order: the lock (another keeper: end), the log, start.json, the sockets, the
 * machine. The sockets come before the machine, so that the daemon finds a keeper that starts and
 * one that fails in the same way. Every failure after the lock ends in exit.json.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/io.h"
#include "common/log.h"
#include "keeper/keeper.h"

enum { LOCK_WAIT_MS = 200, LOCK_PAUSE_MS = 5 };

/* The whole of the process's state; in static memory because its parts point to each other. */
static struct keeper keeper = { .dir_fd = -1, .lock_fd = -1, .vsock_listen_fd = -1 };

/* Away from whoever started it: own session, no terminal, no working directory to hold. */
static void detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
	}
	if (null > STDERR_FILENO)
		close(null);
	if (chdir("/") < 0)
		log_warn("chdir /: %s", strerror(errno));
	umask(077);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

/* Descriptors of the starter must not be held open by a process that outlives it. */
static void close_inherited(void)
{
	close_range(STDERR_FILENO + 1, ~0U, 0);
}

/*
 * The daemon takes the lock for a moment to see whether a keeper lives, so it is tried for a while.
 */
static int take_lock(int dir_fd, struct err *err)
{
	const struct timespec pause = { .tv_nsec = LOCK_PAUSE_MS * 1000000L };

	keeper.lock_fd = openat(dir_fd, "keeper.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (keeper.lock_fd < 0)
		return err_errno(err, errno, "keeper.lock");
	for (int waited = 0; waited <= LOCK_WAIT_MS; waited += LOCK_PAUSE_MS) {
		if (flock(keeper.lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK)
			return err_errno(err, errno, "lock keeper.lock");
		nanosleep(&pause, NULL);
	}
	return err_set(err, EWOULDBLOCK, "a keeper runs already");
}

static int open_directory(const char *path, struct err *err)
{
	int r;

	keeper.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (keeper.dir_fd < 0)
		return err_errno(err, errno, "%s", path);
	r = take_lock(keeper.dir_fd, err);
	return r < 0 ? err_wrap(err, "%s", path) : 0;
}

static int read_config(struct config *ret_config, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t length;
	int r = io_read_file(keeper.dir_fd, "start.json", CONFIG_MAX_BYTES, &text, &length);

	if (r < 0)
		return err_errno(err, -r, "start.json");
	r = config_parse(text, length, ret_config, err);
	return r < 0 ? err_wrap(err, "start.json") : 0;
}

static int open_sockets(struct err *err)
{
	int control_fd, r;

	r = io_listen(keeper.dir_fd, "vsock.sock", SOCK_STREAM | SOCK_NONBLOCK,
		&keeper.vsock_listen_fd);
	if (r < 0)
		return err_errno(err, -r, "vsock.sock");
	r = io_listen(keeper.dir_fd, "keeper.sock", SOCK_SEQPACKET | SOCK_NONBLOCK, &control_fd);
	if (r == 0)
		r = control_init(&keeper.control, &keeper.loop, control_fd);
	return r < 0 ? err_errno(err, -r, "keeper.sock") : 0;
}

static int set_up(struct err *err)
{
	struct config config = { 0 };
	int r;

	r = logfile_open(&keeper.console_log, keeper.dir_fd, "console.log", -1);
	if (r < 0)
		return err_errno(err, -r, "console.log");
	logfile_rotate(&keeper.console_log);
	r = read_config(&config, err);
	if (r == 0)
		r = keeper_init(&keeper, keeper.dir_fd, &config, err);
	return r == 0 ? open_sockets(err) : r;
}

/* All children are gone: the last acts, in the order keeper.c explains. */
static void leave(enum exit_reason reason, const char *message, const char *hint)
{
	int r;

	fault_point(FAULT_KEEPER_BEFORE_GONE);
	r = exit_write(keeper.dir_fd, reason, message, hint);
	if (r < 0)
		log_error("exit.json: %s", strerror(-r));
	unlinkat(keeper.dir_fd, "vsock.sock", 0);
	unlinkat(keeper.dir_fd, "keeper.sock", 0);
	log_info("gone");
	close(keeper.lock_fd);
	fault_point(FAULT_KEEPER_AFTER_GONE);
}

int main(int argc, char **argv)
{
	cleanup_err struct err err = ERR_INIT;

	log_init("sbx-keeper");
	if (argc != 2) {
		fprintf(stderr, "usage: sbx-keeper DIRECTORY\n");
		return 2;
	}
	vm_prepare();
	close_inherited();
	if (open_directory(argv[1], &err) < 0) {
		err_print(&err, "sbx-keeper");
		return 1;
	}
	logfile_open(&keeper.keeper_log, keeper.dir_fd, "keeper.log", STDERR_FILENO);
	detach();
	log_info("version %s, %s", SBX_VERSION, argv[1]);
	if (set_up(&err) < 0) {
		leave(EXIT_START_FAILED, err.message, err.hint);
		return 1;
	}
	keeper_run(&keeper);
	leave(keeper.reason, keeper.message, keeper.hint);
	return 0;
}
