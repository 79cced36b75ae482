/* SPDX-License-Identifier: Apache-2.0 */
/* Which sandbox the words of `sbx run` mean. */
#include "cli/run_target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/agents.h"
#include "cli/api.h"
#include "cli/suggest.h"
#include "common/cleanup.h"
#include "common/mem.h"

/* What the search works with. */
struct search {
	const struct spec_options *options;
	const struct environment *environment;
	json_t *agents;
	const json_t *agent; /* that the first word names; NULL: none */
	const char *const *paths;
	size_t path_count;
};

void run_target_finish(struct run_target *target)
{
	free(target->name);
	json_decref(target->agent);
	*target = (struct run_target){ 0 };
}

static int take(const struct search *search, const json_t *sandbox, struct run_target *ret,
	struct err *err)
{
	const json_t *agent = agents_pick(search->agents, api_text(sandbox, "agent"));

	if (!agent) {
		err_set(err, ENOENT, "%s: its agent '%s' is not defined any more",
			api_text(sandbox, "name"), api_text(sandbox, "agent"));
		return STATUS_NOT_STARTED;
	}
	ret->name = xstrdup(api_text(sandbox, "name"));
	ret->agent = json_incref((json_t *)agent);
	return 0;
}

/* Options that only mean something for a sandbox that is being created. */
static void say_unused_options(const struct search *search, const json_t *sandbox)
{
	const struct spec_options *options = search->options;

	if (options->cpus || options->memory || options->disk)
		fprintf(stderr,
			"sbx: %s exists already: --cpus, --memory and --disk were not used\n",
			api_text(sandbox, "name"));
}

static const char *first_path(const json_t *sandbox)
{
	return api_text(json_array_get(json_object_get(sandbox, "workspaces"), 0), "path");
}

/* An existing sandbox, called by its name: agent and first path must be what it has. */
static int take_named(const struct search *search, const json_t *sandbox, struct run_target *ret,
	struct err *err)
{
	const char *name = api_text(sandbox, "name");
	cleanup_free char *path = NULL;
	bool readonly = false;

	if (search->agent &&
		strcmp(api_text(search->agent, "name"), api_text(sandbox, "agent")) != 0) {
		err_set(err, EEXIST, "%s runs %s, not %s", name, api_text(sandbox, "agent"),
			api_text(search->agent, "name"));
		err_hint(err, "'sbx run %s' takes it as it is; another --name makes another", name);
		return STATUS_NOT_STARTED;
	}
	if (search->path_count > 0) {
		if (spec_parse_path(search->paths[0], &path, &readonly, err) < 0)
			return STATUS_USAGE;
		if (strcmp(path, first_path(sandbox)) != 0) {
			err_set(err, EEXIST, "%s works on %s, not on %s", name, first_path(sandbox),
				path);
			err_hint(err, "another --name makes another sandbox");
			return STATUS_NOT_STARTED;
		}
	}
	say_unused_options(search, sandbox);
	return take(search, sandbox, ret, err);
}

static int create(const struct search *search, struct run_target *ret, struct err *err)
{
	cleanup_json json_t *spec = NULL;
	cleanup_json json_t *sandbox = NULL;
	int r = spec_make(search->options, api_text(search->agent, "name"), search->paths,
		search->path_count, search->environment, &spec, err);

	if (r == 0)
		r = spec_create(spec, &sandbox, err);
	if (r == 0)
		return take(search, sandbox, ret, err);
	return r == -EEXIST ? r : STATUS_NOT_STARTED;
}

static int by_name(const struct search *search, const char *name, struct run_target *ret,
	struct err *err)
{
	cleanup_json json_t *sandbox = NULL;
	int r = api_get_sandbox(name, &sandbox, err);

	if (r == 0)
		return take_named(search, sandbox, ret, err);
	return r;
}

/* --name: the sandbox, or a new one. Somebody else may create it between the two looks. */
static int by_name_or_new(const struct search *search, struct run_target *ret, struct err *err)
{
	const char *name = search->options->name;

	for (int i = 0; i < 2; i++) {
		int r = by_name(search, name, ret, err);

		if (r != -ENOENT)
			return r;
		if (!search->agent) {
			err_set(err, ENOENT, "there is no sandbox '%s'", name);
			err_hint(err, "name an agent to create it: sbx run --name %s claude", name);
			return STATUS_NOT_STARTED;
		}
		err_finish(err);
		r = create(search, ret, err);
		if (r != -EEXIST)
			return r;
	}
	return STATUS_NOT_STARTED;
}

