/* SPDX-License-Identifier: Apache-2.0 */
/* attach filter: what passes, what does not, wherever the output is cut. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "cli/filter.h"
#include "guest/screen.h"

enum { TITLE = 1, CLIPBOARD = 2 };

/* `output` NULL: the same as the input. */
static const struct {
	const char *input;
	const char *output;
	unsigned pass;
} cases[] = {
	/* text */
	{ "hello\r\n\tworld\b\a\v\f\016\017", NULL, 0 },
	{ "gr\303\274n \347\225\214 \360\237\230\200 e\314\201", NULL, 0 },
	{ "a\005b\177c\001d\021e\030f\032g", "abcdefg", 0 },
	{ "a\302\233b\302\220c\302\237d", "abcd", 0 },
	{ "a\302\240b", NULL, 0 },
	{ "a\233b\220c\235d", "a\357\277\275b\357\277\275c\357\277\275d", 0 },
	{ "a\347\225b", "a\357\277\275b", 0 },
	{ "\300\233", "\357\277\275\357\277\275", 0 },
	{ "\340\202\233", "\357\277\275\357\277\275\357\277\275", 0 },
	{ "\303\033[1m", "\357\277\275\033[1m", 0 },
	/* what programs need */
	{ "\033[1;38;5;9m\033[38:2::1:2:3m\033[4:3m\033[m", NULL, 0 },
	{ "\033[H\033[2J\033[3;4H\033[K\033[5A\033[2@\033[P\033[L\033[M\033[X\033[3;9r", NULL, 0 },
	{ "\033[?1049h\033[?25l\033[?2004h\033[?1;1000;1006h\033[4l", NULL, 0 },
	{ "\0337\0338\033D\033E\033M\033H\033=\033>\033c\033(0\033(B\033#8", NULL, 0 },
	{ "\033[2 q\033[!p\033[s\033[u", NULL, 0 },
	{ "\033[>1u\033[<u\033[=5;1u\033[?u\033[>4;2m", NULL, 0 },
	{ "\033[c\033[0c\033[>c\033[>0q\033[5n\033[6n\033[?2026$p\033[?996n", NULL, 0 },
	{ "\033]11;?\033\\\033]10;?\a\033]4;255;?\a", NULL, 0 },
	{ "\033]8;;https://example.org/?a=b;c\033\\link\033]8;;\033\\", NULL, 0 },
	{ "\033]8;id=1:x=y;http://example.org\alink\033]8;;\a", NULL, 0 },
	/* in plainest form */
	{ "\033[3\n1m", "\n\033[31m", 0 },
	{ "\033[\033[1m", "\033[1m", 0 },
	{ "\033[1\030m\033[2\032m", "mm", 0 },
	{ "\033[1\303\274m", "\303\274m", 0 },
	{ "\033\033[1m", "\033[1m", 0 },
	/* modes are sorted out one by one */
	{ "\033[?25;3;1049h", "\033[?25;1049h", 0 },
	{ "\033[?3h\033[?40h\033[?2l\033[?42h\033[?1001h\033[?1042h\033[?80h", "", 0 },
	{ "\033[2h\033[2;4h", "\033[4h", 0 },
	/* titles, icons, window operations and reports */
	{ "a\033]0;title\ab\033]1;i\033\\c\033]2;t\ad", "abcd", 0 },
	{ "\033]0;title\a\033]2;\342\234\263 Claude\033\\\033[22;0t\033[23t", NULL, TITLE },
	{ "\033]2;a\302\233b\ac", "c", TITLE },
	{ "\033]2;a\nb\ac", "c", TITLE },
	{ "\033]2;a\2331m\ac", "c", TITLE },
	{ "\033]l;x\a\033]L;x\a\033kname\033\\a", "a", TITLE },
	{ "\033[21t\033[20t\033[8;50;50t\033[3;1;1t\033[1t\033[14t\033[t", "", TITLE },
	{ "\033[22t\033[23;0t", "", 0 },
	/* the clipboard */
	{ "a\033]52;c;aGk=\ab\033]52;c;?\033\\c", "abc", 0 },
	{ "\033]52;c;aGk=\033\\b", NULL, CLIPBOARD },
	{ "\033]52;c;aGk=\ab", "\033]52;c;aGk=\033\\b", CLIPBOARD },
	{ "\033]52;;aGk=\033\\\033]52;c0;aGk=\033\\", NULL, CLIPBOARD },
	{ "\033]52;c;?\033\\b", "b", CLIPBOARD },
	{ "\033]52;c;!\033\\b", "b", CLIPBOARD },
	{ "\033]52;c;aGk?x\ab", "\033]52;c;aGk\033\\b", CLIPBOARD },
	{ "\033]52;c;aG\030b", "\033]52;c;aG\033\\b", CLIPBOARD },
	{ "\033]52;c;aG\033[1m", "\033]52;c;aG\033\\\033[1m", CLIPBOARD },
	{ "\033]52;x;aGk=\ab", "b", CLIPBOARD },
	{ "\033]052;c;aGk=\ab", "b", CLIPBOARD },
	/* other strings */
	{ "\033]7;file://x/\a\033]9;hi\a\033]777;notify;a;b\a\033]133;A\a\033]1337;File=:AA\aa",
		"a", 0 },
	{ "\033]10;#fff\a\033]11;?;?\a\033]4;1;red\a\033]4;;?\a\033]104\a\033]50;?\aa", "a", 0 },
	{ "\033]8;;javascript:x\a\033]8;;file:///etc/passwd\a\033]8;;ssh://x\a\033]8;https://x\aa",
		"a", 0 },
	{ "\033]8;;http://x y\a\033]8;;http://x\303\274\a\033]8;;http://x\233\aa", "a", 0 },
	{ "\033P$qm\033\\\033P+q544e\033\\\033P1;1|17/1b\033\\\033Pq#0~~\033\\a", "a", 0 },
	{ "\033Ptmux;\033\033]52;c;AA\a\033\\a", "a", 0 },
	{ "\033_Gf=24;AA\033\\\033^x\033\\\033Xx\033\\a", "a", 0 },
	{ "\033Pa\ab\033\\c", "c", 0 },
	{ "\033]0;x\033[1ma", "\033[1ma", 0 },
	{ "\033]0;x\030a", "a", 0 },
	{ "\033]11;?\033[m", "\033[m", 0 },
	/* other sequences */
	{ "\033[5i\033[4i\033[?5i\033[i", "", 0 },
	{ "\033[62;1\"p\033 G\033%@\033%G\033n\033~\033Z\033N\033-A\033<\033(%5", "", 0 },
	{ "\033[1;1;1;1;1;1*y\033[1$w\033[1'z\033[0x\033[>1T\033[=c\033[1q\033[1;2;3;4;5T", "", 0 },
	{ "\033[1;2s\033[?6s\033[?6r\033[7n\033[?15n\033[>1m\033[m", "\033[m", 0 },
	{ "\033[4:1h\033[1:2A", "", 0 },
	{ "\033[99999A\033[65535A", "\033[65535A", 0 },
	{ "\033[1<A\033[1 2A\033[1  q\033[?1 q", "", 0 },
};

