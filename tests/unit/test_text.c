/* SPDX-License-Identifier: Apache-2.0 */
/* common/text: sizes, durations, numbers, percent-encoding. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

static const struct {
	const char *in;
	int result;
	uint64_t value;
} sizes[] = {
	{ "0", 0, 0 },
	{ "512", 0, 512 },
	{ "1024k", 0, 1 << 20 },
	{ "512M", 0, 512ull << 20 },
	{ "8g", 0, 8ull << 30 },
	{ "8GiB", 0, 8ull << 30 },
	{ "8GB", 0, 8ull << 30 },
	{ "1t", 0, 1ull << 40 },
	{ "16777216t", -ERANGE, 0 },
	{ "18446744073709551615", 0, UINT64_MAX },
	{ "18446744073709551616", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "-1", -EINVAL, 0 },
	{ "1.5g", -EINVAL, 0 },
	{ "8x", -EINVAL, 0 },
	{ "8gg", -EINVAL, 0 },
	{ " 8", -EINVAL, 0 },
}, durations[] = {
	{ "90", 0, 90 },
	{ "90s", 0, 90 },
	{ "15m", 0, 900 },
	{ "2h", 0, 7200 },
	{ "7d", 0, 604800 },
	{ "7dd", -EINVAL, 0 },
	{ "d", -EINVAL, 0 },
};

static void test_sizes(void **state)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t value = 0;

		assert_int_equal(text_parse_size(sizes[i].in, &value), sizes[i].result);
		assert_int_equal(value, sizes[i].value);
	}
}

static void test_durations(void **state)
{
	for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
		uint64_t value = 0;

		assert_int_equal(text_parse_duration(durations[i].in, &value), durations[i].result);
		assert_int_equal(value, durations[i].value);
	}
}

static void test_numbers(void **state)
{
	uint64_t value = 7;

	assert_int_equal(text_parse_u64("65535", 65535, &value), 0);
	assert_int_equal(value, 65535);
	assert_int_equal(text_parse_u64("65536", 65535, &value), -ERANGE);
	assert_int_equal(text_parse_u64("9", 5, &value), -ERANGE);
	assert_int_equal(text_parse_u64("9a", 99, &value), -EINVAL);
	assert_int_equal(value, 65535);
}

static void test_format(void **state)
{
	static const struct {
		uint64_t in;
		const char *out;
	} table[] = { { 0, "0 B" },	    { 999, "999 B" },	     { 2048, "2.00 KiB" },
		      { 20 << 20, "20.0 MiB" }, { 500ull << 30, "500 GiB" }, { 1ull << 40, "1.00 TiB" } };

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		cleanup_free char *s = text_format_size(table[i].in);

		assert_string_equal(s, table[i].out);
	}
}

static void test_percent_round_trip(void **state)
{
	char all[256];

	for (int i = 1; i < 256; i++)
		all[i - 1] = (char)i;
	all[255] = '\0';
	cleanup_free char *encoded = text_percent_encode(all);

	assert_null(strchr(encoded, ' '));
	assert_null(strchr(encoded, '\n'));
	assert_int_equal(text_percent_decode(encoded), 0);
	assert_string_equal(encoded, all);
}

static void test_percent_bad(void **state)
{
	static const char *const bad[] = { "%", "%4", "%zz", "%00", "a%0" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_free char *s = xstrdup(bad[i]);

		assert_int_equal(text_percent_decode(s), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),	      cmocka_unit_test(test_durations),
		cmocka_unit_test(test_numbers),	      cmocka_unit_test(test_format),
		cmocka_unit_test(test_percent_round_trip), cmocka_unit_test(test_percent_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
