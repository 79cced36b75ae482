/* SPDX-License-Identifier: Apache-2.0 */
/* What a sandbox is to be: the checked body of a create request. */
#include "daemon/spec.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"
#include "daemon/name.h"
#include "daemon/workspace.h"

static const char *const spec_keys[] = { "name", "agent", "workspaces", "cpus", "memory_mib",
	"disk_mib", "env", "idle_timeout_s", NULL };
static const char *const workspace_keys[] = { "path", "readonly", NULL };

enum { DEFAULT_DISK_MIB = 20 << 10, MAX_DEFAULT_MEMORY_MIB = 32 << 10, MAX_AGENT_LENGTH = 32 };

void spec_limits_of_host(struct spec_limits *limits)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct sysinfo info;

	limits->cpus = cpus > 0 ? (unsigned)cpus : 1;
	limits->memory_mib = SPEC_MIN_MEMORY_MIB;
	if (sysinfo(&info) == 0)
		limits->memory_mib = (uint64_t)info.totalram * info.mem_unit >> 20;
}

enum api_code spec_check_keys(const json_t *object, const char *const *keys, struct err *err)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)object, key, value) {
		const char *const *known = keys;

		while (*known && strcmp(*known, key) != 0)
			known++;
		if (!*known) {
			err_set(err, EINVAL, "unknown member \"%s\"", key);
			return API_BAD_REQUEST;
		}
	}
	return API_OK;
}

enum api_code spec_get_number(const json_t *object, const char *key, uint64_t minimum,
	uint64_t maximum, uint64_t *ret_value, struct err *err)
{
	const json_t *value = json_object_get(object, key);
	json_int_t number = json_integer_value(value);

	if (!value)
		return API_OK;
	if (!json_is_integer(value)) {
		err_set(err, EINVAL, "\"%s\" must be a whole number", key);
		return API_BAD_REQUEST;
	}
	if (number < 0 || (uint64_t)number < minimum || (uint64_t)number > maximum) {
		err_set(err, EINVAL, "\"%s\" must be between %" PRIu64 " and %" PRIu64, key,
			minimum, maximum);
		return API_BAD_REQUEST;
	}
	*ret_value = (uint64_t)number;
	return API_OK;
}

enum api_code spec_get_string(const json_t *object, const char *key, const char **ret_value,
	struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value))
		return API_OK;
	if (!json_is_string(value)) {
		err_set(err, EINVAL, "\"%s\" must be a string", key);
		return API_BAD_REQUEST;
	}
	*ret_value = json_string_value(value);
	return API_OK;
}

enum api_code spec_get_bool(const json_t *object, const char *key, bool *ret_value, struct err *err)
{
	const json_t *value = json_object_get(object, key);

	if (!value)
		return API_OK;
	if (!json_is_boolean(value)) {
		err_set(err, EINVAL, "\"%s\" must be true or false", key);
		return API_BAD_REQUEST;
	}
	*ret_value = json_is_true(value);
	return API_OK;
}

static enum api_code parse_names(const json_t *body, struct spec *spec, struct err *err)
{
	const char *name = NULL, *agent = NULL;
	enum api_code code = spec_get_string(body, "name", &name, err);

	if (code == API_OK)
		code = spec_get_string(body, "agent", &agent, err);
	if (code != API_OK)
		return code;
	if (name && name_check(name, err) < 0)
		return API_BAD_REQUEST;
	if (!agent || !*agent || strlen(agent) > MAX_AGENT_LENGTH) {
		err_set(err, EINVAL, "\"agent\" is missing or not an agent's name");
		return API_BAD_REQUEST;
	}
	spec->name = name ? xstrdup(name) : NULL;
	spec->agent = xstrdup(agent);
	return API_OK;
}

static enum api_code parse_workspace(const json_t *entry, struct spec *spec, struct err *err)
{
	struct workspace *workspace = &spec->workspaces[spec->workspace_count];
	const char *path = NULL;
	enum api_code code;

	if (!json_is_object(entry)) {
		err_set(err, EINVAL, "a workspace must be an object with \"path\"");
		return API_BAD_REQUEST;
	}
	code = spec_check_keys(entry, workspace_keys, err);
	if (code == API_OK)
		code = spec_get_string(entry, "path", &path, err);
	if (code == API_OK)
		code = spec_get_bool(entry, "readonly", &workspace->readonly, err);
	if (code != API_OK)
		return code;
	if (!path) {
		err_set(err, EINVAL, "a workspace must be an object with \"path\"");
		return API_BAD_REQUEST;
	}
	if (workspace_resolve(path, &workspace->path, err) < 0)
		return API_WORKSPACE;
	spec->workspace_count++;
	for (size_t i = 0; i + 1 < spec->workspace_count; i++)
		if (strcmp(spec->workspaces[i].path, workspace->path) == 0) {
			err_set(err, EINVAL, "workspace %s is named twice", workspace->path);
			return API_WORKSPACE;
		}
	return API_OK;
}

static enum api_code parse_workspaces(const json_t *body, struct spec *spec, struct err *err)
{
	const json_t *list = json_object_get(body, "workspaces");
	size_t count = json_array_size(list);

	if (!json_is_array(list) || count == 0 || count > SPEC_MAX_WORKSPACES) {
		err_set(err, EINVAL, "\"workspaces\" must be a list of 1 to %d workspaces",
			SPEC_MAX_WORKSPACES);
		return API_BAD_REQUEST;
	}
	spec->workspaces = xcalloc(count, sizeof(*spec->workspaces));
	for (size_t i = 0; i < count; i++) {
		enum api_code code = parse_workspace(json_array_get(list, i), spec, err);

		if (code != API_OK)
			return code;
	}
	return API_OK;
}

