/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a sandbox. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/disk.h"
#include "daemon/lifecycle_internal.h"

static enum api_code choose_images(struct daemon *daemon, struct record *record, struct err *err)
{
	cleanup_store_image struct store_image base = { 0 }, layer = { 0 };
	const struct agent *agent;

	if (agents_require(&daemon->agents, record->spec.agent, &agent, err) < 0)
		return API_NOT_FOUND;
	free(record->spec.agent);
	record->spec.agent = xstrdup(agent->name);
	if (store_find_current(&daemon->store, NULL, &base, err) < 0)
		return API_NO_IMAGE;
	record->base = xstrdup(base.digest);
	if (!agent->package)
		return API_OK;
	if (store_find_current(&daemon->store, agent->name, &layer, err) < 0)
		return API_NO_IMAGE;
	record->layer = xstrdup(layer.digest);
	return API_OK;
}

static int make_id(char id[RECORD_ID_LENGTH + 1], struct err *err)
{
	unsigned char bytes[RECORD_ID_LENGTH / 2];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_errno(err, errno, "random number");
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(id + 2 * i, 3, "%02x", bytes[i]);
	return 0;
}

static int make_directory(struct daemon *daemon, const struct record *record, struct err *err)
{
	cleanup_free char *directory = paths_join(daemon->sandboxes_path, record->id);
	cleanup_close int fd = -1;
	int r;

	fault_point(FAULT_DAEMON_CREATE_BEFORE_MKDIR);
	if (mkdirat(daemon->sandboxes_fd, record->id, 0700) < 0)
		return err_errno(err, errno, "create %s", directory);
	fault_point(FAULT_DAEMON_CREATE_AFTER_MKDIR);
	r = disk_create(directory, record->spec.disk_mib, err);
	if (r < 0)
		return r;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0 || fsync(daemon->sandboxes_fd) < 0)
		return err_errno(err, errno, "flush %s", directory);
	return 0;
}

/* The row is there, the sandbox busy: makes the rest, or takes everything back. */
static enum api_code finish_create(struct daemon *daemon, struct sandbox *sandbox,
	struct record *record, struct err *err)
{
	cleanup_err struct err undo = ERR_INIT;
	int r = make_directory(daemon, record, err);

	if (r == 0) {
		fault_point(FAULT_DAEMON_CREATE_BEFORE_READY);
		r = registry_set_state(daemon->registry, record->id, RECORD_READY, err);
	}
	if (r == 0) {
		fault_point(FAULT_DAEMON_CREATE_AFTER_READY);
		record->state = RECORD_READY;
		return API_OK;
	}
	err_wrap(err, "create sandbox %s", record->spec.name);
	if (lifecycle_remove_marked(daemon, sandbox, &undo) != API_OK)
		log_warn("sandbox %s: take back its creation: %s", record->id, undo.message);
	return API_FAILED;
}

enum api_code lifecycle_create(struct daemon *daemon, struct spec *spec, struct record *ret_record,
	struct err *err)
{
	cleanup_record struct record record = { .spec = *spec };
	struct sandbox *sandbox;
	struct timespec now;
	enum api_code code;
	int r;

	*spec = (struct spec){ 0 };
	clock_gettime(CLOCK_REALTIME, &now);
	record.created_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	if (make_id(record.id, err) < 0)
		return API_FAILED;
	pthread_mutex_lock(&daemon->images);
	code = choose_images(daemon, &record, err);
	if (code != API_OK) {
		pthread_mutex_unlock(&daemon->images);
		return code;
	}
	sandbox = sandbox_get_busy(&daemon->sandboxes, record.id);
	fault_point(FAULT_DAEMON_CREATE_BEFORE_INSERT);
	r = registry_insert(daemon->registry, &record, ret_record, err);
	pthread_mutex_unlock(&daemon->images);
	if (r == 0) {
		fault_point(FAULT_DAEMON_CREATE_AFTER_INSERT);
		code = finish_create(daemon, sandbox, &record, err);
	} else {
		code = r == -EEXIST ? API_EXISTS : API_FAILED;
	}
	pthread_mutex_lock(&sandbox->lock);
	sandbox_end(sandbox);
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_release(&daemon->sandboxes, sandbox);
	if (code == API_OK) {
		*ret_record = record;
		record = (struct record){ 0 };
	}
	return code;
}
