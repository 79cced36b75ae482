/* SPDX-License-Identifier: Apache-2.0 */
/* The sandbox's Docker Engine. */
#include "guest/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "guest/console.h"
#include "guest/spawn.h"
#include "guest/users.h"

#define PROGRAM	    "/usr/sbin/dockerd"
#define SOCKET_PATH "/run/docker.sock"
#define LOG_PATH    "/var/log/dockerd.log"

enum { QUICK_END_S = 5, REST_MS = 2000, LOG_MAXIMUM = 1 << 20, BACKLOG = 128 };

static void handle_socket(void *context, uint32_t events);

static void watch(void *context)
{
	struct engine *engine = context;

	if (!engine->stopping)
		loop_watch(engine->loop, &engine->socket, EPOLLIN);
}

static int make_socket(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_PATH };
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	unlink(SOCKET_PATH);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	if (chown(SOCKET_PATH, 0, users_group("docker", 0)) < 0 || chmod(SOCKET_PATH, 0660) < 0)
		return -errno;
	return take_fd(&fd);
}

void engine_init(struct engine *engine, struct loop *loop, int null_fd)
{
	*engine = (struct engine){ .loop = loop, .null_fd = null_fd };
	engine->rest = (struct loop_timer){ .expire = watch, .context = engine };
	engine->socket = (struct loop_source){ .fd = -1,
					       .handle = handle_socket,
					       .context = engine };
	if (access(PROGRAM, X_OK) < 0)
		return;
	engine->socket.fd = make_socket();
	if (engine->socket.fd < 0)
		console_say(SOCKET_PATH ": %s", strerror(-engine->socket.fd));
}

void engine_open(struct engine *engine)
{
	if (engine->socket.fd >= 0)
		watch(engine);
}

/* O_NONBLOCK: should a guest have put a fifo there, the engine goes without a log. */
static int open_log(void)
{
	int fd = open(LOG_PATH, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0640);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > LOG_MAXIMUM && ftruncate(fd, 0) < 0)
		console_say(LOG_PATH ": %s", strerror(errno));
	return fd;
}

static int start(struct engine *engine)
{
	static char listen_pid[32] = "LISTEN_PID=";
	char *argv[] = { (char *)PROGRAM, (char *)"-H", (char *)"fd://", NULL };
	char *envp[] = { (char *)"PATH=" SPAWN_SYSTEM_PATH, (char *)"HOME=/root",
		(char *)"LANG=C.UTF-8", (char *)"LISTEN_FDS=1", listen_pid, NULL };
	cleanup_close int log_fd = open_log();
	int output = log_fd >= 0 ? log_fd : engine->null_fd;
	struct spawn spawn = {
		.argv = argv,
		.envp = envp,
		.fds = { engine->null_fd, output, output },
		.listen_fd = engine->socket.fd,
		.listen_pid = listen_pid + strlen("LISTEN_PID="),
		.oom_score_adj = "-500",
	};
	enum spawn_step step;

	return spawn_start(&spawn, &engine->pid, &step);
}

/* Clients see the end of their connection instead of waiting for an engine that does not come. */
static void refuse_waiting(struct engine *engine)
{
	struct pollfd waiting = { .fd = engine->socket.fd, .events = POLLIN };

	/* The socket itself stays blocking, as the engine expects to inherit it. */
	while (poll(&waiting, 1, 0) == 1) {
		int fd = accept4(engine->socket.fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return;
		close(fd);
	}
}

static void rest(struct engine *engine)
{
	engine->failed = true;
	refuse_waiting(engine);
	loop_arm(engine->loop, &engine->rest, REST_MS);
}

static void handle_socket(void *context, uint32_t events)
{
	struct engine *engine = context;
	int r;

	loop_watch(engine->loop, &engine->socket, 0);
	r = start(engine);
	engine->started_ns = loop_now();
	if (r == 0)
		return;
	console_say("cannot start " PROGRAM ": %s", strerror(-r));
	rest(engine);
}

bool engine_child_ended(struct engine *engine, pid_t pid, int wait_status)
{
	uint64_t age = loop_now() - engine->started_ns;

	if (engine->pid == 0 || pid != engine->pid)
		return false;
	engine->pid = 0;
	engine->failed = wait_status != 0;
	if (engine->failed && age < (uint64_t)QUICK_END_S * 1000000000)
		rest(engine);
	else
		watch(engine);
	return true;
}

void engine_stop(struct engine *engine)
{
	engine->stopping = true;
	loop_disarm(engine->loop, &engine->rest);
	if (engine->socket.fd >= 0)
		loop_watch(engine->loop, &engine->socket, 0);
	if (engine->pid > 0)
		kill(engine->pid, SIGTERM);
}

const char *engine_state(const struct engine *engine)
{
	if (engine->socket.fd < 0)
		return "none";
	if (engine->pid > 0)
		return "running";
	return engine->failed ? "failed" : "stopped";
}
