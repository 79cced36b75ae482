/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a sandbox, or waits for the start that is under way. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/console.h"
#include "daemon/lifecycle_internal.h"

enum {
	BOOT_TRIES = 3,
	BOOT_GRACE_MS = 30000, /* for a keeper to keep its own deadline, and to try TCG after KVM */
};

/*
 * The run that we waited for ended before it served sessions: says why. API_OK if it is worth
 * another try; *tries counts them down (docs/protocol/keeper.md, kernel-failed).
 */
static enum api_code report_end(struct sandbox *sandbox, const char *name, unsigned *tries,
	struct start_result *result, struct err *err)
{
	cleanup_keeper_exit struct keeper_exit end = { 0 };
	cleanup_close int dirfd = sandbox_open(sandbox);

	if (dirfd < 0 || keeper_read_exit(dirfd, &end) < 0) {
		err_set(err, EIO, "start sandbox %s: it was removed while it started", name);
		return API_START_FAILED;
	}
	if (strcmp(end.reason, "kernel-failed") == 0 && *tries > 1) {
		log_warn("sandbox %s: %s: tried again", name, end.message);
		(*tries)--;
		return API_OK;
	}
	err_set(err, EIO, "start sandbox %s: %s", name, *end.message ? end.message : end.reason);
	if (*end.hint)
		err_hint(err, "%s", end.hint);
	result->console = console_tail(dirfd);
	return API_START_FAILED;
}

static void fill_result(const struct sandbox *sandbox, struct start_result *result)
{
	result->accel = xstrdup(sandbox->status.accel);
	result->reason = xstrdup(sandbox->status.accel_reason);
}

/* Busy; reads the record again, since it may have changed while we waited. */
static enum api_code launch_busy(struct daemon *daemon, struct sandbox *sandbox, const char *name,
	const struct launch_options *options, struct err *err)
{
	cleanup_record struct record record = { 0 };
	int r = registry_get(daemon->registry, name, &record, err);

	if (r < 0)
		return r == -ENOENT ? API_NOT_FOUND : API_FAILED;
	if (strcmp(record.id, sandbox->id) != 0 || record.state != RECORD_READY) {
		err_set(err, ENOENT, "sandbox %s is being removed", name);
		return API_NOT_FOUND;
	}
	return launch(daemon, sandbox, &record, options, err);
}

/* Lock held on entry and return. Boots, or waits for the boot that is under way. */
static enum api_code start_locked(struct daemon *daemon, struct sandbox *sandbox, const char *name,
	const struct launch_options *options, struct start_result *result, struct err *err)
{
	uint64_t boot_ms = options->boot_timeout_s * 1000 + BOOT_GRACE_MS;
	uint64_t deadline = sandbox_deadline(LIFECYCLE_BUSY_MS + boot_ms);
	unsigned tries = BOOT_TRIES;
	bool booting = false; /* a boot that we have seen: its failure is ours too */

	for (;;) {
		if (sandbox->removing || sandbox->gone) {
			err_set(err, ENOENT, "start sandbox %s: it was removed", name);
			return booting ? API_START_FAILED : API_NOT_FOUND;
		}
		if (lifecycle_is_running(sandbox)) {
			fill_result(sandbox, result);
			return API_OK;
		}
		if (!sandbox->busy && !sandbox->alive) {
			enum api_code code;

			code = booting ? report_end(sandbox, name, &tries, result, err) : API_OK;
			if (code != API_OK)
				return code;
			sandbox->busy = true;
			pthread_mutex_unlock(&sandbox->lock);
			code = launch_busy(daemon, sandbox, name, options, err);
			pthread_mutex_lock(&sandbox->lock);
			sandbox_end(sandbox);
			if (code != API_OK)
				return code;
			booting = result->booted = true;
			fault_point(FAULT_DAEMON_START_BEFORE_WAIT);
			continue;
		}
		if (sandbox->alive && !(sandbox->heard && sandbox->status.state == KEEPER_STOPPING))
			booting = true;
		if (!sandbox_wait(sandbox, deadline)) {
			sandbox_kill_keeper(sandbox);
			err_set(err, ETIMEDOUT, "start sandbox %s: its keeper does not answer",
				name);
			return API_START_FAILED;
		}
	}
}

enum api_code lifecycle_start(struct daemon *daemon, const char *name,
	const struct launch_options *options, struct start_result *result, struct err *err)
{
	cleanup_record struct record record = { 0 };
	struct sandbox *sandbox;
	enum api_code code = lifecycle_look_up(daemon, name, &record, &sandbox, err);

	if (code != API_OK)
		return code;
	pthread_mutex_lock(&sandbox->lock);
	code = start_locked(daemon, sandbox, name, options, result, err);
	if (code == API_OK && options->set_idle && !result->booted)
		sandbox_send(sandbox, "keep", "idle_timeout_s", options->idle_timeout_s);
	pthread_mutex_unlock(&sandbox->lock);
	if (code == API_OK)
		fault_point(FAULT_DAEMON_START_AFTER_WAIT);
	sandbox_release(&daemon->sandboxes, sandbox);
	return code;
}

void start_result_finish(struct start_result *result)
{
	free(result->accel);
	free(result->reason);
	json_decref(result->console);
	*result = (struct start_result){ 0 };
}
