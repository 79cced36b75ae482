/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the command that the words name, parses its options and runs it. */
#include "cli/command.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cli/suggest.h"
#include "common/cleanup.h"
#include "common/mem.h"

const struct command *command_find(const struct command *const *table, const char *name)
{
	for (; *table; table++)
		if (strcmp((*table)->name, name) == 0)
			return *table;
	return NULL;
}

int command_usage(const struct call *call, struct err *err, const char *format, ...)
{
	cleanup_free char *usage = help_usage(call->command, call->parent);
	cleanup_free char *what = NULL;
	va_list ap;

	va_start(ap, format);
	what = xvasprintf(format, ap);
	va_end(ap);
	err_set(err, EINVAL, "%s: %s", call->command->name, what);
	err_hint(err, "%s", usage);
	return STATUS_USAGE;
}

static int unknown_command(const struct command *const *table, const char *word,
	const struct command *parent, struct err *err)
{
	struct suggest suggest;

	suggest_init(&suggest, word);
	for (; *table; table++)
		if (!(*table)->hidden)
			suggest_offer(&suggest, (*table)->name);
	err_set(err, EINVAL, "unknown command '%s%s%s'", parent ? parent->name : "",
		parent ? " " : "", word);
	if (suggest.best)
		err_hint(err, "did you mean '%s'?", suggest.best);
	else
		err_hint(err, "'sbx %s--help' lists the commands", parent ? "COMMAND " : "");
	return STATUS_USAGE;
}

static int check_operands(const struct call *call, struct err *err)
{
	size_t count = call->operands.words.count;

	if (count < call->command->least)
		return command_usage(call, err, count ? "too few words" : "nothing named");
	if (count > call->command->most)
		return command_usage(call, err, "what is '%s' for?",
			call->operands.words.items[call->command->most]);
	return 0;
}

static int run_parsed(struct call *call, struct err *err)
{
	struct operands *operands = &call->operands;
	int status;

	if (operands->help) {
		help_command(stdout, call->command, call->parent);
		return STATUS_DONE;
	}
	if (operands->dashes && !call->command->takes_after)
		for (size_t i = 0; i < operands->after.count; i++)
			words_add(&operands->words, operands->after.items[i]);
	status = check_operands(call, err);
	return status ? status : call->command->run(call, err);
}

static int run_command(const struct command *command, const struct command *parent, char **argv,
	struct err *err)
{
	cleanup_free void *values = xcalloc(1, command->options_size + 1);
	struct call call = { .command = command, .parent = parent, .options = values };
	int status;

	status = options_parse(command->options, command->order, argv, values, &call.operands, err);
	if (status < 0) {
		if (!err->hint)
			err_hint(err, "'sbx %s%s%s --help' lists the options",
				parent ? parent->name : "", parent ? " " : "", command->name);
		err_wrap(err, "%s", command->name);
		status = STATUS_USAGE;
	} else {
		status = run_parsed(&call, err);
	}
	options_finish(command->options, values, &call.operands);
	return status;
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static int dispatch(char **argv, struct err *err)
{
	const struct command *parent = NULL;
	const struct command *command;
	const char *name = argv[0];

	if (!argv[0] || is_help(argv[0])) {
		help_overview(stdout);
		return STATUS_DONE;
	}
	if (strcmp(name, "--version") == 0)
		name = "version";
	command = command_find(commands, name);
	if (!command)
		return unknown_command(commands, name, NULL, err);
	if (command->subcommands) {
		parent = command;
		if (!argv[1] || is_help(argv[1])) {
			help_command(argv[1] ? stdout : stderr, parent, NULL);
			return argv[1] ? STATUS_DONE : STATUS_USAGE;
		}
		command = command_find(parent->subcommands, argv[1]);
		if (!command)
			return unknown_command(parent->subcommands, argv[1], parent, err);
		argv++;
	}
	return run_command(command, parent, argv + 1, err);
}

int command_main(char **argv)
{
	cleanup_err struct err err = ERR_INIT;
	int status = dispatch(argv, &err);

	/* A full disk or a closed pipe behind stdout must not pass for success. */
	if (status == STATUS_DONE && fflush(stdout) != 0 && errno != EPIPE)
		status = err_errno(&err, errno, "write to standard output");
	if (err.message)
		err_print(&err, "sbx");
	return status < 0 ? STATUS_FAILED : status;
}
