/* SPDX-License-Identifier: Apache-2.0 */
/* Starts the keeper of a sandbox. */
#include "daemon/launch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/io.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"
#include "daemon/disk.h"
#include "daemon/program.h"
#include "daemon/workspace.h"

static void append_disk(json_t *disks, const char *serial, char *path, bool readonly)
{
	json_array_append_new(disks,
		json_pack("{s:s, s:s, s:b}", "serial", serial, "path", path, "readonly",
			(int)readonly));
	free(path);
}

static json_t *make_disks(const struct store_image *base, const struct store_image *layer,
	const char *directory)
{
	json_t *disks = json_array();

	append_disk(disks, "base", store_image_file(base, "base.erofs"), true);
	if (layer)
		append_disk(disks, "agent", store_image_file(layer, "layer.erofs"), true);
	append_disk(disks, "disk", paths_join(directory, DISK_FILE), false);
	return disks;
}

static int by_path_length(const void *a, const void *b)
{
	const struct workspace *const *first = a, *const *second = b;
	size_t m = strlen((*first)->path), n = strlen((*second)->path);

	return m < n ? -1 : m > n;
}

/* The guest mounts them in this order: an outer directory before one that lies in it. */
static json_t *make_shares(const struct spec *spec)
{
	const struct workspace *order[SPEC_MAX_WORKSPACES] = { NULL };
	json_t *shares = json_array();
	size_t count = spec->workspace_count;

	if (count > SPEC_MAX_WORKSPACES)
		count = SPEC_MAX_WORKSPACES;
	for (size_t i = 0; i < count; i++)
		order[i] = &spec->workspaces[i];
	qsort(order, count, sizeof(void *), by_path_length);
	for (size_t i = 0; i < count; i++) {
		char tag[16];

		snprintf(tag, sizeof(tag), "ws%zu", i);
		json_array_append_new(shares,
			json_pack("{s:s, s:s, s:b}", "tag", tag, "path", order[i]->path, "readonly",
				(int)order[i]->readonly));
	}
	return shares;
}

/* One line of the guest's configuration (docs/protocol/guest-config.md). */
static void append_line(json_t *lines, const char *key, const char *value)
{
	cleanup_free char *encoded = text_percent_encode(value);
	cleanup_free char *line = xasprintf("%s %s", key, encoded);

	json_array_append_new(lines, json_string(line));
}

static json_t *make_guest_lines(const struct spec *spec, const struct agent *agent)
{
	json_t *lines = json_array();

	append_line(lines, "hostname", spec->name);
	append_line(lines, "workdir", spec->workspaces[0].path);
	for (size_t i = 0; i < agent->env_count; i++)
		append_line(lines, "env", agent->env[i]);
	for (size_t i = 0; i < spec->env_count; i++)
		append_line(lines, "env", spec->env[i]);
	append_line(lines, "command", agent->command);
	for (size_t i = 0; i < agent->args_count; i++)
		append_line(lines, "command", agent->args[i]);
	return lines;
}

json_t *launch_config(const struct record *record, const struct agent *agent,
	const struct store_image *base, const struct store_image *layer, const char *directory,
	const struct launch_options *options)
{
	const struct spec *spec = &record->spec;
	cleanup_free char *kernel = store_image_file(base, "vmlinux");
	cleanup_free char *modules = store_image_file(base, "modules.cpio");
	uint64_t idle = options->set_idle ? options->idle_timeout_s : spec->idle_timeout_s;

	return json_pack("{s:s, s:s, s:s, s:i, s:I, s:s, s:[s], s:o, s:o, s:o, s:I, s:I}", "id",
		record->id, "name", spec->name, "accel", options->accel, "cpus", (int)spec->cpus,
		"memory_mib", (json_int_t)spec->memory_mib, "kernel", kernel, "initrd_parts",
		modules, "disks", make_disks(base, layer, directory), "shares", make_shares(spec),
		"guest", make_guest_lines(spec, agent), "idle_timeout_s", (json_int_t)idle,
		"boot_timeout_s", (json_int_t)options->boot_timeout_s);
}

/* Moves the sandbox to the images that a new one would get. */
static enum api_code take_newest(struct daemon *daemon, struct record *record, struct err *err)
{
	cleanup_store_image struct store_image base = { 0 }, layer = { 0 };
	int r;

