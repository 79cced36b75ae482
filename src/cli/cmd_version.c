/* SPDX-License-Identifier: Apache-2.0 */
/* sbx version: what this is and, if one runs, what the daemon is. Never starts one. */
#include <stdio.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/show.h"

struct options {
	bool json;
};

static const struct option_spec specs[] = {
	{ 0, OPTION_FLAG, "json", offsetof(struct options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	struct api_request request = { .method = "GET", .path = "/v1/version", .no_start = true };
	cleanup_json json_t *daemon = NULL;
	cleanup_err struct err none = ERR_INIT;
	cleanup_json json_t *both = NULL;

	api_call(&request, &daemon, &none);
	if (options->json) {
		both = json_pack("{s:s, s:O?}", "version", SBX_VERSION, "daemon", daemon);
		show_json(both);
		return STATUS_DONE;
	}
	printf("sbx %s\n", SBX_VERSION);
	if (daemon)
		printf("daemon %s, pid %lld\n", api_text(daemon, "version"),
			(long long)api_number(daemon, "pid"));
	return STATUS_DONE;
}

const struct command command_version = {
	.name = "version",
	.synopsis = "[--json]",
	.summary = "Shows the versions of sbx and of the running daemon",
	.options = specs,
	.options_size = sizeof(struct options),
	.run = run,
};
