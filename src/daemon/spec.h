/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sandbox is to be: the body of POST /v1/sandboxes (docs/api.md "spec"), checked.
 *
 * A spec owns its strings. After spec_parse() every path is absolute and resolved, every default
 * is filled in, and each number is within what the host has.
 */
#ifndef DAEMON_SPEC_H
#define DAEMON_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "daemon/code.h"

enum {
	SPEC_MAX_WORKSPACES = 16,
	SPEC_MAX_ENV = 256,
	SPEC_MAX_ENV_BYTES = 128 << 10,
	SPEC_MIN_MEMORY_MIB = 256,
	SPEC_MIN_DISK_MIB = 1024,
	SPEC_MAX_DISK_MIB = 16 << 20, /* ext4's largest file */
	SPEC_MAX_IDLE_S = 366 * 86400,
	SPEC_DEFAULT_IDLE_S = 30,
};

struct workspace {
	char *path;
	bool readonly;
};

struct spec {
	char *name; /* NULL: the daemon makes one from agent and workspace */
	char *agent;
	struct workspace *workspaces;
	size_t workspace_count; /* at least 1; the first is where sessions start */
	char **env;		/* "NAME=VALUE" */
	size_t env_count;
	unsigned cpus;
	uint64_t memory_mib;
	uint64_t disk_mib;
	uint64_t idle_timeout_s; /* 0: never */
};

/* The host's limits; a parameter so that tests can choose them. */
struct spec_limits {
	unsigned cpus;
	uint64_t memory_mib;
};

void spec_limits_of_host(struct spec_limits *limits);

/*
 * Checks a request body. Returns API_OK and fills *ret_spec, which the caller finishes, or
 * API_BAD_REQUEST or API_WORKSPACE. The agent's name is taken as it is: agents are known elsewhere.
 */
enum api_code spec_parse(const json_t *body, const struct spec_limits *limits,
	struct spec *ret_spec, struct err *err);

void spec_finish(struct spec *spec);

static inline void cleanup_spec_(struct spec *spec)
{
	spec_finish(spec);
}

#define cleanup_spec __attribute__((cleanup(cleanup_spec_)))

/* The spec's workspaces and environment as they stand in JSON, and back from the registry. */
json_t *spec_workspaces_json(const struct spec *spec);
json_t *spec_env_json(const struct spec *spec);

/*
 * Refuses an object with a member that is not in the NULL-terminated list, so that a misspelt
 * limit is not silently ignored.
 */
enum api_code spec_check_keys(const json_t *object, const char *const *keys, struct err *err);

/* Reads an optional whole number. A missing member leaves *ret_value alone. */
enum api_code spec_get_number(const json_t *object, const char *key, uint64_t minimum,
	uint64_t maximum, uint64_t *ret_value, struct err *err);

/* Reads an optional string; *ret_value stays owned by the object. */
enum api_code spec_get_string(const json_t *object, const char *key, const char **ret_value,
	struct err *err);

/* Reads an optional boolean. */
enum api_code spec_get_bool(const json_t *object, const char *key, bool *ret_value,
	struct err *err);

#endif
