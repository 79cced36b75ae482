/* SPDX-License-Identifier: Apache-2.0 */
/* sbx image: build, list and remove images. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/agents.h"
#include "cli/api.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/images.h"
#include "cli/show.h"
#include "cli/table.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

struct ls_options {
	bool json;
	bool quiet;
};

static const struct option_spec no_specs[] = { { 0 } };

static const struct option_spec ls_specs[] = {
	{ 'q', OPTION_FLAG, "quiet", offsetof(struct ls_options, quiet), NULL,
		"print digests only", COMPLETE_NOTHING },
	{ 0, OPTION_FLAG, "json", offsetof(struct ls_options, json), NULL, "print JSON",
		COMPLETE_NOTHING },
	{ 0 },
};

static int build_one(const char *agent, struct err *err)
{
	cleanup_json json_t *manifest = NULL;
	const char *version;
	int r = images_build(agent, &manifest, err);

	if (r < 0)
		return r;
	version = api_text(manifest, agent ? "version" : "kernel");
	printf("%s %s%s%s\n", agent ? agent : "base", api_text(manifest, "digest"),
		*version ? " " : "", version);
	return fflush(stdout);
}

/* An agent that has no package of its own needs the base only. */
static int build_agent(const char *name, struct err *err)
{
	cleanup_json json_t *agent = NULL;
	cleanup_json json_t *images = NULL;
	int r = agents_find(name, &agent, err);
	bool has_package;

	if (r == 0)
		r = images_list(&images, err);
	if (r < 0)
		return r;
	has_package = *api_text(agent, "package");
	if (!has_package || !images_has(images, NULL))
		r = build_one(NULL, err);
	if (r == 0 && has_package)
		r = build_one(api_text(agent, "name"), err);
	return r;
}

static int run_build(const struct call *call, struct err *err)
{
	const struct words *words = &call->operands.words;
	int r = 0;

	if (words->count == 0)
		return build_one(NULL, err);
	for (size_t i = 0; i < words->count && r == 0; i++)
		r = build_agent(words->items[i], err);
	return r;
}

static char *join(const json_t *list)
{
	cleanup_buf struct buf text;
	const json_t *item;
	size_t i;

	buf_init(&text, 4096);
	json_array_foreach(list, i, item) {
		buf_appendf(&text, "%s%s", i ? ", " : "", json_string_value(item));
	}
	return xstrndup(buf_length(&text) ? (const char *)buf_head(&text) : "-",
		buf_length(&text) ? buf_length(&text) : 1);
}

static void print_table(const json_t *images)
{
	static const char *const heading[] = { "IMAGE", "VERSION", "DIGEST",
					       "SIZE",	"CURRENT", "USED BY" };
	const json_t *image;
	struct table table;
	size_t i;

	table_init(&table, heading, 6);
	json_array_foreach(images, i, image) {
		const char *agent = api_text(image, "agent");
		bool current = json_is_true(json_object_get(image, "current"));

		table_add(&table, xstrdup(*agent ? agent : "base"));
		table_add(&table, xstrdup(api_text(image, *agent ? "version" : "kernel")));
		table_add(&table, xstrdup(api_text(image, "digest")));
		table_add(&table, text_format_size((uint64_t)api_number(image, "size")));
		table_add(&table, xstrdup(current ? "yes" : "no"));
		table_add(&table, join(json_object_get(image, "in_use")));
	}
	table_print(&table, stdout);
	table_finish(&table);
}

static int run_ls(const struct call *call, struct err *err)
{
	const struct ls_options *options = call->options;
	cleanup_json json_t *images = NULL;
	cleanup_json json_t *object = NULL;
	int r = images_list(&images, err);

	if (r < 0)
		return r;
	object = json_pack("{s:O}", "images", images);
	if (options->json)
		show_json(object);
	else if (!options->quiet)
		print_table(images);
	else
		show_texts(images, "digest");
	return STATUS_DONE;
}

static int remove_image(const char *digest, struct err *err)
{
	cleanup_free char *path = xasprintf("/v1/images/%s", digest);
	struct api_request request = { .method = "DELETE", .path = path, .slow = true };
	size_t length = strspn(digest, "0123456789abcdef");

	if (length == 0 || digest[length]) {
		err_set(err, ENOENT, "'%s' is no image's digest", digest);
		err_hint(err, "'sbx image ls' lists them");
		return -ENOENT;
	}
	return api_call(&request, NULL, err);
}

static int run_rm(const struct call *call, struct err *unused)
{
	const struct words *words = &call->operands.words;
	int status = STATUS_DONE;

	for (size_t i = 0; i < words->count; i++) {
		cleanup_err struct err err = ERR_INIT;

		if (remove_image(words->items[i], &err) == 0) {
			puts(words->items[i]);
			continue;
		}
		err_print(&err, "sbx");
		status = STATUS_FAILED;
	}
	return status;
}

static const struct command build = {
	.name = "build",
	.synopsis = "[AGENT...]",
	.summary = "Builds the base image, or refreshes the layers of agents",
	.options = no_specs,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_AGENT, COMPLETE_AGENT, COMPLETE_AGENT },
	.run = run_build,
};

static const struct command ls = {
	.name = "ls",
	.synopsis = "[-q] [--json]",
	.summary = "Lists the images and who uses them",
	.options = ls_specs,
	.options_size = sizeof(struct ls_options),
	.run = run_ls,
};

static const struct command rm = {
	.name = "rm",
	.synopsis = "DIGEST...",
	.summary = "Removes images that no sandbox needs",
	.options = no_specs,
	.least = 1,
	.most = ANY_NUMBER,
	.complete = { COMPLETE_IMAGE, COMPLETE_IMAGE, COMPLETE_IMAGE },
	.run = run_rm,
};

static const struct command *const subcommands[] = { &build, &ls, &rm, NULL };

const struct command command_image = {
	.name = "image",
	.synopsis = "build|ls|rm",
	.summary = "Builds, lists and removes images",
	.subcommands = subcommands,
};
