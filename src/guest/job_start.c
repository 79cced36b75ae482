/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a job: the request's user, environment, directory, terminal or pipes. */
#include "guest/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "guest/request.h"
#include "guest/screen.h"
#include "guest/server.h"
#include "guest/spawn.h"
#include "guest/users.h"

#define DEFAULT_USER "agent"

enum {
	STATUS_CANNOT = 126,
	STATUS_NOT_FOUND = 127,
	MAX_ENV = 2048, /* bounds the search for earlier values of a name */
	MAX_COMMAND = 256,
	TTY_GID = 5,
	DEFAULT_ROWS = 24,
	DEFAULT_COLUMNS = 80,
};

/* The three descriptors of the program, and ours to it (-1: none). */
struct plumbing {
	int child[3];
	int ours[JOB_CHANNELS];
};

__attribute__((format(printf, 4, 5))) static int fail(struct job_failure *failure, int error,
	uint32_t status, const char *format, ...)
{
	va_list ap;

	failure->error = error;
	failure->status = status;
	va_start(ap, format);
	vsnprintf(failure->text, sizeof(failure->text), format, ap);
	va_end(ap);
	return -error;
}

static int find_user(const struct request *request, struct user *user, struct job_failure *failure)
{
	const char *name = request->user ? request->user : DEFAULT_USER;
	int r = users_find(name, user);

	if (r == 0)
		return 0;
	return fail(failure, -r, 0, "no user '%s' in the sandbox", name);
}

static void set_variable(struct request_list *env, const char *name, const char *value)
{
	cleanup_free char *assignment = xasprintf("%s=%s", name, value);

	request_list_set(env, assignment);
}

static int make_environment(const struct server *server, const struct request *request,
	const struct user *user, struct request_list *env, struct job_failure *failure)
{
	const struct guest_config *config = server->config;
	cleanup_free char *path = xasprintf("%s/.local/bin:" SPAWN_SYSTEM_PATH, user->home);

	if (request->env.count > MAX_ENV)
		return fail(failure, E2BIG, 0, "more than %d variables", MAX_ENV);
	set_variable(env, "PATH", user->uid == 0 ? SPAWN_SYSTEM_PATH : path);
	set_variable(env, "HOME", user->home);
	set_variable(env, "USER", user->name);
	set_variable(env, "LOGNAME", user->name);
	set_variable(env, "SHELL", user->shell);
	set_variable(env, "LANG", "C.UTF-8");
	if (request->terminal)
		set_variable(env, "TERM", "xterm-256color");
	if (config->hostname)
		set_variable(env, "SANDBOX_NAME", config->hostname);
	for (size_t i = 0; i < config->env.count; i++)
		request_list_set(env, config->env.items[i]);
	for (size_t i = 0; i < request->env.count; i++)
		request_list_set(env, request->env.items[i]);
	return 0;
}

static int make_arguments(const struct server *server, const struct request *request,
	struct request_list *args, struct job_failure *failure)
{
	int r = request_list_prepend(args, request->args.items ? request->args.items
							       : (char *[]){ NULL });

	if (r == 0 && request->flags & SESSION_DEFAULT_COMMAND)
		r = request_list_prepend(args, server->config->command.items);
	if (r < 0)
		return fail(failure, -r, 0, "too many arguments");
	if (!args->items)
		return fail(failure, EINVAL, 0, "no command");
	return 0;
}

/*
 * Where the program starts when the request does not say: in the workspace. Not there (a guest
 * may remove what it likes): at home, and else in the root directory.
 */
static const char *default_directory(const struct server *server, const struct user *user)
{
	const char *places[] = { server->config->workdir, user->home };
	struct stat st;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (places[i] && stat(places[i], &st) == 0 && S_ISDIR(st.st_mode))
			return places[i];
	return "/";
}

static void close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cleanup_close_(&fds[i]);
}

static void cleanup_plumbing_(struct plumbing *plumbing)
{
	close_all(plumbing->child, 3);
	close_all(plumbing->ours, JOB_CHANNELS);
}

static int open_terminal(const struct request *request, const struct user *user,
	struct plumbing *plumbing)
{
	struct winsize size = { .ws_row = request->rows, .ws_col = request->columns };
	struct termios termios;
	int unlock = 0;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave;

	if (master < 0)
		return -errno;
	plumbing->ours[JOB_OUTPUT] = master;
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return -errno;
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	plumbing->child[0] = slave;
	if (fchown(slave, user->uid, TTY_GID) < 0 && errno != EPERM)
		return -errno;
	if (tcgetattr(slave, &termios) == 0) {
		termios.c_iflag |= IUTF8;
		tcsetattr(slave, TCSANOW, &termios);
	}
	ioctl(master, TIOCSWINSZ, &size);
	return 0;
}

/* The user owns the pipe, so that the program may open /dev/stderr and the like by name. */
static int make_pipe(const struct user *user, int pair[2])
{
	if (pipe2(pair, O_CLOEXEC) < 0)
		return -errno;
	if (user->uid != 0 && fchown(pair[0], user->uid, user->gid) < 0) {
		int r = -errno;

		close_all(pair, 2);
		return r;
	}
	return 0;
}

