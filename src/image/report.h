/* SPDX-License-Identifier: Apache-2.0 */
/* What sbx-image tells its caller: one JSON object a line on stdout (protocol/image-store.md). */
#ifndef IMAGE_REPORT_H
#define IMAGE_REPORT_H

#include <jansson.h>

#include "common/err.h"

/* Progress. `total` 0: unknown. Lines beyond ten a second of one step are dropped. */
void report_step(const char *step, const char *text, unsigned done, unsigned total);

/* The last line. Takes over the object. */
void report_result(json_t *result);
void report_error(const struct err *err);

/* Any object, as `ls` prints them. Takes it over. */
void report_object(json_t *object);

#endif
