/* SPDX-License-Identifier: Apache-2.0 */
/* sbx prune: removes the sandboxes that are stopped. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/prune_filter.h"
#include "cli/remove.h"

struct options {
	bool dry_run;
	bool force;
	const char *filter;
};

static const struct option_spec specs[] = {
	{ 0, OPTION_FLAG, "dry-run", offsetof(struct options, dry_run), NULL,
		"only say what would be removed", COMPLETE_NOTHING },
	{ 0, OPTION_STRING, "filter", offsetof(struct options, filter), "until=TIME",
		"only what was last used before TIME (168h, a date, seconds since 1970)",
		COMPLETE_NOTHING },
	{ 'f', OPTION_FLAG, "force", offsetof(struct options, force), NULL, "do not ask",
		COMPLETE_NOTHING },
	{ 0 },
};

static int64_t last_used(const json_t *sandbox)
{
	json_int_t ended = api_number(json_object_get(sandbox, "last_exit"), "when_ns");
	json_int_t created = api_number(sandbox, "created_ns");

	return ended > created ? ended : created;
}

static int prune(const struct options *options, const struct words *names, struct err *err)
{
	int status = STATUS_DONE;

	if (names->count == 0 || options->dry_run) {
		for (size_t i = 0; i < names->count; i++)
			puts(names->items[i]);
		return STATUS_DONE;
	}
	if (!options->force && !sandbox_confirm_removal(names->items, names->count)) {
		err_set(err, ECANCELED, "nothing removed");
		return STATUS_FAILED;
	}
	for (size_t i = 0; i < names->count; i++) {
		cleanup_err struct err one = ERR_INIT;

		/* Unforced: one that somebody has started meanwhile stays. */
		if (sandbox_remove(names->items[i], false, &one) == 0) {
			puts(names->items[i]);
			continue;
		}
		err_print(&one, "sbx");
		status = STATUS_FAILED;
	}
	return status;
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	cleanup_json json_t *sandboxes = NULL;
	struct words names = { 0 };
	int64_t until = INT64_MAX;
	const json_t *sandbox;
	size_t i;
	int r = 0;

	if (options->filter)
		r = prune_filter_parse(options->filter, time(NULL), &until, err);
	if (r < 0)
		return STATUS_USAGE;
	r = sandbox_list(&sandboxes, err);
	if (r < 0)
		return r;
	json_array_foreach(sandboxes, i, sandbox) {
		if (strcmp(api_text(sandbox, "state"), "stopped") == 0 &&
			last_used(sandbox) < until)
			words_add(&names, api_text(sandbox, "name"));
	}
	r = prune(options, &names, err);
	words_finish(&names);
	return r;
}

const struct command command_prune = {
	.name = "prune",
	.synopsis = "[--dry-run] [--filter until=TIME] [-f]",
	.summary = "Removes all sandboxes that are stopped",
	.options = specs,
	.options_size = sizeof(struct options),
	.run = run,
};
