/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the detach keys in what a person types. */
#include "cli/detach_keys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum match { MATCH_NOT, MATCH_PART, MATCH_WHOLE };

static bool parse_key(const char *text, size_t length, unsigned char *ret_key)
{
	char c;

	if (length == 1) {
		*ret_key = (unsigned char)*text;
		return isprint(*ret_key);
	}
	if (length != 6 || strncmp(text, "ctrl-", 5) != 0)
		return false;
	c = (char)toupper((unsigned char)text[5]);
	if (c < '@' || c > '_')
		return false;
	*ret_key = (unsigned char)(c - '@');
	return true;
}

int detach_keys_parse(struct detach_keys *keys, const char *text, struct err *err)
{
	struct detach_keys parsed = { .count = 0 };
	const char *p = text ? text : "ctrl-p,ctrl-q";

	while (*p) {
		size_t length = strcspn(p, ",");

		/* "," itself can be a key. */
		if (length == 0)
			length = 1;
		if (parsed.count == DETACH_MOST_KEYS ||
			!parse_key(p, length, &parsed.keys[parsed.count])) {
			err_set(err, EINVAL, "--detach-keys: '%s' names no keys", text);
			err_hint(err, "write them as ctrl-p,ctrl-q, at most %d", DETACH_MOST_KEYS);
			return -EINVAL;
		}
		parsed.count++;
		p += length;
		p += *p == ',' && p[1];
	}
	*keys = parsed;
	return 0;
}

/* Compares with one way to encode a key. */
static enum match match_encoding(const unsigned char *bytes, size_t length, const char *encoding,
	size_t *ret_used)
{
	size_t n = strlen(encoding);

	if (memcmp(bytes, encoding, length < n ? length : n) != 0)
		return MATCH_NOT;
	if (length < n)
		return MATCH_PART;
	*ret_used = n;
	return MATCH_WHOLE;
}

static enum match match_key(unsigned char key, const unsigned char *bytes, size_t length,
	size_t *ret_used)
{
	static const char *const formats[] = { "\033[%d;5u", "\033[%d;5:1u", "\033[27;5;%d~" };
	enum match best = MATCH_NOT;

	if (length > 0 && bytes[0] == key) {
		*ret_used = 1;
		return MATCH_WHOLE;
	}
	for (size_t i = 0; key < 0x20 && i < sizeof(formats) / sizeof(*formats); i++) {
		char encoding[16];
		enum match match;

		snprintf(encoding, sizeof(encoding), formats[i], tolower(key + '@'));
		match = match_encoding(bytes, length, encoding, ret_used);
		if (match > best)
			best = match;
	}
	return best;
}

/* Matches all keys at the front. *ret_whole: every key that has begun is there to its end. */
static enum match match_keys(const struct detach_keys *keys, const unsigned char *bytes,
	size_t length, bool *ret_whole)
{
	size_t at = 0;

	*ret_whole = true;
	for (size_t i = 0; i < keys->count; i++) {
		size_t used = 0;
		enum match match;

		if (at == length)
			return MATCH_PART;
		match = match_key(keys->keys[i], bytes + at, length - at, &used);
		if (match != MATCH_WHOLE) {
			*ret_whole = false;
			return match;
		}
		at += used;
	}
	return MATCH_WHOLE;
}

static void release(struct detach_keys *keys, size_t count, struct buf *out)
{
	buf_append(out, keys->held, count);
	keys->held_length -= count;
	memmove(keys->held, keys->held + count, keys->held_length);
}

bool detach_keys_feed(struct detach_keys *keys, const unsigned char *bytes, size_t length,
	struct buf *out)
{
	bool whole = true;

	if (keys->count == 0) {
		buf_append(out, bytes, length);
		return false;
	}
	for (size_t i = 0; i < length; i++) {
		keys->held[keys->held_length++] = bytes[i];
		while (keys->held_length > 0) {
			enum match match =
				match_keys(keys, keys->held, keys->held_length, &whole);

			if (match == MATCH_WHOLE) {
				keys->held_length = 0;
				return true;
			}
			if (match == MATCH_PART)
				break;
			release(keys, 1, out);
		}
	}
	if (!whole)
		release(keys, keys->held_length, out);
	return false;
}
