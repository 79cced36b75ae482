/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of small values: numbers, sizes, durations, percent-encoding. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole decimal number without sign, at most `maximum`. Returns 0 or -EINVAL / -ERANGE. */
int text_parse_u64(const char *s, uint64_t maximum, uint64_t *ret_value);

/* "512", "1024k", "512m", "8g", "1t" (also KiB, MB, … any case; powers of 1024) in bytes. */
int text_parse_size(const char *s, uint64_t *ret_bytes);

/* "90s", "15m", "2h", "7d", a bare number is seconds. */
int text_parse_duration(const char *s, uint64_t *ret_seconds);

/* "1.5 GiB", "20 MiB", "512 B": three significant digits. The caller frees. */
char *text_format_size(uint64_t bytes);

/* Percent-encodes every byte but letters, digits and "-._~/=:,@+". The caller frees. */
char *text_percent_encode(const char *s);

/* Decodes in place. Returns 0, or -EINVAL on a bad escape or an encoded NUL. */
int text_percent_decode(char *s);

static inline bool text_has_prefix(const char *s, const char *prefix)
{
	while (*prefix)
		if (*s++ != *prefix++)
			return false;
	return true;
}

#endif
