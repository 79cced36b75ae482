/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Image builds: runs sbx-image and hands its lines to whoever listens.
 *
 * A build belongs to the daemon, not to the client that asked: it goes on when the client is gone,
 * and a second request for the same image listens to the build that runs. Builds of different
 * images run at once as far as the image store's lock lets them.
 */
#ifndef DAEMON_BUILD_H
#define DAEMON_BUILD_H

#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

struct build;

/* Starts or joins the build of an agent's layer; NULL: the base. The caller drops it. */
int build_join(const char *agent, struct build **ret_build, struct err *err);
void build_release(struct build *build);

/*
 * Copies what was said from `offset` on, waiting until there is something. Returns the count, 0
 * when the build has ended and all was read.
 */
size_t build_read(struct build *build, size_t offset, char *bytes, size_t size);

#endif
