/* SPDX-License-Identifier: Apache-2.0 */
/* Makes strings that a guest may have chosen safe for a person's terminal. */
#include "common/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"

/*
 * Decodes one UTF-8 sequence (RFC 3629: shortest form, no surrogates, at most U+10FFFF).
 * Returns its length in bytes, or 0 if it is malformed.
 */
static size_t decode(const unsigned char *s, size_t length, uint32_t *ret_code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t code;
	size_t need;

	if (s[0] < 0x80) {
		*ret_code = s[0];
		return 1;
	}
	need = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	if (s[0] < 0xc2 || s[0] > 0xf4 || length < need)
		return 0;
	code = s[0] & (0x7fu >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if (code < least[need] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return need;
}

static bool is_harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	if (code == 0x61c || code == 0x200e || code == 0x200f)
		return false;
	if (code == 0x2028 || code == 0x2029)
		return false;
	return !(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

/* What follows the backslash for the three characters that have a name. */
static char letter(unsigned char c)
{
	switch (c) {
	case '\n':
		return 'n';
	case '\t':
		return 't';
	default:
		return '\\';
	}
}

static char *escape(const char *bytes, size_t length, bool lines)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)bytes;
	char *out = xreallocarray(NULL, length + 1, 4);
	char *o = out;

	while (length > 0) {
		uint32_t code = 0;
		size_t n = decode(s, length, &code);
		bool plain = n > 0 && is_harmless(code) && (lines || code != '\\');

		if (lines && (*s == '\n' || *s == '\t'))
			plain = true;
		if (n == 0)
			n = 1;
		if (plain) {
			memcpy(o, s, n);
			o += n;
		} else if (n == 1 && (*s == '\n' || *s == '\t' || *s == '\\')) {
			*o++ = '\\';
			*o++ = letter(*s);
		} else {
			for (size_t i = 0; i < n; i++) {
				*o++ = '\\';
				*o++ = 'x';
				*o++ = hex[s[i] >> 4];
				*o++ = hex[s[i] & 15];
			}
		}
		s += n;
		length -= n;
	}
	*o = '\0';
	return out;
}

char *escape_line(const char *s)
{
	return escape(s, strlen(s), false);
}

char *escape_bytes(const char *bytes, size_t length)
{
	return escape(bytes, length, false);
}

char *escape_text(const char *bytes, size_t length)
{
	return escape(bytes, length, true);
}
