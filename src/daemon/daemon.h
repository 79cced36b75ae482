/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the daemon share. Set up by main() before the first request, then constant
 * but for what has its own lock. Lock order: images, sandboxes.lock, sandbox.lock, the registry's.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <pthread.h>
#include <stdint.h>

#include "daemon/registry.h"
#include "daemon/sandbox.h"
#include "daemon/spec.h"
#include "image/agents.h"
#include "image/store.h"

struct daemon {
	char *state_path;
	char *sandboxes_path;
	int sandboxes_fd;
	struct registry *registry;
	struct sandbox_table sandboxes;
	struct spec_limits limits;
	struct store store;
	struct agents agents;
	/* Held while a sandbox's record starts to name images, and while one is removed, so that
	 * no image goes that a new record needs. */
	pthread_mutex_t images;
	uint64_t started_ns;
	int shutdown_fd; /* eventfd: written to end the daemon */
};

#endif
