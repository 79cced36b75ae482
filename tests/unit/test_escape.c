/* SPDX-License-Identifier: Apache-2.0 */
/* common/escape: what a guest chose never reaches a terminal as a control sequence. */
#include "unit.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/escape.h"

static const struct {
	const char *in;
	const char *line;
	const char *text;
} cases[] = {
	{ "", "", "" },
	{ "plain text", "plain text", "plain text" },
	{ "a\nb\tc", "a\\nb\\tc", "a\nb\tc" },
	{ "back\\slash", "back\\\\slash", "back\\slash" },
	{ "\x1b[2J", "\\x1b[2J", "\\x1b[2J" },
	{ "bell\a cr\r del\x7f", "bell\\x07 cr\\x0d del\\x7f", "bell\\x07 cr\\x0d del\\x7f" },
	{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "c1 \xc2\x9b 2J", "c1 \\xc2\\x9b 2J", "c1 \\xc2\\x9b 2J" },
	{ "raw c1 \x9b", "raw c1 \\x9b", "raw c1 \\x9b" },
	{ "cut \xe2\x82", "cut \\xe2\\x82", "cut \\xe2\\x82" },
	{ "overlong \xc0\xaf", "overlong \\xc0\\xaf", "overlong \\xc0\\xaf" },
	{ "surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80", "surrogate \\xed\\xa0\\x80" },
	{ "rtl \xe2\x80\xae", "rtl \\xe2\\x80\\xae", "rtl \\xe2\\x80\\xae" },
	{ "isolate \xe2\x81\xa7", "isolate \\xe2\\x81\\xa7", "isolate \\xe2\\x81\\xa7" },
	{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
	{ "beyond \xf4\x90\x80\x80", "beyond \\xf4\\x90\\x80\\x80", "beyond \\xf4\\x90\\x80\\x80" },
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *line = escape_line(cases[i].in);
		cleanup_free char *text = escape_text(cases[i].in, strlen(cases[i].in));

		assert_string_equal(line, cases[i].line);
		assert_string_equal(text, cases[i].text);
	}
}

static void test_nul_and_every_byte(void **state)
{
	char all[256];

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	cleanup_free char *safe = escape_bytes(all, sizeof(all));

	assert_memory_equal(safe, "\\x00\\x01", 8);
	for (const char *p = safe; *p; p++)
		assert_true((unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_nul_and_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
