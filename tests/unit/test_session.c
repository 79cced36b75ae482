/* SPDX-License-Identifier: Apache-2.0 */
/* session codec: frames and fields survive the way and every cut of them is noticed. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "session/session.h"

static void test_frame_at_every_cut(void **state)
{
	cleanup_buf struct buf out;
	struct session_header header;

	buf_init(&out, 1000);
	assert_int_equal(session_put_frame(&out, SESSION_STDOUT, 0, "hello", 5), 0);
	for (size_t n = 0; n < buf_length(&out); n++)
		assert_int_equal(session_parse_frame(buf_head(&out), n, &header), 0);
	assert_int_equal(session_parse_frame(buf_head(&out), buf_length(&out), &header), 1);
	assert_int_equal(header.type, SESSION_STDOUT);
	assert_int_equal(header.length, 5);
}

static void test_frame_that_can_never_be(void **state)
{
	unsigned char bytes[SESSION_HEADER] = { SESSION_STDOUT };
	struct session_header header = { .type = 77 };

	session_put_u32(bytes + 4, SESSION_MAX_PAYLOAD + 1);
	assert_int_equal(session_parse_frame(bytes, sizeof(bytes), &header), -EPROTO);
	session_put_u32(bytes + 4, 0);
	bytes[2] = 1;
	assert_int_equal(session_parse_frame(bytes, sizeof(bytes), &header), -EPROTO);
	assert_int_equal(header.type, 77);
}

static void test_request_in_several_frames(void **state)
{
	static unsigned char big[150000];
	cleanup_buf struct buf request, out, joined;
	struct session_header header;
	struct session_field field;
	size_t offset = 0, frames = 0;

	memset(big, 'x', sizeof(big));
	buf_init(&request, SESSION_MAX_REQUEST);
	buf_init(&out, SESSION_MAX_REQUEST * 2);
	buf_init(&joined, SESSION_MAX_REQUEST);
	assert_int_equal(session_put_field(&request, SESSION_TAG_ARG, "ls", 2), 0);
	assert_int_equal(session_put_field(&request, SESSION_TAG_ARG, big, sizeof(big)), 0);
	assert_int_equal(session_put_request(&out, SESSION_EXEC, &request), 0);
	while (buf_length(&out)) {
		assert_int_equal(session_parse_frame(buf_head(&out), buf_length(&out), &header), 1);
		buf_append(&joined, buf_head(&out) + SESSION_HEADER, header.length);
		buf_consume(&out, SESSION_HEADER + header.length);
		assert_int_equal(header.flags, buf_length(&out) ? SESSION_FLAG_MORE : 0);
		frames++;
	}
	assert_int_equal(frames, 3);
	assert_int_equal(session_next_field(buf_head(&joined), buf_length(&joined), &offset, &field), 1);
	assert_int_equal(field.tag, SESSION_TAG_ARG);
	assert_memory_equal(field.bytes, "ls", 2);
	assert_int_equal(session_next_field(buf_head(&joined), buf_length(&joined), &offset, &field), 1);
	assert_int_equal(field.length, sizeof(big));
	assert_int_equal(session_next_field(buf_head(&joined), buf_length(&joined), &offset, &field), 0);
}

static void test_field_cut_short(void **state)
{
	cleanup_buf struct buf request;
	struct session_field field;

	buf_init(&request, 1000);
	session_put_field(&request, SESSION_TAG_NAME, "agent", 5);
	for (size_t n = 1; n < buf_length(&request); n++) {
		size_t offset = 0;

		assert_int_equal(session_next_field(buf_head(&request), n, &offset, &field), -EPROTO);
		assert_int_equal(offset, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frame_at_every_cut),
		cmocka_unit_test(test_frame_that_can_never_be),
		cmocka_unit_test(test_request_in_several_frames),
		cmocka_unit_test(test_field_cut_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
