/* SPDX-License-Identifier: Apache-2.0 */
/* API: sandboxes. */
#include "daemon/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/lifecycle.h"
#include "daemon/view.h"
#include "daemon/workspace.h"

enum {
	LIST_REFRESH_MS = 8,	 /* what one keeper that does not answer may cost `ls` */
	INSPECT_REFRESH_MS = 100,
	DEFAULT_STOP_MS = 2000,
	MAX_STOP_MS = 600000,
	DEFAULT_BOOT_S = 120,
	MAX_BOOT_S = 3600,
	VSOCK_SESSION_PORT = 1024,
};

enum api_code api_list_sandboxes(struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct sandbox **sandboxes;
	struct record *records;
	json_t *list;
	size_t count;

	if (registry_list(daemon->registry, &records, &count, &request->err) < 0)
		return API_FAILED;
	sandboxes = xcalloc(count + 1, sizeof(struct sandbox *));
	for (size_t i = 0; i < count; i++) {
		sandboxes[i] = sandbox_get(&daemon->sandboxes, records[i].id);
		sandbox_adopt(&daemon->sandboxes, sandboxes[i]);
	}
	sandbox_refresh(sandboxes, count, sandbox_deadline(LIST_REFRESH_MS));
	list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, view_sandbox(daemon, &records[i], sandboxes[i]));
		sandbox_release(&daemon->sandboxes, sandboxes[i]);
	}
	free(sandboxes);
	record_free_list(records, count);
	request->answer = json_pack("{s:o}", "sandboxes", list);
	return API_OK;
}

/* The sandbox of a record as JSON; with what inspect adds if asked for. */
static json_t *show(struct daemon *daemon, const struct record *record, bool inspect)
{
	struct sandbox *sandbox = sandbox_get(&daemon->sandboxes, record->id);
	json_t *view;

	sandbox_adopt(&daemon->sandboxes, sandbox);
	if (inspect)
		sandbox_refresh(&sandbox, 1, sandbox_deadline(INSPECT_REFRESH_MS));
	view = view_sandbox(daemon, record, sandbox);
	if (inspect)
		json_object_set_new(view, "inspect", view_inspect(daemon, record, sandbox));
	sandbox_release(&daemon->sandboxes, sandbox);
	return view;
}

enum api_code api_create_sandbox(struct request *request)
{
	struct daemon *daemon = request->daemon;
	cleanup_record struct record record = { 0 };
	struct spec spec;
	enum api_code code;

	code = spec_parse(request->body, &daemon->limits, &spec, &request->err);
	if (code != API_OK)
		return code;
	code = lifecycle_create(daemon, &spec, &record, &request->err);
	if (code == API_EXISTS)
		request->details = json_pack("{s:o}", "sandbox", show(daemon, &record, false));
	if (code != API_OK)
		return code;
	request->answer = show(daemon, &record, false);
	request->status = MHD_HTTP_CREATED;
	return API_OK;
}

enum api_code api_find_sandbox(struct request *request)
{
	static const char *const keys[] = { "agent", "workspace", NULL };
	struct daemon *daemon = request->daemon;
	cleanup_record struct record record = { 0 };
	cleanup_free char *resolved = NULL;
	const char *agent = NULL, *workspace = NULL;
	const struct agent *definition;
	enum api_code code = spec_check_keys(request->body, keys, &request->err);
	int r;

	if (code == API_OK)
		code = spec_get_string(request->body, "agent", &agent, &request->err);
	if (code == API_OK)
		code = spec_get_string(request->body, "workspace", &workspace, &request->err);
	if (code != API_OK)
		return code;
	if (!agent || !workspace) {
		err_set(&request->err, EINVAL, "\"agent\" and \"workspace\" are needed");
		return API_BAD_REQUEST;
	}
	if (agents_require(&daemon->agents, agent, &definition, &request->err) < 0)
		return API_NOT_FOUND;
	/* A directory that is gone may still have its sandbox. */
	resolved = realpath(workspace, NULL);
	r = registry_find(daemon->registry, definition->name, resolved ? resolved : workspace,
		&record, &request->err);
	if (r < 0)
		return r == -ENOENT ? API_NOT_FOUND : API_FAILED;
	request->answer = show(daemon, &record, false);
	return API_OK;
}

