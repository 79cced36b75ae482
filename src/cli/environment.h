/* SPDX-License-Identifier: Apache-2.0 */
/* -e NAME[=VALUE] and --env-file: what goes into a sandbox's environment. */
#ifndef CLI_ENVIRONMENT_H
#define CLI_ENVIRONMENT_H

#include <stddef.h>

#include "cli/options.h"
#include "common/err.h"

/* NAME=VALUE strings, owned. */
struct environment {
	char **items;
	size_t count;
};

/*
 * Adds "NAME=VALUE", or "NAME" with the value it has here (left out when it has none). Returns 0,
 * or -EINVAL for what is no name.
 */
int environment_add(struct environment *environment, const char *text, struct err *err);

/*
 * Adds the lines of a file in the format of docker's --env-file: NAME=VALUE or NAME, the value
 * taken as it is; empty lines and lines that begin with # are skipped. Errors name file and line.
 */
int environment_add_file(struct environment *environment, const char *path, struct err *err);

/* Both options, files first, so that -e wins. */
int environment_collect(struct environment *environment, const struct words *files,
	const struct words *values, struct err *err);

/* The part of our own environment that a terminal session takes along: type and colours. */
void environment_add_terminal(struct environment *environment);

void environment_finish(struct environment *environment);

#endif
