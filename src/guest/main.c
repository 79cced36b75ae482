/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx-init: the guest's PID 1 and session server.
 *
 * One thread, one event loop. All signals are blocked and read from a descriptor, so that no
 * handler exists which a child that still shares our memory (spawn.h) could run. The kernel's
 * out-of-memory killer never takes the first process, so its score needs no adjusting, and what
 * the children inherit is the default.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "common/cleanup.h"
#include "guest/boot.h"
#include "guest/config.h"
#include "guest/console.h"
#include "guest/control.h"
#include "guest/engine.h"
#include "guest/loop.h"
#include "guest/server.h"
#include "guest/shutdown.h"
#include "session/session.h"

enum { OWN_SHUTDOWN_MS = 5000, BACKLOG = 128 };

/* The one sandbox of this machine. */
static struct {
	struct guest_config config;
	struct boot boot;
	struct loop loop;
	struct loop_source signals;
	struct server server;
	struct engine engine;
	struct control control;
	struct shutdown shutdown;
	pid_t finisher; /* runs boot_finish() */
} init;

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (server_child_ended(&init.server, pid, status) ||
			engine_child_ended(&init.engine, pid, status))
			continue;
		if (pid == init.finisher)
			engine_open(&init.engine);
	}
	shutdown_children_ended(&init.shutdown, pid < 0 && errno == ECHILD);
}

static void handle_signals(void *context, uint32_t events)
{
	struct signalfd_siginfo info;

	while (read(init.signals.fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			reap();
			break;
		case SIGTERM:
		case SIGINT:
		case SIGPWR:
		case SIGUSR2:
			shutdown_begin(&init.shutdown, OWN_SHUTDOWN_MS);
			break;
		default:
			break;
		}
	}
}

static int watch_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	init.signals = (struct loop_source){ .handle = handle_signals };
	init.signals.fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (init.signals.fd < 0)
		return -errno;
	return loop_watch(&init.loop, &init.signals, EPOLLIN);
}

static int listen_for_sessions(void)
{
	struct sockaddr_vm address = { .svm_family = AF_VSOCK,
				       .svm_cid = VMADDR_CID_ANY,
				       .svm_port = SESSION_PORT };
	cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(fd, BACKLOG) < 0)
		return -errno;
	return take_fd(&fd);
}

static void sessions_changed(void *context, unsigned detached)
{
	control_set_detached(&init.control, detached);
}

static const char *describe_engine(void *context)
{
	return engine_state(&init.engine);
}

static void keeper_asks_shutdown(void *context, unsigned milliseconds)
{
	shutdown_begin(&init.shutdown, milliseconds);
}

static int serve(struct err *err)
{
	int fd = listen_for_sessions();
	int r = fd;

	if (r >= 0)
		r = server_init(&init.server, &init.loop, &init.config, fd);
	if (r < 0)
		return err_errno(err, -r, "cannot serve sessions");
	init.server.changed = sessions_changed;
	init.server.engine_state = describe_engine;
	engine_init(&init.engine, &init.loop, init.server.null_fd);
	shutdown_init(&init.shutdown, &init.loop, &init.server, &init.engine);
	init.control.shutdown = keeper_asks_shutdown;
	control_start(&init.control, &init.loop);
	return 0;
}

static void start_finisher(void)
{
	init.finisher = fork();
	if (init.finisher > 0)
		return;
	boot_finish(&init.boot);
	if (init.finisher == 0)
		_exit(0);
	engine_open(&init.engine);
}

static int start(struct err *err)
{
	int r = boot_run(&init.boot, &init.config, err);

	if (r < 0)
		return r;
	r = loop_init(&init.loop);
	if (r == 0)
		r = watch_signals();
	if (r < 0)
		return err_errno(err, -r, "event loop");
	return serve(err);
}

int main(void)
{
	cleanup_err struct err err = ERR_INIT;
	sigset_t all;

	if (getpid() != 1) {
		fputs("sbx-init: runs as the first process of a sandbox only\n", stderr);
		return 2;
	}
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (start(&err) < 0) {
		console_say("%s", err.message);
		shutdown_power_off(&init.boot, &init.config);
	}
	start_finisher();
	loop_run(&init.loop);
	shutdown_power_off(&init.boot, &init.config);
}
