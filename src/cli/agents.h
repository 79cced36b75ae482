/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon knows of agents, and what the words behind "--" mean for one. */
#ifndef CLI_AGENTS_H
#define CLI_AGENTS_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/options.h"
#include "common/err.h"

/* The list of definitions. The caller's reference. */
int agents_list(json_t **ret_agents, struct err *err);

/* The definition with that name or alias in a list; borrowed, NULL if there is none. */
const json_t *agents_pick(const json_t *agents, const char *name);

/* As agents_pick() on a fresh list; the caller's reference, an error if there is none. */
int agents_find(const char *name, json_t **ret_agent, struct err *err);

/*
 * The arguments rule: words that begin with "-" go behind the agent's own command and defaults
 * (*ret_default is set, `ret` holds the words); a bare first word takes the place of the defaults
 * (`ret` holds the agent's program and the words). An agent without a package, such as shell, has
 * no program of its own: there a bare word is the program. `ret` borrows from both.
 */
void agents_command(const json_t *agent, const struct words *after, struct words *ret,
	bool *ret_default);

#endif
