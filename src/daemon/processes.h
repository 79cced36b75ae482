/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes a running sandbox consists of, as the host's kernel tells. */
#ifndef DAEMON_PROCESSES_H
#define DAEMON_PROCESSES_H

#include <jansson.h>
#include <sys/types.h>

/*
 * An object {"keeper":pid, "vmm":pid, "vsock":pid, "share0":pid, …} of the keeper and its living
 * children; empty for a keeper of 0.
 */
json_t *processes_of_keeper(pid_t keeper, pid_t vmm);

#endif
