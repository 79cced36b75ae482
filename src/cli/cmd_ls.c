/* SPDX-License-Identifier: Apache-2.0 */
/* sbx ls: the sandboxes there are. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/table.h"
#include "common/mem.h"

struct options {
	bool quiet;
	bool json;
};

static const struct option_spec specs[] = {
	{ 'q', OPTION_FLAG, "quiet", offsetof(struct options, quiet), NULL, "print names only",
		COMPLETE_NOTHING },
	{ 0, OPTION_FLAG, "json", offsetof(struct options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static void print_table(const json_t *sandboxes)
{
	static const char *const heading[] = { "SANDBOX", "AGENT", "STATUS", "PORTS", "WORKSPACE" };
	const json_t *sandbox;
	struct table table;
	size_t i;

	table_init(&table, heading, 5);
	json_array_foreach(sandboxes, i, sandbox) {
		table_add(&table, xstrdup(api_text(sandbox, "name")));
		table_add(&table, xstrdup(api_text(sandbox, "agent")));
		table_add(&table, xstrdup(api_text(sandbox, "state")));
		table_add(&table, xstrdup("-"));
		table_add(&table, show_workspaces(sandbox));
	}
	table_print(&table, stdout);
	table_finish(&table);
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	struct api_request request = { .method = "GET", .path = "/v1/sandboxes" };
	cleanup_json json_t *answer = NULL;
	const json_t *sandboxes;
	int r = api_call(&request, &answer, err);

	if (r < 0)
		return r;
	sandboxes = json_object_get(answer, "sandboxes");
	if (options->json)
		show_json(answer);
	else if (!options->quiet)
		print_table(sandboxes);
	else
		show_texts(sandboxes, "name");
	return STATUS_DONE;
}

const struct command command_ls = {
	.name = "ls",
	.synopsis = "[-q] [--json]",
	.summary = "Lists the sandboxes",
	.options = specs,
	.options_size = sizeof(struct options),
	.run = run,
};
