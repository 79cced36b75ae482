/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a sandbox if need be, and runs one session in it. */
#include "cli/session_run.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "cli/session_open.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

static void print_notes(const json_t *answer)
{
	const json_t *note;
	size_t i;

	json_array_foreach(json_object_get(answer, "notes"), i, note) {
		const char *text = json_string_value(note);
		cleanup_free char *escaped = text ? escape_line(text) : NULL;

		if (escaped)
			fprintf(stderr, "sbx: %s\n", escaped);
	}
}

int sandbox_start(const char *name, const json_t *options, char **ret_vsock, struct err *err)
{
	cleanup_free char *path = api_sandbox_path(name, "/start", err);
	cleanup_free char *what = xasprintf("start %s", name);
	cleanup_json json_t *body = options ? json_copy((json_t *)options) : json_object();
	cleanup_json json_t *answer = NULL;
	const char *accel = getenv("SBX_ACCEL");
	struct progress progress;
	struct api_request request = { .method = "POST",
				       .path = path,
				       .body = body,
				       .slow = true,
				       .progress = &progress };
	int r;

	if (!path)
		return -ENOENT;
	if (accel && *accel)
		json_object_set_new(body, "accel", json_string(accel));
	progress_init(&progress, what);
	r = api_call(&request, &answer, err);
	progress_finish(&progress);
	if (r < 0)
		return r;
	print_notes(answer);
	if (!*api_text(answer, "vsock"))
		return err_set(err, EPROTO, "the daemon's answer names no socket");
	*ret_vsock = xstrdup(api_text(answer, "vsock"));
	return 0;
}

int sandbox_start_status(int r)
{
	return r == -ENOENT ? STATUS_FAILED : STATUS_NOT_STARTED;
}

int session_run(const char *vsock, const struct session_request *request,
	const struct session_io *io, struct session_outcome *ret, struct err *err)
{
	struct session_client client;
	cleanup_close int fd = -1;
	int r;

	session_client_init(&client);
	r = session_client_request(&client, request);
	if (r < 0)
		err_set(err, E2BIG, "arguments and environment are over 4 MiB");
	else
		r = session_open(vsock, &client, &fd, err);
	if (r == 0)
		r = session_loop(&client, fd, io, ret, err);
	session_client_finish(&client);
	return r;
}

static int report_broken(const struct session_outcome *outcome, const char *sandbox,
	struct err *err)
{
	if (!outcome->started) {
		err_set(err, EIO, "%s: the sandbox did not start the session", sandbox);
		err_hint(err, "'sbx logs %s' shows its console", sandbox);
		return STATUS_NOT_STARTED;
	}
	err_set(err, EIO, "%s: the session broke off: the sandbox stopped or lost its connection",
		sandbox);
	err_hint(err, "'sbx inspect %s' tells why it stopped, 'sbx logs %s' shows its console",
		sandbox, sandbox);
	return STATUS_FAILED;
}

static void say_detached(const struct session_outcome *outcome, const char *sandbox, bool is_agent)
{
	fprintf(stderr, "sbx: detached%s%s; ", *outcome->text ? ": " : "", outcome->text);
	if (is_agent)
		fprintf(stderr, "'sbx attach %s' comes back\n", sandbox);
	else
		fprintf(stderr, "the program goes on in %s\n", sandbox);
}

int session_report(const struct session_outcome *outcome, const char *sandbox, bool is_agent,
	struct err *err)
{
	switch (outcome->end) {
	case SESSION_END_EXIT:
	case SESSION_END_LEFT:
		return outcome->status;
	case SESSION_END_DETACHED:
		say_detached(outcome, sandbox, is_agent);
		return STATUS_DONE;
	case SESSION_END_REFUSED:
		if (*outcome->text)
			err_set(err, EIO, "%s: %s", sandbox, outcome->text);
		else
			err_errno(err, outcome->status, "%s", sandbox);
		return outcome->started ? STATUS_FAILED : STATUS_NOT_STARTED;
	case SESSION_END_BROKEN:
		break;
	}
	return report_broken(outcome, sandbox, err);
}
