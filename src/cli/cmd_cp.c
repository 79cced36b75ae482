/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx cp: files between the host and a sandbox. The words are checked here; the copy itself is
 * sbx-cp, a program of its own, so that no other command loads the archive library.
 */
#include <errno.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/commands.h"
#include "cli/copy_place.h"
#include "common/cleanup.h"
#include "common/paths.h"

struct options {
	bool follow;
};

static const struct option_spec specs[] = {
	{ 'L', OPTION_FLAG, "follow-link", offsetof(struct options, follow), NULL,
		"copy what a symbolic link points to", COMPLETE_NOTHING },
	{ 0 },
};

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	const char *const *words = call->operands.words.items;
	struct copy_place source, target;
	cleanup_free char *program = NULL;
	int r;

	copy_place_parse(words[0], &source);
	copy_place_parse(words[1], &target);
	if (source.sandbox_length && target.sandbox_length)
		return command_usage(call, err, "one side must be on the host");
	if (!source.sandbox_length && !target.sandbox_length)
		return command_usage(call, err, "one side must be in a sandbox (NAME:/path)");
	r = paths_program("sbx-cp", &program, err);
	if (r < 0)
		return r;
	execl(program, "sbx-cp", options->follow ? "-L" : "-P", words[0], words[1], (char *)NULL);
	return err_errno(err, errno, "run %s", program);
}

const struct command command_cp = {
	.name = "cp",
	.synopsis = "[-L] SOURCE TARGET",
	.summary = "Copies files between the host and a sandbox",
	.details = "One side is NAME:/path, in a sandbox; the other is on the host, or '-' for a\n"
		   "tar stream on standard input or output.",
	.options = specs,
	.options_size = sizeof(struct options),
	.least = 2,
	.most = 2,
	.complete = { COMPLETE_SANDBOX_OR_FILE, COMPLETE_SANDBOX_OR_FILE, COMPLETE_NOTHING },
	.run = run,
};
