/* SPDX-License-Identifier: Apache-2.0 */
/* Agent definitions. */
#include "image/agents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cyaml/cyaml.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/store.h"

enum { MAX_DEFINITION = 64 << 10, MAX_NAMES = 4096 };

static const char ending[] = ".yaml";

static const cyaml_schema_value_t string_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED),
};

static const cyaml_schema_field_t file_fields[] = {
	CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct agent_file, path, 1, 255),
	CYAML_FIELD_STRING_PTR("content", CYAML_FLAG_POINTER, struct agent_file, content, 0,
		CYAML_UNLIMITED),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t file_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct agent_file, file_fields),
};

#define OPTIONAL_LIST(name, entry)                                                                 \
	CYAML_FIELD_SEQUENCE(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct agent, name,  \
		entry, 0, 64)

static const cyaml_schema_field_t agent_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct agent, name, 1, 32),
	CYAML_FIELD_STRING_PTR("description", CYAML_FLAG_POINTER, struct agent, description, 1,
		200),
	CYAML_FIELD_STRING_PTR("package", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct agent,
		package, 1, 255),
	CYAML_FIELD_STRING_PTR("command", CYAML_FLAG_POINTER, struct agent, command, 1, 64),
	OPTIONAL_LIST(aliases, &string_entry),
	OPTIONAL_LIST(args, &string_entry),
	OPTIONAL_LIST(env, &string_entry),
	OPTIONAL_LIST(files, &file_entry),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t agent_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct agent, agent_fields),
};

/* Keeps the first message: the others are the way back to the root. */
__attribute__((format(printf, 3, 0))) static void keep_message(cyaml_log_t level, void *context,
	const char *format, va_list ap)
{
	char **message = context;

	(void)level;
	if (*message)
		return;
	*message = xvasprintf(format, ap);
	(*message)[strcspn(*message, "\n")] = '\0';
}

static cyaml_config_t make_config(char **message)
{
	return (cyaml_config_t){
		.log_fn = keep_message,
		.log_ctx = message,
		.mem_fn = cyaml_mem,
		.log_level = CYAML_LOG_ERROR,
	};
}

void agent_free(struct agent *agent)
{
	cleanup_free char *message = NULL;
	cyaml_config_t config = make_config(&message);

	if (agent)
		cyaml_free(&config, &agent_schema, agent, 0);
}

static void cleanup_agent(struct agent **agent)
{
	agent_free(*agent);
}

static bool path_is_bad(const char *path)
{
	const char *rest = path;

	while (*rest) {
		size_t n = strcspn(rest, "/");

		if (n == 0 || (n == 1 && *rest == '.') || (n == 2 && memcmp(rest, "..", 2) == 0))
			return true;
		rest += n;
		if (*rest == '/' && *++rest == '\0')
			return true;
	}
	return *path == '\0';
}

/* What the schema cannot say. NULL if all is well. */
static const char *find_fault(const struct agent *agent, const char *name)
{
	if (strcmp(agent->name, name) != 0)
		return "name is not the file's";
	if (!store_agent_is_valid(agent->name))
		return "name must be lower-case letters, digits and '-'";
	if (strchr(agent->command, '/') || *agent->command == '-')
		return "command must be a plain program name";
	if (agent->package && *agent->package == '-')
		return "package must not begin with '-'";
	for (unsigned i = 0; i < agent->aliases_count; i++)
		if (!store_agent_is_valid(agent->aliases[i]))
			return "alias must be lower-case letters, digits and '-'";
	for (unsigned i = 0; i < agent->env_count; i++)
		if (!strchr(agent->env[i], '=') || *agent->env[i] == '=')
			return "env must be NAME=VALUE";
	for (unsigned i = 0; i < agent->files_count; i++)
		if (path_is_bad(agent->files[i].path))
			return "path must be relative and stay in the home directory";
	return NULL;
}

int agent_parse(const char *text, size_t length, const char *name, struct agent **ret_agent,
	struct err *err)
{
	__attribute__((cleanup(cleanup_agent))) struct agent *agent = NULL;
	cleanup_free char *message = NULL;
	cyaml_config_t config = make_config(&message);
	cyaml_err_t r = cyaml_load_data((const uint8_t *)text, length, &config, &agent_schema,
		(cyaml_data_t **)&agent, NULL);
	const char *fault;

