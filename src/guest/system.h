/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a mounted root a machine: names, loopback, device links, control groups. */
#ifndef GUEST_SYSTEM_H
#define GUEST_SYSTEM_H

#include <stdbool.h>

#include "common/err.h"
#include "guest/config.h"

/* Written last at the first boot: its presence in the upper layer says that the rest is there. */
#define SYSTEM_MARK "/etc/machine-id"

/*
 * At the first boot of a sandbox also writes its hostname, hosts, resolv.conf and machine-id; later
 * these files are the user's.
 */
int system_set_up(const struct guest_config *config, bool first, struct err *err);

/* What only the Docker Engine and large programs need. Failures are said on the console. */
void system_set_up_engine(void);

#endif
