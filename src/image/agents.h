/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Agent definitions: one file agents/NAME.yaml each (docs/agents.md). They come with sbx and are
 * trusted, but read strictly: an unknown or missing key is an error that names file and key.
 */
#ifndef IMAGE_AGENTS_H
#define IMAGE_AGENTS_H

#include <stddef.h>

#include <jansson.h>

#include "common/err.h"

struct agent_file {
	char *path;    /* below the home directory */
	char *content;
};

struct agent {
	char *name;
	char **aliases;
	unsigned aliases_count;
	char *description;
	char *package; /* npm package; NULL: needs no layer */
	char *command; /* program; in /usr/local/bin if it has a package */
	char **args;   /* default arguments */
	unsigned args_count;
	char **env; /* NAME=VALUE */
	unsigned env_count;
	struct agent_file *files; /* in the home directory, unless the user has them */
	unsigned files_count;
};

struct agents {
	struct agent **items; /* by name */
	size_t count;
};

/* Reads all definitions. Names and aliases are unique over all files. */
int agents_load(struct agents *ret_agents, struct err *err);
int agents_load_directory(const char *directory, struct agents *ret_agents, struct err *err);
void agents_finish(struct agents *agents);

/* By name or alias; NULL if there is none. */
const struct agent *agents_find(const struct agents *agents, const char *name);

/* As agents_find(), with an error that lists the names. */
int agents_require(const struct agents *agents, const char *name, const struct agent **ret_agent,
	struct err *err);

/* One definition; `name` is what the file is called, without its ending. */
int agent_parse(const char *text, size_t length, const char *name, struct agent **ret_agent,
	struct err *err);
void agent_free(struct agent *agent);

/* As the API shows it (docs/api.md, GET /v1/agents). */
json_t *agent_to_json(const struct agent *agent);

static inline void cleanup_agents_(struct agents *agents)
{
	agents_finish(agents);
}

#define cleanup_agents __attribute__((cleanup(cleanup_agents_)))

#endif