/* What was put out, as a string. */
static const char *text_of(struct buf *out)
{
	assert_int_equal(buf_append(out, "", 1), 0);
	return (const char *)buf_head(out);
}

static void run(const char *input, size_t length, size_t cut, unsigned pass, struct buf *out)
{
	struct filter filter;

	filter_init(&filter, pass & TITLE, pass & CLIPBOARD);
	assert_int_equal(filter_feed(&filter, input, cut, out), 0);
	assert_int_equal(filter_feed(&filter, input + cut, length - cut, out), 0);
	assert_int_equal(filter.state, FILTER_GROUND);
}

static void test_cases_at_every_cut(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *input = cases[i].input;
		const char *output = cases[i].output ? cases[i].output : input;

		for (size_t cut = 0; cut <= strlen(input); cut++) {
			cleanup_buf struct buf out;
			const char *text;

			buf_init(&out, 10000);
			run(input, strlen(input), cut, cases[i].pass, &out);
			text = text_of(&out);
			if (strcmp(text, output) != 0)
				print_error("case %zu cut at %zu\n", i, cut);
			assert_string_equal(text, output);
		}
	}
}

static void test_byte_by_byte(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *output = cases[i].output ? cases[i].output : cases[i].input;
		cleanup_buf struct buf out;
		struct filter filter;

		buf_init(&out, 10000);
		filter_init(&filter, cases[i].pass & TITLE, cases[i].pass & CLIPBOARD);
		for (const char *p = cases[i].input; *p; p++)
			assert_int_equal(filter_feed(&filter, p, 1, &out), 0);
		assert_string_equal(text_of(&out), output);
	}
}

