/* SPDX-License-Identifier: Apache-2.0 */
/* sbx attach: back to the agent's running terminal. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session_run.h"
#include "cli/terminal.h"
#include "common/cleanup.h"

struct options {
	const char *detach_keys;
};

static const struct option_spec specs[] = {
	{ 0, OPTION_STRING, "detach-keys", offsetof(struct options, detach_keys), "KEYS",
		"leave the agent running (default: ctrl-p,ctrl-q)", COMPLETE_NOTHING },
	{ 0 },
};

static int nothing_runs(const char *name, struct err *err)
{
	err_set(err, ENOENT, "%s: no agent runs in it", name);
	err_hint(err, "'sbx run %s' starts it", name);
	return STATUS_FAILED;
}

/* A stopped sandbox has nothing to attach to: do not boot it to find that out. */
static int check_running(const char *name, struct err *err)
{
	cleanup_json json_t *sandbox = NULL;
	int r = api_get_sandbox(name, &sandbox, err);

	if (r < 0)
		return STATUS_FAILED;
	return strcmp(api_text(sandbox, "state"), "stopped") == 0 ? nothing_runs(name, err) : 0;
}

static int session(const char *name, const struct session_io *io, struct err *err)
{
	struct session_request request = { .type = SESSION_ATTACH,
					   .name = "agent",
					   .tty = true,
					   .rows = 24,
					   .columns = 80 };
	struct session_outcome outcome;
	cleanup_free char *vsock = NULL;
	int r = sandbox_start(name, NULL, &vsock, err);

	if (r < 0)
		return sandbox_start_status(r);
	terminal_size(STDOUT_FILENO, &request.rows, &request.columns);
	if (session_run(vsock, &request, io, &outcome, err) < 0)
		return STATUS_NOT_STARTED;
	if (outcome.end == SESSION_END_REFUSED && outcome.status == ENOENT)
		return nothing_runs(name, err);
	return session_report(&outcome, name, true, err);
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	const char *name = call->operands.words.items[0];
	struct session_io io = { .input = STDIN_FILENO,
				 .output = STDOUT_FILENO,
				 .errors = STDERR_FILENO,
				 .tty = true };
	int status;

	session_io_pass_from_environment(&io);
	if (detach_keys_parse(&io.keys, options->detach_keys, err) < 0)
		return STATUS_USAGE;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		err_set(err, ENOTTY, "attach: needs a terminal");
		err_hint(err, "'sbx exec %s COMMAND' runs a command on pipes", name);
		return STATUS_FAILED;
	}
	status = check_running(name, err);
	return status ? status : session(name, &io, err);
}

const struct command command_attach = {
	.name = "attach",
	.synopsis = "[--detach-keys KEYS] NAME",
	.summary = "Attaches to the running agent of a sandbox, with its screen",
	.options = specs,
	.options_size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.complete = { COMPLETE_SANDBOX, COMPLETE_NOTHING, COMPLETE_NOTHING },
	.run = run,
};