static int open_pipes(const struct server *server, const struct request *request,
	const struct user *user, struct plumbing *plumbing)
{
	int pair[2];

	if (request->flags & SESSION_WITH_STDIN) {
		int r = make_pipe(user, pair);

		if (r < 0)
			return r;
		plumbing->child[0] = pair[0];
		plumbing->ours[JOB_INPUT] = pair[1];
	} else {
		plumbing->child[0] = fcntl(server->null_fd, F_DUPFD_CLOEXEC, 3);
	}
	for (int i = JOB_OUTPUT; i <= JOB_ERRORS; i++) {
		int r = make_pipe(user, pair);

		if (r < 0)
			return r;
		plumbing->ours[i] = pair[0];
		plumbing->child[i] = pair[1];
	}
	return 0;
}

static int start_program(struct spawn *spawn, pid_t *ret_pid, struct job_failure *failure)
{
	enum spawn_step step;
	int r = spawn_start(spawn, ret_pid, &step);

	if (r == 0)
		return 0;
	if (step == SPAWN_EXECUTE)
		return fail(failure, -r,
			r == -ENOENT || r == -ENOTDIR ? STATUS_NOT_FOUND : STATUS_CANNOT,
			"sbx: %s: %s\n", spawn->argv[0], strerror(-r));
	if (step == SPAWN_DIRECTORY)
		return fail(failure, -r, STATUS_CANNOT, "sbx: directory %s: %s\n",
			spawn->directory, strerror(-r));
	return fail(failure, -r, 0, "cannot start a process: %s", strerror(-r));
}

/* "git commit -m …", cut to a bounded length: for LIST. */
static char *describe(const struct request_list *args)
{
	struct buf text;
	char *result;

	buf_init(&text, MAX_COMMAND);
	for (size_t i = 0; i < args->count; i++) {
		size_t length = strlen(args->items[i]);

		if (i > 0 && buf_append(&text, " ", 1) < 0)
			break;
		if (length > buf_room(&text))
			length = buf_room(&text);
		buf_append(&text, args->items[i], length);
	}
	result = xstrndup((char *)buf_head(&text), buf_length(&text));
	buf_finish(&text);
	return result;
}

static struct job *make_job(struct server *server, const struct request *request,
	struct plumbing *plumbing)
{
	struct job *job = xcalloc(1, sizeof(*job));

	job->server = server;
	job->id = ++server->last_id;
	job->name = request->name ? xstrdup(request->name) : NULL;
	job->started_ns = loop_since_boot();
	job->terminal = request->terminal;
	job->persist = request->flags & (SESSION_PERSIST | SESSION_DETACHED_START);
	job->rows = request->rows;
	job->columns = request->columns;
	if (job->terminal)
		job->screen = screen_create(job->rows, job->columns);
	for (int i = 0; i < JOB_CHANNELS; i++)
		job_open_channel(job, i, take_fd(&plumbing->ours[i]),
			i == JOB_ERRORS ? SESSION_STDERR : SESSION_STDOUT);
	job->next = server->jobs;
	server->jobs = job;
	server->job_count++;
	return job;
}

/* Opens what connects us, and starts the program on it. */
static int launch(struct server *server, const struct request *request, struct spawn *spawn,
	struct plumbing *plumbing, pid_t *ret_pid, struct job_failure *failure)
{
	int r = request->terminal ? open_terminal(request, spawn->user, plumbing)
				  : open_pipes(server, request, spawn->user, plumbing);

	if (r < 0)
		return fail(failure, -r, 0, "cannot open the program's %s: %s",
			request->terminal ? "terminal" : "pipes", strerror(-r));
	for (int i = 0; i < 3; i++)
		spawn->fds[i] = plumbing->child[request->terminal ? 0 : i];
	spawn->terminal = request->terminal;
	return start_program(spawn, ret_pid, failure);
}

int job_start(struct server *server, const struct request *request, struct job **ret_job,
	struct job_failure *failure)
{
	__attribute__((cleanup(cleanup_plumbing_))) struct plumbing plumbing = { { -1, -1, -1 },
		{ -1, -1, -1 } };
	__attribute__((cleanup(request_list_finish))) struct request_list env = { 0 };
	__attribute__((cleanup(request_list_finish))) struct request_list args = { 0 };
	struct spawn spawn = { .listen_fd = -1 };
	struct request sized = *request;
	struct user user;
	struct job *job;
	pid_t pid = 0;
	int r;

	sized.rows = request->rows ? request->rows : DEFAULT_ROWS;
	sized.columns = request->columns ? request->columns : DEFAULT_COLUMNS;
	r = find_user(request, &user, failure);
	if (r == 0)
		r = make_environment(server, request, &user, &env, failure);
	if (r == 0)
		r = make_arguments(server, request, &args, failure);
	if (r != 0)
		return r;
	spawn.argv = args.items;
	spawn.envp = env.items;
	spawn.user = &user;
	spawn.directory = request->directory ? request->directory
					     : default_directory(server, &user);
	r = launch(server, &sized, &spawn, &plumbing, &pid, failure);
	if (r < 0)
		return r;
	job = make_job(server, &sized, &plumbing);
	job->pid = pid;
	job->command = describe(&args);
	*ret_job = job;
	return 0;
}
