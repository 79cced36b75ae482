/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts the keeper of a sandbox: everything that must be right is checked again, written to
 * start.json (docs/protocol/keeper.md), and the keeper is spawned on it.
 */
#ifndef DAEMON_LAUNCH_H
#define DAEMON_LAUNCH_H

#include <stdint.h>

#include "common/err.h"
#include "daemon/code.h"
#include "daemon/daemon.h"

/* What a start request may choose. */
struct launch_options {
	const char *accel; /* "auto", "kvm" or "tcg" */
	bool set_idle;	   /* idle_timeout_s was given; else the sandbox's own holds */
	uint64_t idle_timeout_s;
	uint64_t boot_timeout_s;
	bool pull; /* take the newest images first */
};

/*
 * Starts the keeper of a sandbox that the caller made busy and that has none. With API_OK the
 * keeper is watched (sandbox->alive); whether it comes up is for the caller to wait for.
 */
enum api_code launch(struct daemon *daemon, struct sandbox *sandbox, struct record *record,
	const struct launch_options *options, struct err *err);

/* start.json as an object; a function of its own for the tests. */
json_t *launch_config(const struct record *record, const struct agent *agent,
	const struct store_image *base, const struct store_image *layer, const char *directory,
	const struct launch_options *options);

#endif
