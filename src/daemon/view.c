/* SPDX-License-Identifier: Apache-2.0 */
/* How the API shows a sandbox. */
#include "daemon/view.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/disk.h"
#include "daemon/keeper_client.h"
#include "daemon/processes.h"

enum { BLOCK_BYTES = 512 };

/* What the sandbox's keeper said last, copied under its lock. */
struct snapshot {
	bool alive;
	bool heard;
	struct keeper_status status;
};

static void take_snapshot(struct sandbox *sandbox, struct snapshot *snapshot)
{
	pthread_mutex_lock(&sandbox->lock);
	snapshot->alive = sandbox->alive;
	snapshot->heard = sandbox->alive && sandbox->heard;
	snapshot->status = sandbox->status;
	pthread_mutex_unlock(&sandbox->lock);
	if (!snapshot->heard)
		snapshot->status = (struct keeper_status){ 0 };
}

static const char *state_name(const struct record *record, const struct snapshot *snapshot)
{
	if (record->state == RECORD_CREATING)
		return "creating";
	if (record->state == RECORD_REMOVING)
		return "removing";
	if (!snapshot->alive)
		return "stopped";
	return snapshot->heard ? keeper_state_name(snapshot->status.state) : "starting";
}

static json_t *text_or_null(const char *text)
{
	json_t *value = text && *text ? json_string(text) : NULL;

	return value ? value : json_null();
}

static json_t *last_exit(const struct sandbox *sandbox)
{
	cleanup_close int dirfd = sandbox_open(sandbox);
	cleanup_keeper_exit struct keeper_exit end = { 0 };

	if (dirfd < 0 || keeper_read_exit(dirfd, &end) < 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:I}", "reason", end.reason, "message", end.message,
		"hint", end.hint, "when_ns", (json_int_t)end.when_ns);
}

json_t *view_sandbox(struct daemon *daemon, const struct record *record, struct sandbox *sandbox)
{
	const struct spec *spec = &record->spec;
	struct snapshot snapshot;
	json_t *view;

	(void)daemon;
	take_snapshot(sandbox, &snapshot);
	view = json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:I, s:I, s:o, s:I, s:I, s:s, s:o}", "id",
		record->id, "name", spec->name, "agent", spec->agent, "state",
		state_name(record, &snapshot), "workspaces", spec_workspaces_json(spec), "cpus",
		(int)spec->cpus, "memory_mib", (json_int_t)spec->memory_mib, "disk_mib",
		(json_int_t)spec->disk_mib, "env", spec_env_json(spec), "idle_timeout_s",
		(json_int_t)spec->idle_timeout_s, "created_ns", (json_int_t)record->created_ns,
		"base", record->base, "layer", text_or_null(record->layer));
	json_object_set_new(view, "accel", text_or_null(snapshot.status.accel));
	json_object_set_new(view, "streams", json_integer(snapshot.status.streams));
	json_object_set_new(view, "detached", json_integer(snapshot.status.detached));
	json_object_set_new(view, "ports", json_array());
	json_object_set_new(view, "last_exit",
		snapshot.alive ? json_null() : last_exit(sandbox));
	return view;
}

/* The digest of a newer image than the sandbox has, or null. */
static json_t *newer(const struct daemon *daemon, const char *agent, const char *digest)
{
	cleanup_store_image struct store_image current = { 0 };

	if (!digest || store_find_current(&daemon->store, agent, &current, NULL) < 0 ||
		strcmp(current.digest, digest) == 0)
		return json_null();
	return json_string(current.digest);
}

static json_t *disk_used(const struct sandbox *sandbox)
{
	cleanup_close int dirfd = sandbox_open(sandbox);
	struct stat st;

	if (dirfd < 0 || fstatat(dirfd, DISK_FILE, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return json_null();
	return json_integer((json_int_t)st.st_blocks * BLOCK_BYTES);
}

json_t *view_inspect(struct daemon *daemon, const struct record *record, struct sandbox *sandbox)
{
	cleanup_free char *directory = paths_join(daemon->sandboxes_path, record->id);
	cleanup_free char *console = paths_join(directory, "console.log");
	struct snapshot snapshot;

	take_snapshot(sandbox, &snapshot);
	return json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o}", "directory", directory, "pids",
		processes_of_keeper(snapshot.status.pid, snapshot.status.vmm_pid),
		"disk_used_bytes", disk_used(sandbox), "console_log", console, "accel_reason",
		text_or_null(snapshot.status.accel_reason), "newer_base",
		newer(daemon, NULL, record->base), "newer_layer",
		newer(daemon, record->spec.agent, record->layer));
}

static void add_newer_note(const struct daemon *daemon, json_t *notes, const char *agent,
	const char *digest, const char *what)
{
	json_t *found = newer(daemon, agent, digest);

	if (json_is_string(found)) {
		cleanup_free char *note =
			xasprintf("a newer %s is available: sbx run --pull takes it", what);

		json_array_append_new(notes, json_string(note));
	}
	json_decref(found);
}

json_t *view_notes(struct daemon *daemon, const struct record *record, const char *accel,
	const char *reason)
{
	cleanup_free char *layer = xasprintf("image of %s", record->spec.agent);
	json_t *notes = json_array();

	if (accel && strcmp(accel, "tcg") == 0) {
		cleanup_free char *note = xasprintf("running without KVM, several times slower%s%s",
			reason && *reason ? ": " : "", reason ? reason : "");

		json_array_append_new(notes, json_string(note));
	}
	add_newer_note(daemon, notes, NULL, record->base, "base image");
	add_newer_note(daemon, notes, record->spec.agent, record->layer, layer);
	return notes;
}