	pthread_mutex_lock(&daemon->images);
	r = store_find_current(&daemon->store, NULL, &base, err);
	if (r == 0 && record->layer)
		r = store_find_current(&daemon->store, record->spec.agent, &layer, err);
	if (r < 0) {
		pthread_mutex_unlock(&daemon->images);
		return API_NO_IMAGE;
	}
	r = registry_set_images(daemon->registry, record->id, base.digest,
		record->layer ? layer.digest : NULL, err);
	pthread_mutex_unlock(&daemon->images);
	if (r < 0)
		return API_FAILED;
	free(record->base);
	record->base = xstrdup(base.digest);
	if (record->layer) {
		free(record->layer);
		record->layer = xstrdup(layer.digest);
	}
	return API_OK;
}

/* The images that the sandbox was made with, still there? */
static enum api_code find_images(struct daemon *daemon, const struct record *record,
	struct store_image *ret_base, struct store_image *ret_layer, struct err *err)
{
	int r = store_find(&daemon->store, NULL, record->base, ret_base, err);

	if (r == 0 && record->layer)
		r = store_find(&daemon->store, record->spec.agent, record->layer, ret_layer, err);
	if (r == 0)
		return API_OK;
	err_wrap(err, "sandbox %s", record->spec.name);
	err_hint(err, "sbx run --pull %s takes the newest image", record->spec.name);
	return API_NO_IMAGE;
}

static enum api_code check_workspaces(const struct spec *spec, struct err *err)
{
	for (size_t i = 0; i < spec->workspace_count; i++)
		if (workspace_recheck(spec->workspaces[i].path, err) < 0)
			return API_WORKSPACE;
	return API_OK;
}

static int write_config(int dirfd, json_t *config, struct err *err)
{
	char *text = json_dumps(config, JSON_INDENT(1));
	int r;

	if (!text)
		return err_set(err, EIO, "start.json cannot be written as JSON");
	fault_point(FAULT_DAEMON_START_BEFORE_CONFIG);
	r = io_replace_file(dirfd, "start.json", text, strlen(text));
	free(text);
	if (r < 0)
		return err_errno(err, -r, "write start.json");
	/* What ended the last run is told until there is a new one, and no longer. */
	if (unlinkat(dirfd, "exit.json", 0) < 0 && errno != ENOENT)
		return err_errno(err, errno, "remove exit.json");
	fault_point(FAULT_DAEMON_START_AFTER_CONFIG);
	return 0;
}

static int spawn_keeper(struct daemon *daemon, struct sandbox *sandbox, const char *directory,
	struct err *err)
{
	cleanup_free char *program = NULL;
	char *argv[] = { NULL, (char *)directory, NULL };
	int pidfd, r = paths_program("sbx-keeper", &program, err);
	pid_t pid;

	if (r < 0)
		return r;
	argv[0] = program;
	fault_point(FAULT_DAEMON_START_BEFORE_SPAWN);
	r = program_spawn(argv, -1, -1, &pid, &pidfd, err);
	if (r < 0)
		return r;
	fault_point(FAULT_DAEMON_START_AFTER_SPAWN);
	r = sandbox_watch(&daemon->sandboxes, sandbox, pid, pidfd);
	if (r < 0) {
		kill(pid, SIGKILL);
		program_reap(pid);
		close(pidfd);
		return err_errno(err, -r, "watch the keeper");
	}
	log_info("sandbox %s: keeper %d started", sandbox->id, (int)pid);
	return 0;
}

enum api_code launch(struct daemon *daemon, struct sandbox *sandbox, struct record *record,
	const struct launch_options *options, struct err *err)
{
	cleanup_store_image struct store_image base = { 0 }, layer = { 0 };
	cleanup_free char *directory = paths_join(daemon->sandboxes_path, sandbox->id);
	const struct agent *agent = agents_find(&daemon->agents, record->spec.agent);
	cleanup_close int dirfd = -1;
	enum api_code code;
	json_t *config;
	int r;

	if (!agent) {
		err_set(err, ENOENT, "agent %s is not defined any more", record->spec.agent);
		return API_START_FAILED;
	}
	dirfd = sandbox_open(sandbox);
	if (dirfd < 0) {
		err_errno(err, -dirfd, "open %s", directory);
		return API_START_FAILED;
	}
	code = check_workspaces(&record->spec, err);
	if (code == API_OK && options->pull)
		code = take_newest(daemon, record, err);
	if (code == API_OK)
		code = find_images(daemon, record, &base, &layer, err);
	if (code != API_OK)
		return code;
	config = launch_config(record, agent, &base, record->layer ? &layer : NULL, directory,
		options);
	r = write_config(dirfd, config, err);
	json_decref(config);
	if (r == 0)
		r = spawn_keeper(daemon, sandbox, directory, err);
	return r < 0 ? API_START_FAILED : API_OK;
}
