/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of small values. */
#include "common/text.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

/* Parses leading digits; *ret_end is the first byte after them. */
static int parse_digits(const char *s, uint64_t maximum, uint64_t *ret_value, const char **ret_end)
{
	uint64_t value = 0;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (value > (maximum - digit) / 10)
			return -ERANGE;
		value = value * 10 + digit;
	}
	*ret_value = value;
	*ret_end = s;
	return 0;
}

int text_parse_u64(const char *s, uint64_t maximum, uint64_t *ret_value)
{
	const char *end;
	uint64_t value;
	int r = parse_digits(s, maximum, &value, &end);

	if (r < 0)
		return r;
	if (*end || value > maximum)
		return *end ? -EINVAL : -ERANGE;
	*ret_value = value;
	return 0;
}

/* Multiplies a number by what its one-letter unit stands for. */
static int parse_unit(const char *s, const char *units, const uint64_t *factors, uint64_t *ret)
{
	const char *end, *unit;
	uint64_t value, factor = 1;
	int r = parse_digits(s, UINT64_MAX, &value, &end);

	if (r < 0)
		return r;
	if (*end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit)
			return -EINVAL;
		factor = factors[unit - units];
		end++;
		if (*units == 'b' && *end && strcasecmp(end, "b") != 0 && strcasecmp(end, "ib") != 0)
			return -EINVAL;
		if (*units != 'b' && *end)
			return -EINVAL;
	}
	if (value > UINT64_MAX / factor)
		return -ERANGE;
	*ret = value * factor;
	return 0;
}

int text_parse_size(const char *s, uint64_t *ret_bytes)
{
	static const uint64_t factors[] = { 1, 1ull << 10, 1ull << 20, 1ull << 30, 1ull << 40 };

	return parse_unit(s, "bkmgt", factors, ret_bytes);
}

int text_parse_duration(const char *s, uint64_t *ret_seconds)
{
	static const uint64_t factors[] = { 1, 60, 3600, 86400 };

	return parse_unit(s, "smhd", factors, ret_seconds);
}

char *text_format_size(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1000 && unit < 4) {
		value /= 1024;
		unit++;
	}
	if (unit == 0 || value >= 100)
		return xasprintf("%.0f %s", value, units[unit]);
	return xasprintf("%.*f %s", value >= 10 ? 1 : 2, value, units[unit]);
}

char *text_percent_encode(const char *s)
{
	static const char hex[] = "0123456789ABCDEF";
	char *out = xreallocarray(NULL, strlen(s) + 1, 3);
	char *o = out;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c < 0x80 && (isalnum(c) || strchr("-._~/=:,@+", c))) {
			*o++ = (char)c;
			continue;
		}
		*o++ = '%';
		*o++ = hex[c >> 4];
		*o++ = hex[c & 15];
	}
	*o = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int text_percent_decode(char *s)
{
	char *o = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*o++ = *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		*o++ = (char)(high << 4 | low);
		s += 2;
	}
	*o = '\0';
	return 0;
}
