/* SPDX-License-Identifier: Apache-2.0 */
/* common/buf: growth up to the maximum and never beyond. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "common/buf.h"

static void test_never_passes_its_maximum(void **state)
{
	cleanup_buf struct buf buf;

	buf_init(&buf, 1000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(buf_append(&buf, "0123456789", 10), 0);
	assert_int_equal(buf_append(&buf, "x", 1), -ENOBUFS);
	assert_int_equal(buf_length(&buf), 1000);
	assert_int_equal(buf_room(&buf), 0);
	assert_null(buf_reserve(&buf, 1));
	buf_consume(&buf, 10);
	assert_int_equal(buf_append(&buf, "abcdefghij", 10), 0);
	assert_memory_equal(buf_head(&buf) + 990, "abcdefghij", 10);
	assert_true(buf.capacity <= 1000);
}

static void test_keeps_order_over_many_turns(void **state)
{
	cleanup_buf struct buf buf;
	unsigned char in = 0, out = 0;

	buf_init(&buf, 64);
	for (int turn = 0; turn < 5000; turn++) {
		size_t n = (size_t)(turn % 13);

		for (size_t i = 0; i < n && buf_room(&buf); i++, in++)
			assert_int_equal(buf_append(&buf, &in, 1), 0);
		for (size_t i = 0; i < n / 2 && buf_length(&buf); i++, out++) {
			assert_int_equal(*buf_head(&buf), out);
			buf_consume(&buf, 1);
		}
	}
	for (; buf_length(&buf); out++, buf_consume(&buf, 1))
		assert_int_equal(*buf_head(&buf), out);
	assert_int_equal(in, out);
}

static void test_reads_no_more_than_fits(void **state)
{
	cleanup_buf struct buf buf;
	char bytes[100] = { 0 };
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], bytes, sizeof(bytes)), sizeof(bytes));
	buf_init(&buf, 60);
	assert_int_equal(buf_read(&buf, fds[0], 50), 50);
	assert_int_equal(buf_read(&buf, fds[0], 50), 10);
	assert_int_equal(buf_read(&buf, fds[0], 50), -ENOBUFS);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_passes_its_maximum),
		cmocka_unit_test(test_keeps_order_over_many_turns),
		cmocka_unit_test(test_reads_no_more_than_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
