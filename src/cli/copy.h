/* SPDX-License-Identifier: Apache-2.0 */
/* The two directions of `sbx cp`. */
#ifndef CLI_COPY_H
#define CLI_COPY_H

#include <stdbool.h>

#include "cli/copy_place.h"
#include "common/err.h"

/*
 * Copies; exactly one of the places is in a sandbox, which is started if it is stopped. Returns an
 * exit status; on failure the error is set.
 */
int copy(const struct copy_place *source, const struct copy_place *target, bool follow,
	struct err *err);

#endif
