/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of `sbx prune`. */
#ifndef CLI_PRUNE_FILTER_H
#define CLI_PRUNE_FILTER_H

#include <stdint.h>
#include <time.h>

#include "common/err.h"

/*
 * "until=168h" (before that long ago), "until=2026-01-31T12:00:00Z", "until=2026-01-31" (UTC) or
 * "until=1700000000" (seconds since 1970). *ret_ns is CLOCK_REALTIME in nanoseconds.
 */
int prune_filter_parse(const char *filter, time_t now, int64_t *ret_ns, struct err *err);

#endif
