/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file server of one shared path (virtio-fs over vhost-user), whoever implements it.
 *
 * The server sees that path and nothing else of the host. Owners are squashed both ways: in the
 * guest everything belongs to uid 1000 (`agent`); what any guest user makes belongs to the caller.
 * A change of owner succeeds and does nothing; the set-user-id bit is refused.
 */
#ifndef KEEPER_SHARE_H
#define KEEPER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

struct share_spec {
	const char *tag;  /* how the guest finds it; here for messages */
	const char *path; /* absolute, an existing directory, no symbolic link on the way */
	bool readonly;
	/* Paths below `path` that are shared read-only: they are so by way of this share as well. */
	const char *const *readonly_below;
	size_t readonly_below_count;
	const char *id; /* of the sandbox */
	int log_fd;	/* what the server says, guest-chosen text included: a pipe that is read
			   with a bound. 0 or less: nowhere */
};

/*
 * Starts the server. *ret_vhost_fd is a connected stream socket for the VMM's vhost-user device;
 * the server ends when its other end closes, or with the calling thread. Pid and pidfd are as from
 * confine_spawn(). Nothing is left behind on failure.
 */
int share_start(const struct share_spec *spec, int *ret_vhost_fd, pid_t *ret_pid, int *ret_pidfd,
	struct err *err);

#endif
