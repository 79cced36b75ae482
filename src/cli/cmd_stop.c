/* SPDX-License-Identifier: Apache-2.0 */
/* sbx stop: shuts sandboxes down; their disks stay. */
#include <stdio.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "common/cleanup.h"

static const struct option_spec specs[] = { { 0 } };

static int stop(const char *name, struct err *err)
{
	cleanup_free char *path = api_sandbox_path(name, "/stop", err);
	cleanup_json json_t *body = json_object();
	struct api_request request = {
		.method = "POST", .path = path, .body = body, .slow = true
	};

	return path ? api_call(&request, NULL, err) : -1;
}

static int run(const struct call *call, struct err *unused)
{
	const struct words *names = &call->operands.words;
	int status = STATUS_DONE;

	for (size_t i = 0; i < names->count; i++) {
		cleanup_err struct err err = ERR_INIT;

		if (stop(names->items[i], &err) == 0) {
			puts(names->items[i]);
			continue;
		}
		err_print(&err, "sbx");
		status = STATUS_FAILED;
	}
	return status;
}

const struct command command_stop = {
	.name = "stop",
	.synopsis = "NAME...",
	.summary = "Stops sandboxes; what is on their disks stays",
	.options = specs,
	.least = 1,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_SANDBOX, COMPLETE_SANDBOX, COMPLETE_SANDBOX },
	.run = run,
};
