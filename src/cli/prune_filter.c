/* SPDX-License-Identifier: Apache-2.0 */
/* The filter of `sbx prune`. */
#include "cli/prune_filter.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/text.h"

enum { SECOND_NS = 1000000000 };

/* A bare number this large is a date, not an age. */
static const uint64_t LEAST_DATE = 100000000, MOST_SECONDS = INT64_MAX / SECOND_NS;

/* An offset behind the time: "Z", "+02:00". */
static bool parse_offset(const char *text, long *ret_seconds)
{
	struct tm offset = { 0 };
	const char *end;

	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0 || !*text) {
		*ret_seconds = 0;
		return true;
	}
	if (*text != '+' && *text != '-')
		return false;
	end = strptime(text + 1, "%H:%M", &offset);
	*ret_seconds = (*text == '-' ? -1 : 1) * (offset.tm_hour * 3600L + offset.tm_min * 60L);
	return end && !*end;
}

/* RFC 3339, or its date alone. */
static bool parse_date(const char *text, int64_t *ret_seconds)
{
	struct tm when = { 0 };
	const char *end = strptime(text, "%Y-%m-%d", &when);
	long offset = 0;

	if (end && (*end == 'T' || *end == ' '))
		end = strptime(end + 1, "%H:%M:%S", &when);
	if (!end || !parse_offset(end, &offset))
		return false;
	*ret_seconds = (int64_t)timegm(&when) - offset;
	return true;
}

int prune_filter_parse(const char *filter, time_t now, int64_t *ret_ns, struct err *err)
{
	const char *text = text_has_prefix(filter, "until=") ? filter + 6 : "";
	uint64_t number;
	int64_t seconds;

	if (text_parse_u64(text, MOST_SECONDS, &number) == 0 && number >= LEAST_DATE) {
		seconds = (int64_t)number;
	} else if (text_parse_duration(text, &number) == 0 && number <= (uint64_t)now) {
		seconds = (int64_t)now - (int64_t)number;
	} else if (!parse_date(text, &seconds)) {
		err_set(err, EINVAL, "prune: '%s' is no filter", filter);
		err_hint(err, "for example until=168h or until=2026-01-31T12:00:00Z");
		return -EINVAL;
	}
	*ret_ns = seconds * SECOND_NS;
	return 0;
}
