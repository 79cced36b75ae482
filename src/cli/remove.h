/* SPDX-License-Identifier: Apache-2.0 */
/* What rm, prune and stop share. */
#ifndef CLI_REMOVE_H
#define CLI_REMOVE_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

/* All sandboxes as the daemon lists them. The caller's reference. */
int sandbox_list(json_t **ret_sandboxes, struct err *err);

/* Removes one. -EBUSY while sessions are open, unless forced. */
int sandbox_remove(const char *name, bool force, struct err *err);

/*
 * Asks on the terminal whether these may be removed; true without asking where there is no
 * terminal to ask on.
 */
bool sandbox_confirm_removal(const char *const *names, size_t count);

#endif
