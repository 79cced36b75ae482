/* SPDX-License-Identifier: Apache-2.0 */
/* sbx create: a new sandbox, not started. */
#include <errno.h>
#include <stdio.h>

#include "cli/agents.h"
#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/spec.h"

struct options {
	struct spec_options spec;
};

static const struct option_spec specs[] = {
	SPEC_OPTION_ROWS(options),
	{ 0 },
};

static int create(const struct call *call, const struct environment *environment, struct err *err)
{
	const struct options *options = call->options;
	const struct words *words = &call->operands.words;
	cleanup_json json_t *agent = NULL;
	cleanup_json json_t *spec = NULL;
	cleanup_json json_t *sandbox = NULL;
	int r = agents_find(words->items[0], &agent, err);

	if (r == 0)
		r = spec_make(&options->spec, api_text(agent, "name"), words->items + 1,
			words->count - 1, environment, &spec, err);
	if (r == 0)
		r = spec_create(spec, &sandbox, err);
	if (r == 0)
		puts(api_text(sandbox, "name"));
	return r;
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	struct environment environment = { 0 };
	int r = environment_collect(&environment, &options->spec.env_files, &options->spec.env,
		err);

	if (r == 0)
		r = create(call, &environment, err);
	environment_finish(&environment);
	return r;
}

const struct command command_create = {
	.name = "create",
	.synopsis = "[OPTIONS] AGENT [PATH[:ro]...]",
	.summary = "Creates a sandbox without starting it and prints its name",
	.options = specs,
	.options_size = sizeof(struct options),
	.least = 1,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_AGENT, COMPLETE_DIRECTORY, COMPLETE_DIRECTORY },
	.run = run,
};
