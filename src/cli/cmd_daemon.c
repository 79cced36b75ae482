/* SPDX-License-Identifier: Apache-2.0 */
/* sbx daemon: start, stop and look at the daemon. Sandboxes run on without it. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/daemon_start.h"
#include "cli/show.h"
#include "common/cleanup.h"

enum { STOP_TIMEOUT_MS = 10000 };

struct status_options {
	bool json;
};

static const struct option_spec no_specs[] = { { 0 } };

static const struct option_spec status_specs[] = {
	{ 0, OPTION_FLAG, "json", offsetof(struct status_options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static int run_start(const struct call *call, struct err *err)
{
	cleanup_close int fd = -1;

	return daemon_connect_or_start(&fd, err);
}

/* A descriptor of the running daemon's process, or -errno. */
static int open_daemon(struct err *err)
{
	struct api_request request = { .method = "GET", .path = "/v1/version", .no_start = true };
	cleanup_json json_t *version = NULL;
	int r = api_call(&request, &version, err);

	if (r < 0)
		return r;
	r = (int)syscall(SYS_pidfd_open, (pid_t)api_number(version, "pid"), 0);
	return r < 0 ? -errno : r;
}

/* Returns when the daemon is gone, so that the next command does not meet it on its way out. */
static int run_stop(const struct call *call, struct err *err)
{
	struct api_request request = {
		.method = "POST", .path = "/v1/shutdown", .no_start = true
	};
	cleanup_close int daemon = open_daemon(err);
	struct pollfd poller = { .fd = daemon, .events = POLLIN };
	int r = daemon;

	if (r >= 0 || r == -ESRCH)
		r = api_call(&request, NULL, err);
	/* It was gone already, or went before it had answered. */
	if (r == -ECONNREFUSED || r == -EPROTO) {
		err_finish(err);
		r = 0;
	}
	if (r == 0 && daemon >= 0 && poll(&poller, 1, STOP_TIMEOUT_MS) == 0)
		r = err_set(err, ETIMEDOUT, "the daemon does not end");
	return r;
}

static int run_status(const struct call *call, struct err *err)
{
	const struct status_options *options = call->options;
	struct api_request request = { .method = "GET", .path = "/v1/version", .no_start = true };
	cleanup_json json_t *version = NULL;
	cleanup_free char *age = NULL;
	int r = api_call(&request, &version, err);

	if (r == -ECONNREFUSED) {
		err_finish(err);
		puts(options->json ? "{\n  \"running\": false\n}" : "not running");
		return STATUS_FAILED;
	}
	if (r < 0)
		return r;
	json_object_set_new(version, "running", json_true());
	if (options->json) {
		show_json(version);
		return STATUS_DONE;
	}
	age = show_age(api_number(version, "started_ns"));
	printf("running, version %s, pid %lld, started %s\n", api_text(version, "version"),
		(long long)api_number(version, "pid"), age);
	return STATUS_DONE;
}

static const struct command start = {
	.name = "start",
	.summary = "Starts the daemon; other commands do that by themselves",
	.options = no_specs,
	.run = run_start,
};

static const struct command stop = {
	.name = "stop",
	.summary = "Stops the daemon; sandboxes run on",
	.options = no_specs,
	.run = run_stop,
};

static const struct command status = {
	.name = "status",
	.synopsis = "[--json]",
	.summary = "Says whether the daemon runs; exit status 1 if not",
	.options = status_specs,
	.options_size = sizeof(struct status_options),
	.run = run_status,
};

static const struct command *const subcommands[] = { &start, &stop, &status, NULL };

const struct command command_daemon = {
	.name = "daemon",
	.synopsis = "start|stop|status",
	.summary = "Starts, stops and shows the daemon",
	.subcommands = subcommands,
};
