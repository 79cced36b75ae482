/* SPDX-License-Identifier: Apache-2.0 */
/* sbx help: the same text as --help. */
#include <stdio.h>

#include "cli/command.h"
#include "cli/commands.h"

static const struct option_spec specs[] = { { 0 } };

static int run(const struct call *call, struct err *err)
{
	const struct words *words = &call->operands.words;
	const struct command *parent = NULL, *command;

	if (words->count == 0) {
		help_overview(stdout);
		return STATUS_DONE;
	}
	command = command_find(commands, words->items[0]);
	if (command && command->subcommands && words->count > 1) {
		parent = command;
		command = command_find(parent->subcommands, words->items[1]);
	}
	if (!command)
		return command_usage(call, err, "there is no command '%s'",
			words->items[words->count - 1]);
	help_command(stdout, command, parent);
	return STATUS_DONE;
}

const struct command command_help = {
	.name = "help",
	.synopsis = "[COMMAND]",
	.summary = "Shows help about a command",
	.options = specs,
	.most = 2,
	.complete = { COMPLETE_COMMAND, COMPLETE_NOTHING, COMPLETE_NOTHING },
	.run = run,
};
