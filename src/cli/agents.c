/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon knows of agents. */
#include "cli/agents.h"

#include <errno.h>
#include <string.h>

#include "cli/api.h"
#include "cli/suggest.h"

int agents_list(json_t **ret_agents, struct err *err)
{
	struct api_request request = { .method = "GET", .path = "/v1/agents" };
	cleanup_json json_t *answer = NULL;
	int r = api_call(&request, &answer, err);

	if (r < 0)
		return r;
	*ret_agents = json_incref(json_object_get(answer, "agents"));
	return *ret_agents ? 0 : err_set(err, EPROTO, "the daemon's answer has no agents");
}

static bool has_alias(const json_t *agent, const char *name)
{
	const json_t *alias;
	size_t i;

	json_array_foreach(json_object_get(agent, "aliases"), i, alias) {
		const char *text = json_string_value(alias);

		if (text && strcmp(text, name) == 0)
			return true;
	}
	return false;
}

const json_t *agents_pick(const json_t *agents, const char *name)
{
	const json_t *agent;
	size_t i;

	json_array_foreach(agents, i, agent) {
		if (strcmp(api_text(agent, "name"), name) == 0 || has_alias(agent, name))
			return agent;
	}
	return NULL;
}

int agents_find(const char *name, json_t **ret_agent, struct err *err)
{
	cleanup_json json_t *agents = NULL;
	const json_t *agent;
	struct suggest suggest;
	size_t i;
	int r = agents_list(&agents, err);

	if (r < 0)
		return r;
	agent = agents_pick(agents, name);
	if (agent) {
		*ret_agent = json_incref((json_t *)agent);
		return 0;
	}
	suggest_init(&suggest, name);
	json_array_foreach(agents, i, agent) {
		suggest_offer(&suggest, api_text(agent, "name"));
	}
	err_set(err, ENOENT, "there is no agent '%s'", name);
	if (suggest.best)
		err_hint(err, "did you mean '%s'?", suggest.best);
	return -ENOENT;
}

/* "command" is a program, or a program with arguments. */
static void add_program(const json_t *agent, struct words *words)
{
	const json_t *command = json_object_get(agent, "command");
	const char *text = json_string_value(command);

	if (!text)
		text = json_string_value(json_array_get(command, 0));
	if (text)
		words_add(words, text);
}

void agents_command(const json_t *agent, const struct words *after, struct words *ret,
	bool *ret_default)
{
	*ret_default = after->count == 0 || after->items[0][0] == '-';
	if (!*ret_default && *api_text(agent, "package"))
		add_program(agent, ret);
	for (size_t i = 0; i < after->count; i++)
		words_add(ret, after->items[i]);
}
