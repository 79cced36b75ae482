/* SPDX-License-Identifier: Apache-2.0 */
/* Starts a sandbox if need be, and runs one session in it. */
#ifndef CLI_SESSION_RUN_H
#define CLI_SESSION_RUN_H

#include <stdbool.h>

#include <jansson.h>

#include "cli/session_loop.h"
#include "common/err.h"

/*
 * Starts the sandbox (a running one answers at once), says the daemon's notes on stderr.
 * `options` is the API's body or NULL. *ret_vsock is the caller's to free.
 */
int sandbox_start(const char *name, const json_t *options, char **ret_vsock, struct err *err);

/* One session over a sandbox's vsock.sock. Returns 0 and the outcome, or -errno. */
int session_run(const char *vsock, const struct session_request *request,
	const struct session_io *io, struct session_outcome *ret, struct err *err);

/*
 * What the outcome means for a person and the exit status: says on stderr what is to be said.
 * `sandbox` is the sandbox's name, `is_agent` tells the agent's session, to which `sbx attach`
 * comes back.
 */
int session_report(const struct session_outcome *outcome, const char *sandbox, bool is_agent,
	struct err *err);

/* The exit status when sandbox_start() failed: there is no such sandbox, or it did not start. */
int sandbox_start_status(int r);

#endif
