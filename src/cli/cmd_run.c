/* SPDX-License-Identifier: Apache-2.0 */
/* sbx run: create if absent, start if stopped, attach. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/agents.h"
#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/images.h"
#include "cli/run_target.h"
#include "cli/session_run.h"
#include "cli/terminal.h"
#include "common/cleanup.h"
#include "common/mem.h"

struct options {
	struct spec_options spec;
	bool detach;
	bool pull;
	const char *detach_keys;
};

static const struct option_spec specs[] = {
	SPEC_OPTION_ROWS(options),
	{ 'd', OPTION_FLAG, "detach", offsetof(struct options, detach), NULL,
		"start the agent in the background", COMPLETE_NOTHING },
	{ 0, OPTION_FLAG, "pull", offsetof(struct options, pull), NULL,
		"go over to the newest base image and agent", COMPLETE_NOTHING },
	{ 0, OPTION_STRING, "detach-keys", offsetof(struct options, detach_keys), "KEYS",
		"leave the agent running (default: ctrl-p,ctrl-q)", COMPLETE_NOTHING },
	{ 0 },
};

/* Starts the sandbox; an image that was removed since it was created is built again. */
static int start(const struct options *options, const struct run_target *target, char **ret_vsock,
	struct err *err)
{
	cleanup_json json_t *body = json_object();
	int r;

	if (options->spec.keep)
		json_object_set_new(body, "idle_timeout_s", json_integer(0));
	if (options->pull)
		json_object_set_new(body, "pull", json_true());
	r = sandbox_start(target->name, body, ret_vsock, err);
	if (r != -ENOPKG)
		return r;
	err_finish(err);
	r = images_build_missing(api_text(target->agent, "name"), err);
	return r < 0 ? r : sandbox_start(target->name, body, ret_vsock, err);
}

/*
 * With a terminal, or detached, the session is the agent's: it has a name, outlives its clients and
 * exists once. Without one it is a program with pipes that this call alone has to do with.
 */
static void describe(struct session_request *request, const struct options *options, bool tty,
	bool defaults)
{
	request->type = SESSION_EXEC;
	request->flags = defaults ? SESSION_DEFAULT_COMMAND : 0;
	if (!tty && !options->detach) {
		request->flags |= SESSION_WITH_STDIN;
		return;
	}
	request->name = "agent";
	request->flags |= SESSION_WITH_STDIN | SESSION_PERSIST | SESSION_OR_ATTACH;
	request->flags |= options->detach ? SESSION_DETACHED_START : 0;
	request->tty = true;
	request->rows = 24;
	request->columns = 80;
	terminal_size(STDOUT_FILENO, &request->rows, &request->columns);
}

static void say_unused_words(const struct call *call, const struct session_outcome *outcome)
{
	const struct options *options = call->options;

	if (!outcome->attached)
		return;
	if (call->operands.after.count || options->spec.env.count || options->spec.env_files.count)
		fputs("sbx: the agent was running already: arguments and variables were not used\n",
			stderr);
}

static int session(const struct call *call, const struct run_target *target, const char *vsock,
	const struct environment *environment, struct err *err)
{
	const struct options *options = call->options;
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !options->detach;
	struct session_io io = { .input = options->detach ? -1 : STDIN_FILENO,
				 .output = STDOUT_FILENO,
				 .errors = STDERR_FILENO,
				 .tty = tty };
	struct session_request request = { .env = (const char *const *)environment->items,
					   .env_count = environment->count };
	struct session_outcome outcome;
	struct words command = { 0 };
	bool defaults;
	int r;

	session_io_pass_from_environment(&io);
	r = detach_keys_parse(&io.keys, options->detach_keys, err);
	if (r < 0)
		return STATUS_USAGE;
	agents_command(target->agent, &call->operands.after, &command, &defaults);
	describe(&request, options, tty, defaults);
	request.args = command.items;
	request.arg_count = command.count;
	r = session_run(vsock, &request, &io, &outcome, err);
	words_finish(&command);
	if (r < 0)
		return STATUS_NOT_STARTED;
	if (options->detach && outcome.started && outcome.end == SESSION_END_BROKEN)
		outcome.end = SESSION_END_DETACHED;
	say_unused_words(call, &outcome);
	if (options->detach && outcome.end == SESSION_END_DETACHED)
		puts(target->name);
	return session_report(&outcome, target->name, true, err);
}

static int run_with(const struct call *call, struct environment *environment, struct err *err)
{
	const struct options *options = call->options;
	struct run_target target = { 0 };
	cleanup_free char *vsock = NULL;
	int status = run_target_find(call, &options->spec, environment, &target, err);

	if (status == 0 && start(options, &target, &vsock, err) < 0)
		status = STATUS_NOT_STARTED;
	environment_add_terminal(environment);
	if (status == 0)
		status = session(call, &target, vsock, environment, err);
	run_target_finish(&target);
	return status;
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	struct environment environment = { 0 };
	int status = STATUS_FAILED;

	if (environment_collect(&environment, &options->spec.env_files, &options->spec.env, err) ==
		0)
		status = run_with(call, &environment, err);
	environment_finish(&environment);
	return status;
}

const struct command command_run = {
	.name = "run",
	.synopsis = "[OPTIONS] [AGENT|NAME] [PATH[:ro]...] [-- ARGS...]",
	.summary = "Runs an agent in a sandbox: creates, starts and attaches as needed",
	.details = "The same agent on the same directory is the same sandbox again. Without PATH\n"
		   "it is the current directory. ARGS that begin with '-' are added to the\n"
		   "agent's defaults, a bare word replaces them. Without a terminal the agent\n"
		   "runs on pipes: 'echo uname -r | sbx run shell'.",
	.options = specs,
	.options_size = sizeof(struct options),
	.takes_after = true,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_AGENT_OR_SANDBOX, COMPLETE_DIRECTORY, COMPLETE_DIRECTORY },
	.run = run,
};
