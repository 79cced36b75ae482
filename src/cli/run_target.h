/* SPDX-License-Identifier: Apache-2.0 */
/* Which sandbox the words of `sbx run` mean; it is created if they mean a new one. */
#ifndef CLI_RUN_TARGET_H
#define CLI_RUN_TARGET_H

#include <jansson.h>

#include "cli/command.h"
#include "cli/spec.h"

struct run_target {
	char *name;
	json_t *agent; /* its definition */
};

/*
 * Returns 0 and the target (run_target_finish() it), or an exit status with the error set.
 *
 *	--name NAME [AGENT] [PATH...]	that sandbox; AGENT and PATH must fit it, or it is created
 *	AGENT [PATH...]			the sandbox of that agent on that directory
 *	NAME				that sandbox
 *	(nothing)			the only sandbox on the current directory
 */
int run_target_find(const struct call *call, const struct spec_options *options,
	const struct environment *environment, struct run_target *ret, struct err *err);

void run_target_finish(struct run_target *target);

#endif
