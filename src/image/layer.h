/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the layer of an agent: its npm package below /opt/sbx/agents/NAME, a link to its command
 * in /usr/local/bin, its files in the home directory.
 */
#ifndef IMAGE_LAYER_H
#define IMAGE_LAYER_H

#include <jansson.h>

#include "common/err.h"
#include "image/agents.h"
#include "image/store.h"

/* Takes up to a minute and reports its progress. *ret_manifest is the caller's. */
int layer_build(const struct store *store, const struct agent *agent, json_t **ret_manifest,
	struct err *err);

#endif
