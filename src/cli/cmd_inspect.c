/* SPDX-License-Identifier: Apache-2.0 */
/* sbx inspect: everything known about a sandbox, without asking its guest. */
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"
#include "common/text.h"

enum { MIB_SHIFT = 20 };

struct options {
	bool json;
};

static const struct option_spec specs[] = {
	{ 0, OPTION_FLAG, "json", offsetof(struct options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static void print_line(const char *label, const char *value)
{
	cleanup_free char *escaped = escape_line(value);

	if (*value)
		printf("%-12s %s\n", label, escaped);
}

static void print_status(const json_t *box, const json_t *more)
{
	cleanup_free char *created = show_time(api_number(box, "created_ns"));
	cleanup_free char *age = show_age(api_number(box, "created_ns"));
	cleanup_free char *when = xasprintf("%s (%s)", created, age);
	const char *accel = api_text(box, "accel");
	const char *reason = api_text(more, "accel_reason");
	cleanup_free char *accelerator = xasprintf("%s%s%s%s", accel, *reason ? " (" : "", reason,
		*reason ? ")" : "");
	cleanup_free char *sessions = xasprintf("%lld attached, %lld detached",
		(long long)api_number(box, "streams"), (long long)api_number(box, "detached"));

	print_line("Name", api_text(box, "name"));
	print_line("Id", api_text(box, "id"));
	print_line("Agent", api_text(box, "agent"));
	print_line("Status", api_text(box, "state"));
	print_line("Created", when);
	if (*accel) {
		print_line("Accelerator", accelerator);
		print_line("Sessions", sessions);
	}
}

static void print_limits(const json_t *box, const json_t *more)
{
	uint64_t used_bytes = (uint64_t)api_number(more, "disk_used_bytes");
	cleanup_free char *memory =
		text_format_size((uint64_t)api_number(box, "memory_mib") << MIB_SHIFT);
	cleanup_free char *disk =
		text_format_size((uint64_t)api_number(box, "disk_mib") << MIB_SHIFT);
	cleanup_free char *used = text_format_size(used_bytes);
	cleanup_free char *disks = xasprintf("%s, %s used", disk, used);
	json_int_t idle = api_number(box, "idle_timeout_s");
	cleanup_free char *stops =
		idle ? xasprintf("after %lld s without a session", (long long)idle)
		     : xstrdup("only when told to");
	cleanup_free char *cpus = xasprintf("%lld", (long long)api_number(box, "cpus"));

	print_line("CPUs", cpus);
	print_line("Memory", memory);
	print_line("Disk", disks);
	print_line("Stops", stops);
}

static void print_list(const char *label, const json_t *list)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		print_line(i ? "" : label, json_string_value(item) ? json_string_value(item) : "");
	}
}

static void print_workspaces(const json_t *box)
{
	const json_t *item;
	size_t i;

	json_array_foreach(json_object_get(box, "workspaces"), i, item) {
		bool readonly = json_is_true(json_object_get(item, "readonly"));
		cleanup_free char *text = xasprintf("%s%s", api_text(item, "path"),
			readonly ? " (read-only)" : "");

		print_line(i ? "" : "Workspace", text);
	}
}

static void print_image(const char *label, const char *digest, const json_t *newer)
{
	bool is_newer = json_is_true(newer) || json_is_string(newer);
	cleanup_free char *text = xasprintf("%s%s", digest,
		is_newer ? " (a newer one is there; 'sbx run --pull' takes it)" : "");

	if (*digest)
		print_line(label, text);
}

static void print_last_exit(const json_t *box)
{
	const json_t *last = json_object_get(box, "last_exit");
	cleanup_free char *when = show_age(api_number(last, "when_ns"));
	const char *message = api_text(last, "message");
	cleanup_free char *text = xasprintf("%s, %s%s%s", api_text(last, "reason"), when,
		*message ? ": " : "", message);

	if (json_is_object(last))
		print_line("Last stop", text);
}

static void print_processes(const json_t *pids)
{
	const char *role, *label = "Processes";
	json_t *pid;

	json_object_foreach((json_t *)pids, role, pid) {
		cleanup_free char *text =
			xasprintf("%s %lld", role, (long long)json_integer_value(pid));

		print_line(label, text);
		label = "";
	}
}

static void print(const json_t *box)
{
	const json_t *more = json_object_get(box, "inspect");

	print_status(box, more);
	print_workspaces(box);
	print_limits(box, more);
	print_list("Environment", json_object_get(box, "env"));
	print_image("Base", api_text(box, "base"), json_object_get(more, "newer_base"));
	print_image("Layer", api_text(box, "layer"), json_object_get(more, "newer_layer"));
	print_last_exit(box);
	print_line("Directory", api_text(more, "directory"));
	print_line("Console log", api_text(more, "console_log"));
	print_processes(json_object_get(more, "pids"));
}

static int run(const struct call *call, struct err *err)
{
	const struct options *options = call->options;
	cleanup_json json_t *sandbox = NULL;
	int r = api_get_sandbox(call->operands.words.items[0], &sandbox, err);

	if (r < 0)
		return r;
	if (options->json)
		show_json(sandbox);
	else
		print(sandbox);
	return STATUS_DONE;
}

const struct command command_inspect = {
	.name = "inspect",
	.synopsis = "[--json] NAME",
	.summary = "Shows everything known about a sandbox",
	.options = specs,
	.options_size = sizeof(struct options),
	.least = 1,
	.most = 1,
	.complete = { COMPLETE_SANDBOX, COMPLETE_NOTHING, COMPLETE_NOTHING },
	.run = run,
};
