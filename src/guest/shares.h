/* SPDX-License-Identifier: Apache-2.0 */
/* The host directories of the sandbox: virtio-fs tags mounted at the paths they have there. */
#ifndef GUEST_SHARES_H
#define GUEST_SHARES_H

#include "common/err.h"
#include "guest/config.h"

/* Mounts all of them, making the directories that are missing, as owned by the agent. */
int shares_mount(const struct guest_config *config, struct err *err);

/* Unmounts them, the last one first; busy ones are detached. */
void shares_unmount(const struct guest_config *config);

#endif
