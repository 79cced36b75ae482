/* SPDX-License-Identifier: Apache-2.0 */
/* What a new sandbox is to be: the options that `run` and `create` share, and the API's spec. */
#ifndef CLI_SPEC_H
#define CLI_SPEC_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "cli/environment.h"
#include "cli/options.h"
#include "common/err.h"

struct spec_options {
	const char *name;
	uint64_t cpus;
	uint64_t memory;
	uint64_t disk;
	struct words env;
	struct words env_files;
	bool keep;
};

/* The rows of an option table whose struct has a `struct spec_options spec`. */
#define SPEC_OPTION_ROWS(options)                                                                  \
	{ 0, OPTION_STRING, "name", offsetof(struct options, spec.name), "NAME",                   \
		"the sandbox's name (default: AGENT-DIRECTORY)", COMPLETE_SANDBOX },               \
	{ 0, OPTION_NUMBER, "cpus", offsetof(struct options, spec.cpus), "N",                      \
		"virtual CPUs (default: all of the host)", COMPLETE_NOTHING },                     \
	{ 0, OPTION_SIZE, "memory", offsetof(struct options, spec.memory), "SIZE",                 \
		"memory at most (default: half of the host's)", COMPLETE_NOTHING },                \
	{ 0, OPTION_SIZE, "disk", offsetof(struct options, spec.disk), "SIZE",                     \
		"disk at most (default: 20g)", COMPLETE_NOTHING },                                 \
	{ 'e', OPTION_LIST, "env", offsetof(struct options, spec.env), "NAME[=VALUE]",             \
		"set a variable, or pass on the one set here", COMPLETE_NOTHING },                 \
	{ 0, OPTION_LIST, "env-file", offsetof(struct options, spec.env_files), "FILE",            \
		"read variables from a file", COMPLETE_FILE },                                     \
	{ 0, OPTION_FLAG, "keep", offsetof(struct options, spec.keep), NULL,                       \
		"never stop the VM for being idle", COMPLETE_NOTHING }

/*
 * The absolute path of "PATH", "PATH:ro" or "PATH:rw". Whether it exists is for the daemon to say.
 * The caller frees.
 */
int spec_parse_path(const char *text, char **ret_path, bool *ret_readonly, struct err *err);

/* The API's spec. `paths` may be empty: the current directory. */
int spec_make(const struct spec_options *options, const char *agent, const char *const *paths,
	size_t path_count, const struct environment *environment, json_t **ret_spec,
	struct err *err);

/* Creates it; a missing image is built first. *ret_sandbox is the caller's reference. */
int spec_create(const json_t *spec, json_t **ret_sandbox, struct err *err);

#endif
