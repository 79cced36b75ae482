/* SPDX-License-Identifier: Apache-2.0 */
/* Removes a sandbox. */
#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/io.h"
#include "common/log.h"
#include "daemon/lifecycle_internal.h"

enum { STATUS_MS = 200 /* for a keeper to say how many sessions it has */ };

/* Nobody works in the directory and no keeper lives: removes it and the row. */
static enum api_code remove_files(struct daemon *daemon, struct sandbox *sandbox, struct err *err)
{
	cleanup_close int dirfd = sandbox_open(sandbox);
	int lock = -1, r = 0;

	/* Against a keeper that an earlier daemon spawned and that has not taken its lock yet. */
	if (dirfd >= 0)
		r = keeper_lock(dirfd, &lock);
	if (r < 0 && r != -EWOULDBLOCK && r != -ENOENT && r != -ENOSPC)
		log_warn("sandbox %s: lock: %s", sandbox->id, strerror(-r));
	if (r == -EWOULDBLOCK) {
		err_set(err, EBUSY, "it was started by somebody else just now");
		return API_FAILED;
	}
	fault_point(FAULT_DAEMON_REMOVE_BEFORE_TREE);
	r = io_remove_tree(daemon->sandboxes_fd, sandbox->id);
	if (lock >= 0)
		keeper_unlock(lock);
	if (r < 0) {
		err_errno(err, -r, "remove %s/%s", daemon->sandboxes_path, sandbox->id);
		return API_FAILED;
	}
	fault_point(FAULT_DAEMON_REMOVE_AFTER_TREE);
	fault_point(FAULT_DAEMON_REMOVE_BEFORE_DELETE);
	r = registry_delete(daemon->registry, sandbox->id, err);
	if (r < 0 && r != -ENOENT)
		return API_FAILED;
	fault_point(FAULT_DAEMON_REMOVE_AFTER_DELETE);
	pthread_mutex_lock(&sandbox->lock);
	sandbox->gone = true;
	pthread_cond_broadcast(&sandbox->changed);
	pthread_mutex_unlock(&sandbox->lock);
	return API_OK;
}

enum api_code lifecycle_remove_marked(struct daemon *daemon, struct sandbox *sandbox,
	struct err *err)
{
	int r = 0;

	fault_point(FAULT_DAEMON_REMOVE_BEFORE_KILL);
	pthread_mutex_lock(&sandbox->lock);
	if (sandbox->alive)
		r = lifecycle_kill(sandbox, err);
	pthread_mutex_unlock(&sandbox->lock);
	if (r < 0)
		return API_FAILED;
	fault_point(FAULT_DAEMON_REMOVE_AFTER_KILL);
	return remove_files(daemon, sandbox, err);
}

/* Lock held. Whether somebody uses the sandbox, as far as its keeper says in time. */
static bool in_use(struct sandbox *sandbox, const char *name, struct err *err)
{
	unsigned sessions;

	if (!sandbox->alive)
		return false;
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_refresh(&sandbox, 1, sandbox_deadline(STATUS_MS));
	pthread_mutex_lock(&sandbox->lock);
	sessions = sandbox->heard ? sandbox->status.streams + sandbox->status.detached : 0;
	if (!sandbox->alive || (lifecycle_is_running(sandbox) && sessions == 0))
		return false;
	if (sandbox->heard && sandbox->status.state == KEEPER_STOPPING)
		return false;
	if (sessions > 0)
		err_set(err, EBUSY, "sandbox %s has %u open session%s", name, sessions,
			sessions == 1 ? "" : "s");
	else
		err_set(err, EBUSY, "sandbox %s is starting for a session", name);
	err_hint(err, "sbx rm -f %s removes it all the same", name);
	return true;
}

/* Lock held. Marks the sandbox, durably, and makes it busy. */
static enum api_code begin_remove(struct daemon *daemon, struct sandbox *sandbox, struct err *err)
{
	int r;

	sandbox->removing = true;
	pthread_cond_broadcast(&sandbox->changed);
	if (!sandbox_begin(sandbox, sandbox_deadline(LIFECYCLE_BUSY_MS))) {
		sandbox->removing = false;
		err_set(err, EBUSY, "something else works on it for too long");
		return API_FAILED;
	}
	pthread_mutex_unlock(&sandbox->lock);
	fault_point(FAULT_DAEMON_REMOVE_BEFORE_MARK);
	r = registry_set_state(daemon->registry, sandbox->id, RECORD_REMOVING, err);
	pthread_mutex_lock(&sandbox->lock);
	/* A full disk must not forbid what frees it: then the removal goes unmarked, and a crash
	 * leaves a sandbox without its disk, to be removed again. */
	if (r < 0 && r != -ENOSPC && !sandbox->gone) {
		sandbox->removing = false;
		sandbox_end(sandbox);
		return API_FAILED;
	}
	fault_point(FAULT_DAEMON_REMOVE_AFTER_MARK);
	return API_OK;
}

/* Lock held on entry and return. */
static enum api_code remove_locked(struct daemon *daemon, struct sandbox *sandbox, struct err *err)
{
	enum api_code code;

	/* A removal that is under way: its end is ours. */
	while (sandbox->removing && !sandbox->gone)
		if (!sandbox_wait(sandbox, sandbox_deadline(LIFECYCLE_BUSY_MS)))
			break;
	if (sandbox->gone)
		return API_OK;
	code = begin_remove(daemon, sandbox, err);
	if (code != API_OK)
		return code;
	pthread_mutex_unlock(&sandbox->lock);
	code = lifecycle_remove_marked(daemon, sandbox, err);
	pthread_mutex_lock(&sandbox->lock);
	sandbox->removing = false;
	sandbox_end(sandbox);
	return code;
}

enum api_code lifecycle_remove(struct daemon *daemon, const char *name, bool force,
	struct err *err)
{
	cleanup_record struct record record = { 0 };
	struct sandbox *sandbox;
	enum api_code code = lifecycle_look_up(daemon, name, &record, &sandbox, err);

	if (code != API_OK)
		return code;
	pthread_mutex_lock(&sandbox->lock);
	if (!force && in_use(sandbox, name, err)) {
		code = API_BUSY;
	} else {
		code = remove_locked(daemon, sandbox, err);
		if (code != API_OK)
			err_wrap(err, "remove sandbox %s", name);
	}
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_release(&daemon->sandboxes, sandbox);
	if (code == API_OK)
		log_info("sandbox %s (%s) removed", name, record.id);
	return code;
}
