/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the lifecycle share: finding a sandbox, waiting for its end, killing it. */
#ifndef DAEMON_LIFECYCLE_INTERNAL_H
#define DAEMON_LIFECYCLE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/lifecycle.h"

enum {
	LIFECYCLE_BUSY_MS = 30000, /* longest that create or launch may take */
	LIFECYCLE_KILL_MS = 400,   /* for a keeper to kill its VM before it is killed itself */
};

/*
 * Finds a sandbox by name; its keeper, if any, is watched. With API_OK the caller finishes the
 * record and releases the sandbox.
 */
enum api_code lifecycle_look_up(struct daemon *daemon, const char *name, struct record *ret_record,
	struct sandbox **ret_sandbox, struct err *err);

/* Sessions are served. Lock held. */
bool lifecycle_is_running(const struct sandbox *sandbox);

/* Ends the VM without asking the guest: by its keeper, else with its keeper. Lock held. */
int lifecycle_kill(struct sandbox *sandbox, struct err *err);

/*
 * Removes the directory and the record of a sandbox that the caller made busy and whose record
 * says "removing" or "creating". A keeper of it is killed first.
 */
enum api_code lifecycle_remove_marked(struct daemon *daemon, struct sandbox *sandbox,
	struct err *err);

#endif
