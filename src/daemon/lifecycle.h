/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to sandboxes: create, start, stop, remove. Each is one function from top to bottom,
 * called by the thread of one request; lifecycle.c tells how they share a sandbox and what a
 * crash leaves.
 */
#ifndef DAEMON_LIFECYCLE_H
#define DAEMON_LIFECYCLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "daemon/code.h"
#include "daemon/daemon.h"
#include "daemon/launch.h"

/*
 * Makes a sandbox of this spec, whose contents it takes; it is not started. *ret_record is the new
 * one, or with API_EXISTS the one that has its name; the caller finishes it.
 */
enum api_code lifecycle_create(struct daemon *daemon, struct spec *spec, struct record *ret_record,
	struct err *err);

/* What a start answers besides "it runs". */
struct start_result {
	bool booted;	 /* by this call, not before it */
	char *accel;	 /* what it runs on */
	char *reason;	 /* why not on KVM */
	json_t *console; /* after a failed boot: the last lines, a list of strings */
};

/* Returns once sessions are served. A running sandbox is at once. */
enum api_code lifecycle_start(struct daemon *daemon, const char *name,
	const struct launch_options *options, struct start_result *result, struct err *err);
void start_result_finish(struct start_result *result);

/* Returns once the VM is down: after the guest's own shutdown, or `timeout_ms` by force. */
enum api_code lifecycle_stop(struct daemon *daemon, const char *name, uint64_t timeout_ms,
	struct err *err);

/* Removes a sandbox; without `force`, API_BUSY while it has sessions or boots. */
enum api_code lifecycle_remove(struct daemon *daemon, const char *name, bool force,
	struct err *err);

/* Finishes what the last daemon left half done and finds running sandboxes again. */
int lifecycle_adopt_all(struct daemon *daemon, struct err *err);

#endif
