/* SPDX-License-Identifier: Apache-2.0 */
/* Ends the sandbox. */
#include "guest/shutdown.h"

#include <signal.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "guest/console.h"

enum {
	RESERVE_MS = 800,
	KILL_POLL_NS = 2000000,
	KILL_POLLS = 100, /* a killed process in an uninterruptible call is not waited for */
};

static void ask_all(struct shutdown *shutdown)
{
	shutdown->all_asked = true;
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	loop_arm(shutdown->loop, &shutdown->timer, shutdown->grace / 2);
}

static void expire(void *context)
{
	struct shutdown *shutdown = context;

	if (shutdown->all_asked)
		shutdown->loop->stop = true;
	else
		ask_all(shutdown);
}

void shutdown_init(struct shutdown *shutdown, struct loop *loop, struct server *server,
	struct engine *engine)
{
	*shutdown = (struct shutdown){ .loop = loop, .server = server, .engine = engine };
	shutdown->timer = (struct loop_timer){ .expire = expire, .context = shutdown };
}

/* Asks without reaping: how a child ended is for reap() to see. */
static bool has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

void shutdown_begin(struct shutdown *shutdown, unsigned milliseconds)
{
	if (shutdown->begun)
		return;
	console_debug("shutdown");
	shutdown->begun = true;
	shutdown->grace = milliseconds > RESERVE_MS ? milliseconds - RESERVE_MS : 0;
	server_stop(shutdown->server);
	engine_stop(shutdown->engine);
	loop_arm(shutdown->loop, &shutdown->timer, shutdown->grace / 2);
	/* Without any child no SIGCHLD would come to say so. */
	shutdown_children_ended(shutdown, !has_children());
}

void shutdown_children_ended(struct shutdown *shutdown, bool none_left)
{
	if (!shutdown->begun)
		return;
	if (none_left)
		shutdown->loop->stop = true;
	else if (!shutdown->all_asked && shutdown->engine->pid == 0 &&
		 shutdown->server->job_count == 0)
		ask_all(shutdown);
}

static void kill_all(void)
{
	static const struct timespec pause = { .tv_nsec = KILL_POLL_NS };

	kill(-1, SIGKILL);
	for (int i = 0; i < KILL_POLLS; i++) {
		pid_t pid;

		while ((pid = waitpid(-1, NULL, WNOHANG | __WALL)) > 0)
			;
		if (pid < 0)
			return;
		nanosleep(&pause, NULL);
	}
}

void shutdown_power_off(const struct boot *boot, const struct guest_config *config)
{
	kill_all();
	boot_unmount(boot, config);
	sync();
	console_debug("power off");
	tcdrain(STDERR_FILENO);
	reboot(RB_POWER_OFF);
	/* Not reached on machines that can be powered off; PID 1 must not return. */
	for (;;)
		pause();
}
