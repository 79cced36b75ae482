/* SPDX-License-Identifier: Apache-2.0 */
/* sbx diagnose: what works here and how to mend what does not. */
#include <stdio.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/checks.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/terminal.h"
#include "common/cleanup.h"
#include "common/escape.h"

struct options {
	bool json;
};

static const struct option_spec specs[] = {
	{ 0, OPTION_FLAG, "json", offsetof(struct options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static const char *const words[] = { [CHECK_OK] = "ok",
				     [CHECK_NOTE] = "note",
				     [CHECK_FAILED] = "failed" };

static void print_json(const struct check *checks, size_t count)
{
	cleanup_json json_t *object = NULL;
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:s, s:s?}", "name", checks[i].name, "status",
				words[checks[i].status], "text", checks[i].text, "hint",
				checks[i].hint));
	object = json_pack("{s:o}", "checks", list);
	show_json(object);
}

static void print_text(const struct check *checks, size_t count)
{
	static const char *const colours[] = { [CHECK_OK] = "\033[32m",
					       [CHECK_NOTE] = "\033[33m",
					       [CHECK_FAILED] = "\033[31m" };
	bool colour = terminal_has_colour(STDOUT_FILENO);

	for (size_t i = 0; i < count; i++) {
		const struct check *check = &checks[i];
		cleanup_free char *text = escape_line(check->text);
		cleanup_free char *hint = check->hint ? escape_line(check->hint) : NULL;

		printf("%s%-6s%s  %-11s  %s\n", colour ? colours[check->status] : "",
			words[check->status], colour ? "\033[m" : "", check->name, text);
		if (hint)
			printf("%21shint: %s\n", "", hint);
	}
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	int status = STATUS_DONE;
	struct check *checks;
	size_t count;

	checks_run(&checks, &count);
	for (size_t i = 0; i < count; i++)
		if (checks[i].status == CHECK_FAILED)
			status = STATUS_FAILED;
	if (options->json)
		print_json(checks, count);
	else
		print_text(checks, count);
	checks_finish(checks, count);
	return status;
}

const struct command command_diagnose = {
	.name = "diagnose",
	.synopsis = "[--json]",
	.summary = "Checks what sandboxes need on this machine and says how to mend it",
	.options = specs,
	.options_size = sizeof(struct options),
	.run = run,
};
