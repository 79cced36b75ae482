/* SPDX-License-Identifier: Apache-2.0 */
/* How the API shows a sandbox (docs/api.md "sandbox" and "inspect"). */
#ifndef DAEMON_VIEW_H
#define DAEMON_VIEW_H

#include <jansson.h>

#include "daemon/daemon.h"

/* The sandbox of a record, whose keeper was looked for (sandbox_adopt). */
json_t *view_sandbox(struct daemon *daemon, const struct record *record, struct sandbox *sandbox);

/* What only inspect tells. */
json_t *view_inspect(struct daemon *daemon, const struct record *record, struct sandbox *sandbox);

/*
 * What a person should know at the start of a session: a list of lines. `accel` and `reason` are
 * NULL unless the sandbox was started just now.
 */
json_t *view_notes(struct daemon *daemon, const struct record *record, const char *accel,
	const char *reason);

#endif
