/* SPDX-License-Identifier: Apache-2.0 */
/* sbx rm: removes sandboxes and all that belongs to them. */
#include <errno.h>
#include <stdio.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/remove.h"

struct options {
	bool force;
	bool all;
};

static const struct option_spec specs[] = {
	{ 'f', OPTION_FLAG, "force", offsetof(struct options, force), NULL,
		"do not ask, and end open sessions", COMPLETE_NOTHING },
	{ 0, OPTION_FLAG, "all", offsetof(struct options, all), NULL, "all sandboxes",
		COMPLETE_NOTHING },
	{ 0 },
};

/* Goes on after a failure, so that one busy sandbox does not keep the others. */
static int remove_all(const struct words *names, const struct options *options)
{
	int status = STATUS_DONE;

	for (size_t i = 0; i < names->count; i++) {
		cleanup_err struct err err = ERR_INIT;

		if (sandbox_remove(names->items[i], options->force, &err) == 0) {
			puts(names->items[i]);
			continue;
		}
		if (err.code == EBUSY && !err.hint)
			err_hint(&err, "'sbx rm -f %s' ends them", names->items[i]);
		err_print(&err, "sbx");
		status = STATUS_FAILED;
	}
	return status;
}

static int run_on(const struct words *names, const struct options *options, struct err *err)
{
	if (names->count > 0 && !options->force &&
		!sandbox_confirm_removal(names->items, names->count)) {
		err_set(err, ECANCELED, "nothing removed");
		return STATUS_FAILED;
	}
	return remove_all(names, options);
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	const struct words *words = &call->operands.words;
	cleanup_json json_t *sandboxes = NULL;
	struct words names = { 0 };
	const json_t *sandbox;
	size_t i;
	int r;

	if (options->all == (words->count > 0))
		return command_usage(call, err, options->all ? "names and --all" : "nothing named");
	if (!options->all)
		return run_on(words, options, err);
	r = sandbox_list(&sandboxes, err);
	if (r < 0)
		return r;
	json_array_foreach(sandboxes, i, sandbox) {
		words_add(&names, api_text(sandbox, "name"));
	}
	r = run_on(&names, options, err);
	words_finish(&names);
	return r;
}

const struct command command_rm = {
	.name = "rm",
	.synopsis = "[-f] NAME...|--all",
	.summary = "Removes sandboxes with everything in them; workspaces stay",
	.options = specs,
	.options_size = sizeof(struct options),
	.most = ANY_NUMBER,
	.complete = { COMPLETE_SANDBOX, COMPLETE_SANDBOX, COMPLETE_SANDBOX },
	.run = run,
};
