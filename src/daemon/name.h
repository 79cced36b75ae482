/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of sandboxes: 2 to 63 characters, a letter or digit first, then letters, digits, '-' and
 * '.'; "default" is reserved. A name is also the guest's host name, but never part of a path.
 */
#ifndef DAEMON_NAME_H
#define DAEMON_NAME_H

#include <stdbool.h>

#include "common/err.h"

enum { NAME_MAX_LENGTH = 63 };

bool name_valid(const char *name);

/* As name_valid(), saying what is wrong. Returns 0 or -EINVAL. */
int name_check(const char *name, struct err *err);

/*
 * The default name "AGENT-BASENAME" for a workspace, with every run of characters that a name
 * may not hold turned into one '-'. `number` > 1 appends "-NUMBER"; the base is shortened so that
 * it fits. The caller frees.
 */
char *name_make(const char *agent, const char *workspace, unsigned number);

#endif
