/* SPDX-License-Identifier: Apache-2.0 */
/* What a new sandbox is to be. */
#include "cli/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/images.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"

enum { MIB_SHIFT = 20 };

int spec_parse_path(const char *text, char **ret_path, bool *ret_readonly, struct err *err)
{
	size_t length = strlen(text);
	const char *suffix = length > 3 ? text + length - 3 : "";
	bool readonly = strcmp(suffix, ":ro") == 0;
	cleanup_free char *path = NULL;
	cleanup_free char *here = NULL;
	char *real;

	if (readonly || strcmp(suffix, ":rw") == 0)
		length -= 3;
	if (length == 0)
		return err_set(err, EINVAL, "an empty path");
	path = xstrndup(text, length);
	real = realpath(path, NULL);
	if (!real && *path == '/') {
		real = take_ptr(path);
	} else if (!real) {
		here = getcwd(NULL, 0);
		if (!here)
			return err_errno(err, errno, "find the current directory");
		real = paths_join(here, path);
	}
	*ret_path = real;
	*ret_readonly = readonly;
	return 0;
}

static int add_workspace(json_t *workspaces, const char *text, struct err *err)
{
	cleanup_free char *path = NULL;
	json_t *value;
	bool readonly = false;
	int r = spec_parse_path(text, &path, &readonly, err);

	if (r < 0)
		return r;
	value = json_string(path);
	if (!value) {
		err_set(err, EILSEQ, "%s: the path is not UTF-8", path);
		err_hint(err, "rename the directory");
		return -EILSEQ;
	}
	json_array_append_new(workspaces,
		json_pack("{s:o, s:b}", "path", value, "readonly", readonly));
	return 0;
}

static int set_mib(json_t *spec, const char *key, const char *option, uint64_t bytes,
	struct err *err)
{
	if (bytes == 0)
		return 0;
	if (bytes < 1 << MIB_SHIFT) {
		err_set(err, EINVAL, "--%s: %llu bytes are too little", option,
			(unsigned long long)bytes);
		err_hint(err, "write a size as 512m or 8g");
		return -EINVAL;
	}
	json_object_set_new(spec, key, json_integer((json_int_t)(bytes >> MIB_SHIFT)));
	return 0;
}

static int set_environment(json_t *spec, const struct environment *environment, struct err *err)
{
	json_t *list = json_array();

	json_object_set_new(spec, "env", list);
	for (size_t i = 0; i < environment->count; i++) {
		json_t *item = json_string(environment->items[i]);

		if (!item)
			return err_set(err, EILSEQ, "%.*s: the value is not UTF-8",
				(int)strcspn(environment->items[i], "="), environment->items[i]);
		json_array_append_new(list, item);
	}
	return 0;
}

static int fill(json_t *spec, const struct spec_options *options, const char *const *paths,
	size_t path_count, const struct environment *environment, struct err *err)
{
	json_t *workspaces = json_array();
	int r = 0;

	json_object_set_new(spec, "workspaces", workspaces);
	if (path_count == 0)
		r = add_workspace(workspaces, ".", err);
	for (size_t i = 0; r == 0 && i < path_count; i++)
		r = add_workspace(workspaces, paths[i], err);
	if (options->name)
		json_object_set_new(spec, "name", json_string(options->name));
	if (options->cpus)
		json_object_set_new(spec, "cpus", json_integer((json_int_t)options->cpus));
	if (options->keep)
		json_object_set_new(spec, "idle_timeout_s", json_integer(0));
	if (r == 0)
		r = set_mib(spec, "memory_mib", "memory", options->memory, err);
	if (r == 0)
		r = set_mib(spec, "disk_mib", "disk", options->disk, err);
	if (r == 0 && environment->count)
		r = set_environment(spec, environment, err);
	return r;
}

int spec_make(const struct spec_options *options, const char *agent, const char *const *paths,
	size_t path_count, const struct environment *environment, json_t **ret_spec,
	struct err *err)
{
	json_t *spec = json_pack("{s:s}", "agent", agent);
	int r = fill(spec, options, paths, path_count, environment, err);

	if (r == 0)
		*ret_spec = spec;
	else
		json_decref(spec);
	return r;
}

int spec_create(const json_t *spec, json_t **ret_sandbox, struct err *err)
{
	struct api_request request = { .method = "POST",
				       .path = "/v1/sandboxes",
				       .body = spec,
				       .slow = true };
	int r = api_call(&request, ret_sandbox, err);

	if (r == -ENOPKG) {
		err_finish(err);
		r = images_build_missing(api_text(spec, "agent"), err);
		if (r == 0)
			r = api_call(&request, ret_sandbox, err);
	}
	if (r == -ENOTDIR && !err->hint)
		err_hint(err, "a workspace is an existing directory that is neither part of the "
			      "system nor sbx's own");
	return r;
}