/* NAME=VALUE with a name that a shell can export. */
static bool env_valid(const char *entry)
{
	static const char first[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
	const char *equals = strchr(entry, '=');
	size_t length;

	if (!equals || equals == entry || !strchr(first, *entry))
		return false;
	length = strspn(entry, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
	return entry + length == equals;
}

static enum api_code parse_env(const json_t *body, struct spec *spec, struct err *err)
{
	const json_t *list = json_object_get(body, "env");
	size_t count = json_array_size(list), bytes = 0;

	if (!list)
		return API_OK;
	if (!json_is_array(list) || count > SPEC_MAX_ENV) {
		err_set(err, EINVAL, "\"env\" must be a list of at most %d strings", SPEC_MAX_ENV);
		return API_BAD_REQUEST;
	}
	spec->env = xcalloc(count + 1, sizeof(*spec->env));
	for (size_t i = 0; i < count; i++) {
		const char *entry = json_string_value(json_array_get(list, i));

		if (!entry || !env_valid(entry)) {
			err_set(err, EINVAL, "\"env\" holds \"%s\", which is not NAME=VALUE",
				entry ? entry : "(not a string)");
			return API_BAD_REQUEST;
		}
		bytes += strlen(entry) + 1;
		if (bytes > SPEC_MAX_ENV_BYTES) {
			err_set(err, EINVAL, "\"env\" holds more than %d KiB",
				SPEC_MAX_ENV_BYTES >> 10);
			return API_BAD_REQUEST;
		}
		spec->env[spec->env_count++] = xstrdup(entry);
	}
	return API_OK;
}

/* A number where 0 means a default. */
static enum api_code parse_limit(const json_t *body, const char *key, uint64_t minimum,
	uint64_t maximum, uint64_t fallback, uint64_t *ret_value, struct err *err)
{
	uint64_t value = 0;
	enum api_code code;

	if (json_is_integer(json_object_get(body, key)) &&
		json_integer_value(json_object_get(body, key)) == 0) {
		*ret_value = fallback;
		return API_OK;
	}
	code = spec_get_number(body, key, minimum, maximum, &value, err);
	if (code == API_OK)
		*ret_value = value ? value : fallback;
	return code;
}

static enum api_code parse_limits(const json_t *body, const struct spec_limits *limits,
	struct spec *spec, struct err *err)
{
	uint64_t memory = limits->memory_mib / 2, cpus = 0;
	enum api_code code;

	if (memory > MAX_DEFAULT_MEMORY_MIB)
		memory = MAX_DEFAULT_MEMORY_MIB;
	if (memory < SPEC_MIN_MEMORY_MIB)
		memory = SPEC_MIN_MEMORY_MIB;
	spec->idle_timeout_s = SPEC_DEFAULT_IDLE_S;
	code = parse_limit(body, "cpus", 1, limits->cpus, limits->cpus, &cpus, err);
	spec->cpus = (unsigned)cpus;
	if (code == API_OK)
		code = parse_limit(body, "memory_mib", SPEC_MIN_MEMORY_MIB, limits->memory_mib,
			memory, &spec->memory_mib, err);
	if (code == API_OK)
		code = parse_limit(body, "disk_mib", SPEC_MIN_DISK_MIB, SPEC_MAX_DISK_MIB,
			DEFAULT_DISK_MIB, &spec->disk_mib, err);
	if (code == API_OK)
		code = spec_get_number(body, "idle_timeout_s", 0, SPEC_MAX_IDLE_S,
			&spec->idle_timeout_s, err);
	return code;
}

enum api_code spec_parse(const json_t *body, const struct spec_limits *limits,
	struct spec *ret_spec, struct err *err)
{
	struct spec spec = { 0 };
	enum api_code code = spec_check_keys(body, spec_keys, err);

	if (code == API_OK)
		code = parse_names(body, &spec, err);
	if (code == API_OK)
		code = parse_limits(body, limits, &spec, err);
	if (code == API_OK)
		code = parse_env(body, &spec, err);
	if (code == API_OK)
		code = parse_workspaces(body, &spec, err);
	if (code != API_OK) {
		spec_finish(&spec);
		return code;
	}
	*ret_spec = spec;
	return API_OK;
}

void spec_finish(struct spec *spec)
{
	for (size_t i = 0; i < spec->workspace_count; i++)
		free(spec->workspaces[i].path);
	for (size_t i = 0; i < spec->env_count; i++)
		free(spec->env[i]);
	free(spec->workspaces);
	free(spec->env);
	free(spec->name);
	free(spec->agent);
	*spec = (struct spec){ 0 };
}

json_t *spec_workspaces_json(const struct spec *spec)
{
	json_t *list = json_array();

	for (size_t i = 0; i < spec->workspace_count; i++)
		json_array_append_new(list,
			json_pack("{s:s, s:b}", "path", spec->workspaces[i].path, "readonly",
				(int)spec->workspaces[i].readonly));
	return list;
}

json_t *spec_env_json(const struct spec *spec)
{
	json_t *list = json_array();

	for (size_t i = 0; i < spec->env_count; i++)
		json_array_append_new(list, json_string(spec->env[i]));
	return list;
}
