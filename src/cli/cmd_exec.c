/* SPDX-License-Identifier: Apache-2.0 */
/* sbx exec: a command in a sandbox, which is started if it is stopped. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/environment.h"
#include "cli/session_run.h"
#include "cli/terminal.h"
#include "common/cleanup.h"

struct options {
	bool interactive;
	bool tty;
	bool detach;
	const char *user;
	const char *directory;
	const char *detach_keys;
	struct words env;
	struct words env_files;
};

static const struct option_spec specs[] = {
	{ 'i', OPTION_FLAG, "interactive", offsetof(struct options, interactive), NULL,
		"pass on standard input", COMPLETE_NOTHING },
	{ 't', OPTION_FLAG, "tty", offsetof(struct options, tty), NULL, "give it a terminal",
		COMPLETE_NOTHING },
	{ 'd', OPTION_FLAG, "detach", offsetof(struct options, detach), NULL,
		"leave it running in the background", COMPLETE_NOTHING },
	{ 'e', OPTION_LIST, "env", offsetof(struct options, env), "NAME[=VALUE]",
		"set a variable, or pass on the one set here", COMPLETE_NOTHING },
	{ 0, OPTION_LIST, "env-file", offsetof(struct options, env_files), "FILE",
		"read variables from a file", COMPLETE_FILE },
	{ 'u', OPTION_STRING, "user", offsetof(struct options, user), "USER",
		"run as this user (name or uid[:gid]; default: agent)", COMPLETE_NOTHING },
	{ 'w', OPTION_STRING, "workdir", offsetof(struct options, directory), "PATH",
		"directory to run in (default: the workspace)", COMPLETE_NOTHING },
	{ 0, OPTION_STRING, "detach-keys", offsetof(struct options, detach_keys), "KEYS",
		"leave the command running (default: ctrl-p,ctrl-q)", COMPLETE_NOTHING },
	{ 0 },
};

/* NAME CMD…, or NAME -- CMD… */
static struct words command_words(const struct words *words)
{
	size_t skip = words->count > 1 && strcmp(words->items[1], "--") == 0 ? 2 : 1;

	return (struct words){ words->items + skip, words->count - skip };
}

static void describe(const struct options *options, const struct words *command,
	const struct environment *environment, struct session_request *ret)
{
	*ret = (struct session_request){ .type = SESSION_EXEC,
					 .args = command->items,
					 .arg_count = command->count,
					 .env = (const char *const *)environment->items,
					 .env_count = environment->count,
					 .user = options->user,
					 .directory = options->directory,
					 .tty = options->tty,
					 .rows = 24,
					 .columns = 80 };
	if (options->detach)
		ret->flags = SESSION_DETACHED_START | SESSION_PERSIST;
	else if (options->interactive)
		ret->flags = SESSION_WITH_STDIN;
	terminal_size(STDOUT_FILENO, &ret->rows, &ret->columns);
}

static int session(const struct options *options, const char *name,
	const struct session_request *request, struct session_io *io, struct err *err)
{
	struct session_outcome outcome;
	cleanup_free char *vsock = NULL;
	int r = sandbox_start(name, NULL, &vsock, err);

	if (r < 0)
		return sandbox_start_status(r);
	if (session_run(vsock, request, io, &outcome, err) < 0)
		return STATUS_NOT_STARTED;
	if (options->detach && outcome.started && outcome.end != SESSION_END_EXIT)
		return STATUS_DONE;
	return session_report(&outcome, name, false, err);
}

static int run_with(const struct call *call, struct environment *environment, struct err *err)
{
	const struct options *options = call->options;
	struct words command = command_words(&call->operands.words);
	bool sends = options->interactive && !options->detach;
	struct session_io io = { .input = sends ? STDIN_FILENO : -1,
				 .output = STDOUT_FILENO,
				 .errors = STDERR_FILENO,
				 .tty = options->tty && !options->detach };
	struct session_request request;

	session_io_pass_from_environment(&io);
	if (detach_keys_parse(&io.keys, options->detach_keys, err) < 0)
		return STATUS_USAGE;
	if (options->tty && sends && !isatty(STDIN_FILENO)) {
		err_set(err, ENOTTY, "exec: standard input is no terminal");
		err_hint(err, "leave out -t to run the command on pipes");
		return STATUS_FAILED;
	}
	if (options->tty)
		environment_add_terminal(environment);
	describe(options, &command, environment, &request);
	return session(options, call->operands.words.items[0], &request, &io, err);
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	struct environment environment = { 0 };
	int status = STATUS_FAILED;

	if (environment_collect(&environment, &options->env_files, &options->env, err) == 0)
		status = run_with(call, &environment, err);
	environment_finish(&environment);
	return status;
}

const struct command command_exec = {
	.name = "exec",
	.synopsis = "[OPTIONS] NAME COMMAND [ARGS...]",
	.summary = "Runs a command in a sandbox",
	.options = specs,
	.options_size = sizeof(struct options),
	.order = OPTIONS_FIRST,
	.least = 2,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_SANDBOX, COMPLETE_NOTHING, COMPLETE_FILE },
	.run = run,
};