static int find(const struct search *search, json_t **ret_sandbox, struct err *err)
{
	const char *text = search->path_count ? search->paths[0] : ".";
	cleanup_json json_t *body = NULL;
	cleanup_free char *path = NULL;
	struct api_request request = { .method = "POST", .path = "/v1/sandboxes/find" };
	bool readonly = false;
	int r = spec_parse_path(text, &path, &readonly, err);

	if (r < 0)
		return r;
	body = json_pack("{s:s, s:s}", "agent", api_text(search->agent, "name"), "workspace", path);
	/* A path that is not UTF-8 belongs to no sandbox; creating one says why. */
	if (!body)
		return err_set(err, ENOENT, "no such sandbox");
	request.body = body;
	return api_call(&request, ret_sandbox, err);
}

/* AGENT [PATH]: two calls at the same moment must end in one sandbox. */
static int by_agent(const struct search *search, struct run_target *ret, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		cleanup_json json_t *sandbox = NULL;
		int r = find(search, &sandbox, err);

		if (r == 0) {
			say_unused_options(search, sandbox);
			return take(search, sandbox, ret, err);
		}
		if (r != -ENOENT)
			return STATUS_NOT_STARTED;
		err_finish(err);
		r = create(search, ret, err);
		if (r != -EEXIST)
			return r;
	}
	return STATUS_NOT_STARTED;
}

/* No word at all: the sandbox of the current directory, if there is just one. */
static int by_directory(const struct search *search, struct run_target *ret, struct err *err)
{
	struct api_request request = { .method = "GET", .path = "/v1/sandboxes" };
	cleanup_json json_t *answer = NULL;
	cleanup_free char *path = NULL;
	const json_t *sandbox, *found = NULL;
	bool readonly = false;
	size_t i, count = 0;

	if (spec_parse_path(".", &path, &readonly, err) < 0 || api_call(&request, &answer, err) < 0)
		return STATUS_NOT_STARTED;
	json_array_foreach(json_object_get(answer, "sandboxes"), i, sandbox) {
		if (strcmp(first_path(sandbox), path) != 0)
			continue;
		found = sandbox;
		count++;
	}
	if (count == 1)
		return take_named(search, found, ret, err);
	err_set(err, EINVAL, count ? "run: several sandboxes work on this directory"
				   : "run: no sandbox works on this directory yet");
	err_hint(err, count ? "name one: 'sbx ls' lists them" : "name an agent: sbx run claude");
	return STATUS_USAGE;
}

static int unknown_word(const struct search *search, const char *word, struct err *err)
{
	struct suggest suggest;
	const json_t *agent;
	size_t i;

	suggest_init(&suggest, word);
	json_array_foreach(search->agents, i, agent) {
		suggest_offer(&suggest, api_text(agent, "name"));
	}
	err_set(err, ENOENT, "there is no agent and no sandbox '%s'", word);
	if (strchr(word, '/') || strcmp(word, ".") == 0)
		err_hint(err, "the agent comes before the directory: sbx run claude %s", word);
	else if (suggest.best)
		err_hint(err, "did you mean '%s'?", suggest.best);
	else
		err_hint(err, "'sbx ls' lists the sandboxes, 'man sbx-run' the agents");
	return STATUS_NOT_STARTED;
}

int run_target_find(const struct call *call, const struct spec_options *options,
	const struct environment *environment, struct run_target *ret, struct err *err)
{
	const struct words *words = &call->operands.words;
	const char *first = words->count ? words->items[0] : NULL;
	struct search search = { .options = options, .environment = environment };
	int r = agents_list(&search.agents, err);

	if (r < 0)
		return STATUS_NOT_STARTED;
	search.agent = first ? agents_pick(search.agents, first) : NULL;
	search.paths = first ? words->items + 1 : NULL;
	search.path_count = first ? words->count - 1 : 0;
	if (first && !search.agent && options->name)
		r = unknown_word(&search, first, err);
	else if (options->name)
		r = by_name_or_new(&search, ret, err);
	else if (search.agent)
		r = by_agent(&search, ret, err);
	else if (first)
		r = by_name(&search, first, ret, err);
	else
		r = by_directory(&search, ret, err);
	if (r == -ENOENT)
		r = unknown_word(&search, first, err);
	json_decref(search.agents);
	return r < 0 ? STATUS_NOT_STARTED : r;
}
