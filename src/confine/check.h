/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `sbx diagnose` asks about this machine and user beyond confine_check(). Each error carries
 * the line that mends it as its hint.
 */
#ifndef CONFINE_CHECK_H
#define CONFINE_CHECK_H

#include "common/err.h"
#include "confine/confine.h"

/*
 * Whether an image build can have the uids of a whole system: newuidmap and newgidmap, and a range
 * in /etc/subuid and /etc/subgid. Image builds only; running a sandbox needs none of it.
 */
int confine_check_subids(struct err *err);

#endif