	if (r != CYAML_OK || !agent)
		return err_set(err, EINVAL, "agents/%s.yaml: %s", name,
			message ? message : "nothing in it");
	fault = find_fault(agent, name);
	if (fault)
		return err_set(err, EINVAL, "agents/%s.yaml: %s", name, fault);
	*ret_agent = take_ptr(agent);
	return 0;
}

void agents_finish(struct agents *agents)
{
	for (size_t i = 0; i < agents->count; i++)
		agent_free(agents->items[i]);
	free(agents->items);
	*agents = (struct agents){ 0 };
}

const struct agent *agents_find(const struct agents *agents, const char *name)
{
	for (size_t i = 0; i < agents->count; i++) {
		const struct agent *agent = agents->items[i];

		if (strcmp(agent->name, name) == 0)
			return agent;
		for (unsigned j = 0; j < agent->aliases_count; j++)
			if (strcmp(agent->aliases[j], name) == 0)
				return agent;
	}
	return NULL;
}

int agents_require(const struct agents *agents, const char *name, const struct agent **ret_agent,
	struct err *err)
{
	const struct agent *agent = agents_find(agents, name);
	cleanup_buf struct buf names = { 0 };

	if (agent) {
		*ret_agent = agent;
		return 0;
	}
	buf_init(&names, MAX_NAMES);
	for (size_t i = 0; i < agents->count; i++)
		buf_appendf(&names, "%s%s", i ? ", " : "", agents->items[i]->name);
	err_set(err, ENOENT, "there is no agent %s", name);
	err_hint(err, "agents: %.*s", (int)buf_length(&names), (char *)buf_head(&names));
	return -ENOENT;
}

static int check_unique(const struct agents *agents, const struct agent *agent, struct err *err)
{
	const struct agent *other = agents_find(agents, agent->name);

	for (unsigned i = 0; !other && i < agent->aliases_count; i++)
		other = agents_find(agents, agent->aliases[i]);
	if (other)
		return err_set(err, EEXIST, "agents/%s.yaml: a name of it is %s's already",
			agent->name, other->name);
	return 0;
}

static int load_one(struct agents *agents, const char *directory, const char *file,
	struct err *err)
{
	cleanup_free char *path = paths_join(directory, file);
	cleanup_free char *name = xstrndup(file, strlen(file) - strlen(ending));
	cleanup_free char *text = NULL;
	struct agent *agent = NULL;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, MAX_DEFINITION, &text, &length);

	if (r < 0)
		return err_errno(err, -r, "read %s", path);
	r = agent_parse(text, length, name, &agent, err);
	if (r < 0 || !agent)
		return r;
	r = check_unique(agents, agent, err);
	if (r < 0) {
		agent_free(agent);
		return r;
	}
	agents->items = xreallocarray(agents->items, agents->count + 1, sizeof(struct agent *));
	agents->items[agents->count++] = agent;
	return 0;
}

static int is_definition(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name), m = strlen(ending);

	return *entry->d_name != '.' && n > m && strcmp(entry->d_name + n - m, ending) == 0;
}

int agents_load_directory(const char *directory, struct agents *ret_agents, struct err *err)
{
	struct agents agents = { 0 };
	struct dirent **entries;
	int n = scandir(directory, &entries, is_definition, alphasort);
	int r = 0;

	if (n < 0)
		return err_errno(err, errno, "read %s", directory);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = load_one(&agents, directory, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	if (r < 0) {
		agents_finish(&agents);
		return r;
	}
	*ret_agents = agents;
	return 0;
}

int agents_load(struct agents *ret_agents, struct err *err)
{
	cleanup_free char *directory = NULL;
	int r = paths_agents(&directory, err);

	return r < 0 ? r : agents_load_directory(directory, ret_agents, err);
}

static json_t *list_to_json(char **items, unsigned count)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < count; i++)
		json_array_append_new(array, json_string(items[i]));
	return array;
}

json_t *agent_to_json(const struct agent *agent)
{
	return json_pack("{s:s, s:o, s:s, s:s, s:o, s:s?}", "name", agent->name, "aliases",
		list_to_json(agent->aliases, agent->aliases_count), "description",
		agent->description, "command", agent->command, "args",
		list_to_json(agent->args, agent->args_count), "package", agent->package);
}
