/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to sandboxes: how it hangs together, and stop. The rest is in create.c, start.c,
 * remove.c and adopt.c.
 *
 * Theory of operation. There are three places of truth, none of them in this process:
 *
 *	registry	which sandboxes exist: a row in state creating, ready or removing
 *	directory	what each is: its disk, start.json, exit.json
 *	keeper.lock	which of them run
 *
 * The order of writes makes every prefix of an operation a state that a restart understands:
 *
 *	create	row "creating" | mkdir | disk | row "ready"
 *		killed before "ready": a restart removes directory and row; nobody was told of it
 *	start	start.json | exit.json removed | keeper spawned | keeper takes the lock, boots
 *		killed before the spawn: the sandbox is stopped. After it: the keeper goes on by
 *		itself and is found by its lock.
 *	stop	asks the keeper; killed anywhere: the keeper goes on with or without it
 *	remove	row "removing" | keeper killed | lock taken | directory removed | row deleted
 *		killed after the first step: a restart does the rest.
 *	boot of the host	no lock is held, so every sandbox is stopped.
 *
 * Sharing. `busy` is had by one thread at a time, for the moments in which the directory is worked
 * on: create, launch, the end of remove. Waiting for a boot or a shutdown is done without it, on
 * sandbox.changed, so that any number of clients wait for one boot and a removal cuts in at once:
 * it sets `removing`, which starts respect, and kills the keeper, whose end wakes the starters.
 *
 * No step waits for a guest, and none for a keeper without a deadline after which it is killed by
 * its pidfd; its VM then dies with it.
 */
#include "daemon/lifecycle.h"

#include <errno.h>

#include "common/fault.h"
#include "daemon/lifecycle_internal.h"

enum {
	GONE_MS = 5000,	      /* for the kernel to take down a killed keeper's processes */
	STOP_GRACE_MS = 2000, /* for a keeper to end after the guest's time is over */
};

enum api_code lifecycle_look_up(struct daemon *daemon, const char *name, struct record *ret_record,
	struct sandbox **ret_sandbox, struct err *err)
{
	int r = registry_get(daemon->registry, name, ret_record, err);

	if (r < 0)
		return r == -ENOENT ? API_NOT_FOUND : API_FAILED;
	*ret_sandbox = sandbox_get(&daemon->sandboxes, ret_record->id);
	sandbox_adopt(&daemon->sandboxes, *ret_sandbox);
	return API_OK;
}

bool lifecycle_is_running(const struct sandbox *sandbox)
{
	return sandbox->alive && sandbox->heard && sandbox->status.state == KEEPER_RUNNING;
}

static bool wait_down(struct sandbox *sandbox, uint64_t milliseconds)
{
	uint64_t deadline = sandbox_deadline(milliseconds);

	while (sandbox->alive)
		if (!sandbox_wait(sandbox, deadline))
			return false;
	return true;
}

/* A keeper that was just started has no socket yet: waits for it, or for its end. */
static void wait_connected(struct sandbox *sandbox, uint64_t milliseconds)
{
	uint64_t deadline = sandbox_deadline(milliseconds);

	while (sandbox->alive && sandbox->socket < 0)
		if (!sandbox_wait(sandbox, deadline))
			return;
}

int lifecycle_kill(struct sandbox *sandbox, struct err *err)
{
	wait_connected(sandbox, LIFECYCLE_KILL_MS);
	if (sandbox_send(sandbox, "kill", NULL, 0) == 0 && wait_down(sandbox, LIFECYCLE_KILL_MS))
		return 0;
	sandbox_kill_keeper(sandbox);
	if (wait_down(sandbox, GONE_MS))
		return 0;
	return err_set(err, ETIMEDOUT, "its keeper could not be killed");
}

enum api_code lifecycle_stop(struct daemon *daemon, const char *name, uint64_t timeout_ms,
	struct err *err)
{
	cleanup_record struct record record = { 0 };
	uint64_t deadline = sandbox_deadline(LIFECYCLE_BUSY_MS);
	struct sandbox *sandbox;
	enum api_code code = lifecycle_look_up(daemon, name, &record, &sandbox, err);
	int r = 0;

	if (code != API_OK)
		return code;
	pthread_mutex_lock(&sandbox->lock);
	while (sandbox->busy && sandbox_wait(sandbox, deadline))
		;
	if (sandbox->alive) {
		wait_connected(sandbox, LIFECYCLE_KILL_MS);
		fault_point(FAULT_DAEMON_STOP_BEFORE_REQUEST);
		r = sandbox_send(sandbox, "stop", "timeout_ms", timeout_ms);
		fault_point(FAULT_DAEMON_STOP_AFTER_REQUEST);
		if (r < 0 || !wait_down(sandbox, timeout_ms + STOP_GRACE_MS))
			r = lifecycle_kill(sandbox, err);
	}
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_release(&daemon->sandboxes, sandbox);
	if (r < 0) {
		err_wrap(err, "stop sandbox %s", name);
		return API_FAILED;
	}
	return API_OK;
}
