/* SPDX-License-Identifier: Apache-2.0 */
/* Image builds through the daemon, with their progress. */
#ifndef CLI_IMAGES_H
#define CLI_IMAGES_H

#include <stdbool.h>

#include <jansson.h>

#include "common/err.h"

/* The list of images as the daemon gives it. The caller's reference. */
int images_list(json_t **ret_images, struct err *err);

/* Whether a current base (agent NULL) or layer of an agent is among them. */
bool images_has(const json_t *images, const char *agent);

/*
 * Builds the base (agent NULL) or an agent's layer and shows the progress. *ret_manifest may be
 * NULL.
 */
int images_build(const char *agent, json_t **ret_manifest, struct err *err);

/* Builds what is missing for a sandbox of that agent: base, layer or both. */
int images_build_missing(const char *agent, struct err *err);

#endif
