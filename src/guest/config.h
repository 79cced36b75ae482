/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sandbox's configuration as the keeper wrote it: docs/protocol/guest-config.md. The keeper is
 * trusted; a line that cannot be understood is an error all the same, because a share that is
 * silently not there would be a different sandbox.
 */
#ifndef GUEST_CONFIG_H
#define GUEST_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { CONFIG_MAX_SHARES = 16, CONFIG_MAX_STRINGS = 256, CONFIG_MAX_SIZE = 1 << 20 };

struct config_share {
	char *tag;
	char *path; /* absolute */
	bool readonly;
};

/* A NULL-terminated list of owned strings. */
struct config_list {
	char *items[CONFIG_MAX_STRINGS + 1];
	size_t count;
};

struct guest_config {
	char *hostname; /* NULL if not given, as workdir */
	char *workdir;
	struct config_share shares[CONFIG_MAX_SHARES];
	size_t share_count;
	struct config_list env;
	struct config_list command;
	bool debug;
};

/* Parses the text, which it changes. On failure the config is empty. Returns 0 or -errno. */
int config_parse(struct guest_config *config, char *text, struct err *err);

/* Reads and parses the file. */
int config_read(struct guest_config *config, const char *path, struct err *err);

void config_finish(struct guest_config *config);

#endif
