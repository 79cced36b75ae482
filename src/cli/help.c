/* SPDX-License-Identifier: Apache-2.0 */
/* --help, made from the tables. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/cleanup.h"
#include "common/mem.h"

char *help_usage(const struct command *command, const struct command *parent)
{
	const char *synopsis = command->synopsis ? command->synopsis : "";

	return xasprintf("usage: sbx %s%s%s%s%s", parent ? parent->name : "", parent ? " " : "",
		command->name, *synopsis ? " " : "", synopsis);
}

static void list_commands(FILE *out, const struct command *const *table)
{
	for (; *table; table++)
		if (!(*table)->hidden)
			fprintf(out, "  %-11s %s\n", (*table)->name, (*table)->summary);
}

void help_overview(FILE *out)
{
	fputs("usage: sbx COMMAND [ARGUMENTS...]\n\n"
	      "Runs coding agents in disposable microVMs.\n\n"
	      "    sbx run claude        Claude Code on the current directory\n"
	      "    sbx run shell ~/src   a shell on another one\n"
	      "    sbx ls                what there is\n\n"
	      "Commands:\n",
		out);
	list_commands(out, commands);
	fputs("\n'sbx COMMAND --help' or 'man sbx-COMMAND' tells more.\n", out);
}

static void list_options(FILE *out, const struct option_spec *specs)
{
	fputs("\nOptions:\n", out);
	for (; specs && specs->name; specs++) {
		cleanup_free char *names = NULL;
		const char *value = specs->value ? specs->value : "";

		names = xasprintf("%c%c%c --%s%s%s", specs->letter ? '-' : ' ',
			specs->letter ? specs->letter : ' ', specs->letter ? ',' : ' ', specs->name,
			*value ? " " : "", value);
		fprintf(out, "  %-24s  %s\n", names, specs->help);
	}
	fprintf(out, "  %-24s  %s\n", "-h, --help", "show this text");
}

void help_command(FILE *out, const struct command *command, const struct command *parent)
{
	cleanup_free char *usage = help_usage(command, parent);

	fprintf(out, "%s\n\n%s.\n", usage, command->summary);
	if (command->details)
		fprintf(out, "\n%s\n", command->details);
	if (command->subcommands) {
		fputs("\nCommands:\n", out);
		list_commands(out, command->subcommands);
		return;
	}
	list_options(out, command->options);
}
