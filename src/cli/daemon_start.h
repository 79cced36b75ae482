/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to the daemon and starts it when there is none. */
#ifndef CLI_DAEMON_START_H
#define CLI_DAEMON_START_H

#include "common/err.h"

/* Connects to the running daemon. -ECONNREFUSED, with an error, if there is none. */
int daemon_connect(int *ret_fd, struct err *err);

/* As daemon_connect(), and starts a daemon if there is none. */
int daemon_connect_or_start(int *ret_fd, struct err *err);

/*
 * Of an environment (NULL-terminated), the variables that a daemon is started with. The list is the
 * caller's to free, the strings are not copied.
 */
char **daemon_environment(char *const *all);

#endif
