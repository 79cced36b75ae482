/* SPDX-License-Identifier: Apache-2.0 */
/* How many columns UTF-8 text takes on a terminal. */
#include "cli/width.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

/*
 * Walks over the text. The widths come from libc's table for C.UTF-8, which is built in, whatever
 * locale the user has; it is taken for the calling thread only while it is needed.
 */
static size_t walk(const char *text, size_t most, size_t *ret_bytes)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
	size_t columns = 0, left = strlen(text);
	const char *p = text;
	mbstate_t state = { 0 };

	while (left > 0) {
		wchar_t wide;
		size_t n = mbrtowc(&wide, p, left, &state);
		int width = 1;

		if (n == (size_t)-1 || n == (size_t)-2) {
			state = (mbstate_t){ 0 };
			n = 1;
		} else {
			width = wcwidth(wide);
		}
		if (width < 0)
			width = 1;
		if (columns + (size_t)width > most)
			break;
		columns += (size_t)width;
		p += n;
		left -= n;
	}
	*ret_bytes = (size_t)(p - text);
	if (utf8) {
		uselocale(old);
		freelocale(utf8);
	}
	return columns;
}

size_t width_of(const char *text)
{
	size_t bytes;

	return walk(text, (size_t)-1 / 2, &bytes);
}

size_t width_prefix(const char *text, size_t columns)
{
	size_t bytes;

	walk(text, columns, &bytes);
	return bytes;
}