static void test_endless_sequences(void **state)
{
	static const char *const starts[] = { "\033[", "\033]8;;http://", "\033]0;", "\033P",
		"\033_", "\033[1;", "\033#" };
	static char filler[100000];

	memset(filler, '0', sizeof(filler));
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		cleanup_buf struct buf out;
		struct filter filter;

		buf_init(&out, 1000000);
		filter_init(&filter, true, false);
		filter_feed(&filter, starts[i], strlen(starts[i]), &out);
		/* Not of one ESC # sequence, which its first byte ends. */
		if (strcmp(starts[i], "\033#") != 0)
			filter_feed(&filter, filler, sizeof(filler), &out);
		filter_feed(&filter, "m\033\\ok", 5, &out);
		assert_string_equal(text_of(&out), "ok");
	}
}

static void test_without_room(void **state)
{
	cleanup_buf struct buf out;
	struct filter filter;

	buf_init(&out, FILTER_HELD + 2 * FILTER_GROWTH);
	filter_init(&filter, false, false);
	assert_int_equal(filter_feed(&filter, "abc", 3, &out), -ENOBUFS);
	assert_int_equal(buf_length(&out), 0);
	assert_int_equal(filter_feed(&filter, "\377\377", 2, &out), 0);
}

/* What the guest's screen draws for a client that attaches passes as it is. */
static void test_screen_passes(void **state)
{
	struct screen *screen = screen_create(24, 80);
	cleanup_buf struct buf render, out;
	static const char output[] =
		"\033[1;4:3;58:5:1;38;2;1;2;3mtext \347\225\214\033[m\r\n\033)0"
		"\033[3g\033[5G\033H\0337\033[>1u\033[>4;2m\033[?1002;1006h"
		"\033[?1h\033=\033[?2004h\033[?1049h\033[2;9r\033[?6h\033[4h"
		"\033[3 q\033[?7l\033[?5h\033[?1004h\033[?25l\033[>7u\016x";

	buf_init(&render, SCREEN_RENDER_MAX);
	buf_init(&out, SCREEN_RENDER_MAX);
	screen_feed(screen, output, strlen(output));
	assert_int_equal(screen_render(screen, &render), 0);
	run((char *)buf_head(&render), buf_length(&render), 0, 0, &out);
	assert_int_equal(buf_length(&out), buf_length(&render));
	assert_memory_equal(buf_head(&out), buf_head(&render), buf_length(&out));
	screen_destroy(screen);
}

/* The reset at the end undoes what a program left and keeps what is on the main screen. */
static void test_reset_sequence(void **state)
{
	static const char *const before[] = {
		"$ sbx run\r\nhello",
		"$ sbx run\r\nhello\033[?1049h\033[2;5r\033[?6h\033[4h\033[3;3H\033[31mvim\033[>5u",
		"$ sbx "
		"run\r\nhello\0337\033[2;5r\0338\033[?1003h\033[?1006h\033[?2004h\033[?25l\033[?"
		"1h\033=",
	};

	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		struct screen *used = screen_create(24, 80), *fresh = screen_create(24, 80);
		cleanup_buf struct buf used_render, fresh_render;
		const char *text;

		buf_init(&used_render, SCREEN_RENDER_MAX);
		buf_init(&fresh_render, SCREEN_RENDER_MAX);
		screen_feed(fresh, before[0], strlen(before[0]));
		screen_feed(used, before[i], strlen(before[i]));
		screen_feed(used, filter_reset_sequence(), strlen(filter_reset_sequence()));
		screen_feed(fresh, filter_reset_sequence(), strlen(filter_reset_sequence()));
		screen_render(used, &used_render);
		screen_render(fresh, &fresh_render);
		text = text_of(&used_render);
		assert_string_equal(text, text_of(&fresh_render));
		assert_non_null(strstr(text, "hello"));
		screen_destroy(used);
		screen_destroy(fresh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases_at_every_cut),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_endless_sequences),
		cmocka_unit_test(test_without_room),
		cmocka_unit_test(test_screen_passes),
		cmocka_unit_test(test_reset_sequence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
