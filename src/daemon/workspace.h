/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directories of the host a sandbox may be given.
 *
 * A workspace is shared read-write with a hostile guest, at the same path as on the host. So it
 * must not be or contain what controls sandboxes (sbx's state, cache, configuration and image
 * stores: an agent must never reach its own policy), must not be the whole host, and must not
 * cover the guest's own system.
 */
#ifndef DAEMON_WORKSPACE_H
#define DAEMON_WORKSPACE_H

#include <stdbool.h>

#include "common/err.h"

/*
 * Resolves an absolute path and checks all of the above. Returns 0 and a path the caller frees,
 * or -errno with the reason in err.
 */
int workspace_resolve(const char *path, char **ret_path, struct err *err);

/*
 * Checks a stored workspace again, before each start: it still resolves to itself (was not
 * replaced by a symbolic link to somewhere else) and is still allowed.
 */
int workspace_recheck(const char *path, struct err *err);

/* Whether INNER is OUTER or lies below it; both absolute and resolved. */
bool workspace_path_within(const char *inner, const char *outer);

#endif
