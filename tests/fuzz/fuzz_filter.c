/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attach filter: nothing but what a terminal may be told comes out, however the input is cut, and
 * what came out passes a second time unchanged.
 *
 * The first byte says what is allowed besides (bit 0 titles, bit 1 the clipboard) and where to cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAXIMUM = 1 << 20, TITLE = 1, CLIPBOARD = 2 };

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* The index after the code point at `i`; C1 controls and malformed bytes are forbidden. */
static size_t check_text(const unsigned char *s, size_t i, size_t end)
{
	size_t need = s[i] >= 0xf0 ? 4 : s[i] >= 0xe0 ? 3 : 2;

	require(s[i] >= 0xc2 && s[i] <= 0xf4 && i + need <= end);
	for (size_t k = 1; k < need; k++)
		require((s[i + k] & 0xc0) == 0x80);
	require(s[i] != 0xc2 || s[i + 1] >= 0xa0);
	return i + need;
}

static size_t check_csi(const unsigned char *s, size_t i, size_t end, unsigned pass)
{
	size_t first = i;
	unsigned long number = strtoul((const char *)s + i, NULL, 10); /* ends at the final byte */

	while (i < end && s[i] >= 0x20 && s[i] < 0x40)
		i++;
	require(i < end && s[i] >= 0x40 && s[i] < 0x7f);
	/* Window operations, printing, checksums, requests for settings, locator, LEDs, DECSCL. */
	require(s[i] != 'i' && s[i] != 'y' && s[i] != 'w' && s[i] != 'z' && s[i] != 'x');
	require(s[i] != 't' || ((pass & TITLE) && (number == 22 || number == 23)));
	require(s[i] != 'q' || s[first] == '>' || s[i - 1] == ' ');
	require(s[i] != 'p' || s[i - 1] == '$' || s[i - 1] == '!');
	return i + 1;
}

static size_t check_osc(const unsigned char *s, size_t i, size_t end, unsigned pass)
{
	const unsigned char *content = s + i;
	bool is_title, is_clipboard, is_rest;

	while (i < end && s[i] >= 0x20 && s[i] != 0x7f)
		i++;
	/* Of the clipboard alone the end may be outstanding. */
	require(i < end || (pass & CLIPBOARD));
	is_title = content[0] >= '0' && content[0] <= '2' && content[1] == ';';
	is_clipboard = memcmp(content, "52;", 3) == 0;
	is_rest = memcmp(content, "8;", 2) == 0 || s[i - 1] == '?';
	require((is_title && (pass & TITLE)) || (is_clipboard && (pass & CLIPBOARD)) || is_rest);
	require(!is_clipboard || s[i - 1] != '?');
	if (i == end)
		return end;
	if (s[i] == '\a')
		return i + 1;
	require(i + 1 < end && s[i] == 033 && s[i + 1] == '\\');
	return i + 2;
}

/* A reader of its own, so that it does not share the filter's mistakes. */
static void check(const unsigned char *s, size_t end, unsigned pass)
{
	size_t i = 0;

	while (i < end) {
		if (s[i] >= 0x80) {
			i = check_text(s, i, end);
		} else if (s[i] == 033) {
			require(i + 1 < end);
			if (s[i + 1] == '[')
				i = check_csi(s, i + 2, end, pass);
			else if (s[i + 1] == ']')
				i = check_osc(s, i + 2, end, pass);
			else if (strchr("()*+#", s[i + 1]))
				i += 3;
			else {
				require(strchr("78DEHMc=>", s[i + 1]) != NULL);
				i += 2;
			}
		} else {
			require(s[i] >= 0x20 ? s[i] < 0x7f : s[i] >= 0x07 && s[i] <= 0x0f);
			i++;
		}
	}
}

static void run(const void *data, size_t size, size_t piece, unsigned pass, struct buf *out)
{
	const unsigned char *bytes = data;
	struct filter filter;

	buf_init(out, MAXIMUM);
	filter_init(&filter, pass & TITLE, pass & CLIPBOARD);
	for (size_t i = 0; i < size; i += piece)
		require(filter_feed(&filter, bytes + i, size - i < piece ? size - i : piece, out) ==
			0);
}

static void require_equal(const struct buf *a, const struct buf *b)
{
	require(buf_length(a) == buf_length(b));
	require(buf_length(a) == 0 || memcmp(buf_head(a), buf_head(b), buf_length(a)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf whole = { 0 }, pieces = { 0 }, again = { 0 };
	unsigned pass;

	if (size < 2 || size > 100000)
		return 0;
	pass = data[0] & 3;
	run(data + 1, size - 1, size, pass, &whole);
	run(data + 1, size - 1, 1 + data[0] / 4 % 7, pass, &pieces);
	require(buf_length(&whole) <= FILTER_GROWTH * size + FILTER_HELD);
	require_equal(&whole, &pieces);
	if (buf_length(&whole) == 0)
		return 0;
	check(buf_head(&whole), buf_length(&whole), pass);
	run(buf_head(&whole), buf_length(&whole), MAXIMUM, pass, &again);
	require_equal(&whole, &again);
	return 0;
}