static enum api_code get_record(struct request *request, struct record *ret_record)
{
	int r = registry_get(request->daemon->registry, request->parameter, ret_record,
		&request->err);

	return r == 0 ? API_OK : r == -ENOENT ? API_NOT_FOUND : API_FAILED;
}

enum api_code api_inspect_sandbox(struct request *request)
{
	cleanup_record struct record record = { 0 };
	enum api_code code = get_record(request, &record);

	if (code == API_OK)
		request->answer = show(request->daemon, &record, true);
	return code;
}

enum api_code api_remove_sandbox(struct request *request)
{
	const char *force = request_query(request, "force");
	enum api_code code = lifecycle_remove(request->daemon, request->parameter,
		force && strcmp(force, "1") == 0, &request->err);

	if (code == API_OK)
		request->answer = json_object();
	return code;
}

static enum api_code parse_accel(struct request *request, struct launch_options *options)
{
	static const char *const known[] = { "auto", "kvm", "tcg" };
	const char *accel = "auto";
	enum api_code code = spec_get_string(request->body, "accel", &accel, &request->err);

	if (code != API_OK)
		return code;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (strcmp(accel, known[i]) == 0) {
			options->accel = known[i];
			return API_OK;
		}
	err_set(&request->err, EINVAL, "accelerator \"%s\": it is auto, kvm or tcg", accel);
	return API_BAD_REQUEST;
}

static enum api_code parse_start(struct request *request, struct launch_options *options)
{
	static const char *const keys[] = { "idle_timeout_s", "boot_timeout_s", "pull", "accel",
		NULL };
	const json_t *body = request->body;
	enum api_code code = spec_check_keys(body, keys, &request->err);

	options->boot_timeout_s = DEFAULT_BOOT_S;
	options->set_idle = json_object_get(body, "idle_timeout_s") != NULL;
	if (code == API_OK)
		code = spec_get_number(body, "idle_timeout_s", 0, SPEC_MAX_IDLE_S,
			&options->idle_timeout_s, &request->err);
	if (code == API_OK)
		code = spec_get_number(body, "boot_timeout_s", 1, MAX_BOOT_S,
			&options->boot_timeout_s, &request->err);
	if (code == API_OK)
		code = spec_get_bool(body, "pull", &options->pull, &request->err);
	return code == API_OK ? parse_accel(request, options) : code;
}

static enum api_code answer_start(struct request *request, const struct start_result *result)
{
	struct daemon *daemon = request->daemon;
	cleanup_record struct record record = { 0 };
	cleanup_free char *directory = NULL;
	cleanup_free char *vsock = NULL;
	enum api_code code = get_record(request, &record);

	if (code != API_OK)
		return code;
	directory = paths_join(daemon->sandboxes_path, record.id);
	vsock = paths_join(directory, "vsock.sock");
	request->answer = json_pack("{s:o, s:s, s:i, s:o}", "sandbox",
		show(daemon, &record, false), "vsock", vsock, "port", VSOCK_SESSION_PORT, "notes",
		result->booted ? view_notes(daemon, &record, result->accel, result->reason)
			       : json_array());
	return API_OK;
}

enum api_code api_start_sandbox(struct request *request)
{
	struct launch_options options = { 0 };
	struct start_result result = { 0 };
	enum api_code code = parse_start(request, &options);

	if (code != API_OK)
		return code;
	code = lifecycle_start(request->daemon, request->parameter, &options, &result,
		&request->err);
	if (code == API_OK)
		code = answer_start(request, &result);
	else if (json_array_size(result.console) > 0)
		request->details = json_pack("{s:O}", "console", result.console);
	start_result_finish(&result);
	return code;
}

enum api_code api_stop_sandbox(struct request *request)
{
	static const char *const keys[] = { "timeout_ms", NULL };
	uint64_t timeout = DEFAULT_STOP_MS;
	enum api_code code = spec_check_keys(request->body, keys, &request->err);

	if (code == API_OK)
		code = spec_get_number(request->body, "timeout_ms", 0, MAX_STOP_MS, &timeout,
			&request->err);
	if (code == API_OK)
		code = lifecycle_stop(request->daemon, request->parameter, timeout,
			&request->err);
	if (code == API_OK)
		request->answer = json_object();
	return code;
}
