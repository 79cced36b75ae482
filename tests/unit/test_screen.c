/* SPDX-License-Identifier: Apache-2.0 */
/* screen: sequences make the cells they should; what is rendered makes the same screen again. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "guest/screen_internal.h"

static void append_row(const struct screen *screen, unsigned row, struct buf *text)
{
	unsigned used;

	screen_draw_row(&screen->grids[screen->active].rows[row], screen->columns, text, &used);
}

/* The screen's rows with "|" between them, renditions included, without blank rows at the end. */
static char *screen_text(const struct screen *screen)
{
	cleanup_buf struct buf text;
	size_t last = 0;

	buf_init(&text, 100000);
	for (unsigned row = 0; row < screen->rows; row++) {
		size_t before = buf_length(&text);

		append_row(screen, row, &text);
		if (buf_length(&text) > before)
			last = buf_length(&text);
		buf_append(&text, "|", 1);
	}
	return strndup((const char *)buf_head(&text), last);
}

static void feed(struct screen *screen, const char *bytes)
{
	screen_feed(screen, bytes, strlen(bytes));
}

static void assert_cursors_equal(const struct screen_cursor *a, const struct screen_cursor *b)
{
	assert_int_equal(a->row, b->row);
	assert_int_equal(a->column, b->column);
	assert_int_equal(a->origin, b->origin);
	assert_int_equal(a->shift, b->shift);
	assert_memory_equal(a->graphics, b->graphics, sizeof(a->graphics));
	assert_true(screen_pen_equal(&a->pen, &b->pen));
}

static void assert_grids_equal(const struct screen *a, const struct screen *b, unsigned which)
{
	const struct screen_grid *x = &a->grids[which], *y = &b->grids[which];

	assert_cursors_equal(&x->saved, &y->saved);
	assert_int_equal(x->keyboard.depth, y->keyboard.depth);
	assert_memory_equal(x->keyboard.flags, y->keyboard.flags, x->keyboard.depth + 1u);
	for (unsigned row = 0; row < a->rows; row++) {
		if (row + 1 < a->rows)
			assert_int_equal(x->rows[row].wrapped, y->rows[row].wrapped);
		for (unsigned column = 0; column < a->columns; column++) {
			const struct screen_cell *c = &x->rows[row].cells[column];
			const struct screen_cell *d = &y->rows[row].cells[column];

			assert_int_equal(c->code, d->code);
			assert_true(screen_pen_equal(&c->pen, &d->pen));
			assert_memory_equal(c->marks, d->marks, sizeof(c->marks));
		}
	}
}

static void assert_screens_equal(const struct screen *a, const struct screen *b)
{
	assert_int_equal(a->active, b->active);
	assert_cursors_equal(&a->cursor, &b->cursor);
	assert_int_equal(a->wrap_pending, b->wrap_pending);
	assert_int_equal(a->top, b->top);
	assert_int_equal(a->bottom, b->bottom);
	assert_int_equal(a->modes, b->modes);
	assert_int_equal(a->mouse, b->mouse);
	assert_int_equal(a->mouse_encoding, b->mouse_encoding);
	assert_int_equal(a->cursor_shape, b->cursor_shape);
	assert_int_equal(a->modify_keys, b->modify_keys);
	assert_memory_equal(a->tabs, b->tabs, a->columns / 8);
	for (unsigned which = 0; which <= a->active; which++)
		assert_grids_equal(a, b, which);
	assert_int_equal(a->scrollback_lines, b->scrollback_lines);
}

/* Renders into a second screen, which must be the same, also in what it renders itself: that
 * compares the scrollback. */
static void assert_rebuilds(const struct screen *screen)
{
	struct screen *second = screen_create(screen->rows, screen->columns);
	cleanup_buf struct buf first_render, second_render;

	buf_init(&first_render, SCREEN_RENDER_MAX);
	buf_init(&second_render, SCREEN_RENDER_MAX);
	assert_int_equal(screen_render(screen, &first_render), 0);
	screen_feed(second, buf_head(&first_render), buf_length(&first_render));
	assert_screens_equal(screen, second);
	assert_int_equal(screen_render(second, &second_render), 0);
	assert_int_equal(buf_length(&first_render), buf_length(&second_render));
	assert_memory_equal(
		buf_head(&first_render), buf_head(&second_render), buf_length(&first_render));
	screen_destroy(second);
}

/* On a screen of 5 rows and 10 columns. */
static const struct {
	const char *input;
	const char *text;
	unsigned row, column;
} cases[] = {
	/* text and wrapping */
	{ "hello", "hello", 0, 5 },
	{ "ab\r\ncd", "ab|cd", 1, 2 },
	{ "ab\ncd", "ab|  cd", 1, 4 },
	{ "\033[20hab\ncd", "ab|cd", 1, 2 },
	{ "0123456789", "0123456789", 0, 9 },
	{ "0123456789a", "0123456789|a", 1, 1 },
	{ "0123456789\ra", "a123456789", 0, 1 },
	{ "\033[?7l0123456789ab", "012345678b", 0, 9 },
	{ "a\bb", "b", 0, 1 },
	{ "a\tb", "a       b", 0, 9 },
	{ "\t\t\tb", "         b", 0, 9 },
	{ "1\r\n2\r\n3\r\n4\r\n5\r\n6", "2|3|4|5|6", 4, 1 },
	{ "a\177\001b", "ab", 0, 2 },
	/* UTF-8 */
	{ "\303\251", "\303\251", 0, 1 },
	{ "e\314\201x", "e\314\201x", 0, 2 },
	{ "\347\225\214x", "\347\225\214x", 0, 3 },
	{ "\360\237\230\200!", "\360\237\230\200!", 0, 3 },
	{ "012345678\347\225\214", "012345678|\347\225\214", 1, 2 },
	{ "01234567\347\225\214\314\201", "01234567\347\225\214\314\201", 0, 9 },
	{ "\347\225\214\bx", " x", 0, 2 },
	{ "\347\225\214\rx", "x", 0, 1 },
	{ "a\347\225b", "a\357\277\275b", 0, 3 },
	{ "\300\257", "\357\277\275\357\277\275", 0, 2 },
	{ "\355\240\200", "\357\277\275\357\277\275\357\277\275", 0, 3 },
	{ "a\302\233b", "ab", 0, 2 },
	{ "a\2332Jb", "a\357\277\2752Jb", 0, 5 },
	{ "a\342\200\256b", "ab", 0, 2 },
	/* the cursor */
	{ "\033[3;4Hx", "||   x", 2, 4 },
	{ "\033[99;99Hx", "||||         x", 4, 9 },
	{ "\033[3;4H\033[A\033[2D\033[B\033[Cx", "||  x", 2, 3 },
	{ "\033[5G\033[3dx", "||    x", 2, 5 },
	{ "\033[2Ex\033[Fy", "|y|x", 1, 1 },
	{ "abc\033[3;3H\0337\033[Hx\0338y", "xbc||  y", 2, 3 },
	{ "\033[3;3H\033[s\033[H\033[ux", "||  x", 2, 3 },
	{ "\033[4;1H\033[3g\033[3G\033H\r\tx", "|||  x", 3, 3 },
	{ "\033[2Ix\033[Zy", "        yx", 0, 9 },
	{ "ab\033[3b", "abbbb", 0, 5 },
	/* erasing */
	{ "abcdef\033[3G\033[K", "ab", 0, 2 },
	{ "abcdef\033[3G\033[1K", "   def", 0, 2 },
	{ "abcdef\033[3G\033[2Kx", "  x", 0, 3 },
	{ "abc\r\ndef\r\nghi\033[2;2H\033[J", "abc|d", 1, 1 },
	{ "abc\r\ndef\r\nghi\033[2;2H\033[1J", "|  f|ghi", 1, 1 },
	{ "abc\r\ndef\033[2Jx", "|   x", 1, 4 },
	{ "abcdef\033[2G\033[2X", "a  def", 0, 1 },
	{ "a\347\225\214b\033[3G\033[X", "a  b", 0, 2 },
	{ "\033[44ma\033[K", "\033[0;44ma         \033[m", 0, 1 },
	{ "\033#8\033[2;1H\033[J", "EEEEEEEEEE", 1, 0 },
	/* inserting and deleting */
	{ "abcdef\033[2G\033[2@", "a  bcdef", 0, 1 },
	{ "abcdef\033[2G\033[2P", "adef", 0, 1 },
	{ "0123456789\033[2G\033[99P", "0", 0, 1 },
	{ "abc\r\033[4hx\033[4ly", "xybc", 0, 2 },
	{ "01234567\347\225\214\r\033[@", " 01234567", 0, 0 },
	{ "1\r\n2\r\n3\r\n4\033[2;2H\033[L", "1||2|3|4", 1, 0 },
	{ "1\r\n2\r\n3\r\n4\033[2;2H\033[2M", "1|4", 1, 0 },
	/* regions */
	{ "1\r\n2\r\n3\r\n4\r\n5\033[2;4r\033[4;1H\n6", "1|3|4|6|5", 3, 1 },
	{ "1\r\n2\r\n3\r\n4\r\n5\033[2;4r\033[2;1H\033M0", "1|0|2|3|5", 1, 1 },
	{ "1\r\n2\r\n3\r\n4\r\n5\033[2;4r\033[S", "1|3|4||5", 0, 0 },
	{ "1\r\n2\r\n3\r\n4\r\n5\033[2;4r\033[2T", "1|||2|5", 0, 0 },
	{ "\033[2;4r\033[?6h\033[1;1Hx\033[9;1Hy", "|x||y", 3, 1 },
	{ "\033[4;2rx", "x", 0, 1 },
	{ "\033[2;3r\033[1;1H\033[9Bx", "||x", 2, 1 },
	{ "\033[2;3r\033[5;1H\033[9Ax", "|x", 1, 1 },
	/* renditions */
	{ "\033[1;31ma\033[mb", "\033[0;1;31ma\033[0mb", 0, 2 },
	{ "\033[38;5;200;48;2;1;2;3ma", "\033[0;38;5;200;48;2;1;2;3ma\033[m", 0, 1 },
	{ "\033[38:2::1:2:3;4:3;58:5:9ma", "\033[0;4:3;38;2;1;2;3;58:5:9ma\033[m", 0, 1 },
	{ "\033[38:2:1:2:3ma", "\033[0;38;2;1;2;3ma\033[m", 0, 1 },
	{ "\033[38;5mx\033[mx", "xx", 0, 2 },
	{ "\033[97;107ma", "\033[0;97;107ma\033[m", 0, 1 },
	{ "\033[1;2;3;4;5;7;8;9;53m\033[22;23;24;25;27;28;29;55ma", "a", 0, 1 },
	{ "\033[>4;2m\033[?25lx", "x", 0, 1 },
	/* character sets */
	{ "\033(0lqk\033(Bq", "\342\224\214\342\224\200\342\224\220q", 0, 4 },
	{ "\033)0q\016q\017q", "q\342\224\200q", 0, 3 },
	/* the alternate screen */
	{ "main\033[?1049halt", "    alt", 0, 7 },
	{ "main\033[?1049h\033[Halt\033[?1049l!", "main!", 0, 5 },
	{ "a\033[?47h\033[3;3Hb\033[?47lc", "a||   c", 2, 4 },
	{ "a\0337\033[?1047h\0337\033[3;3H\033[?1047l\0338b", "ab", 0, 2 },
	/* resets */
	{ "abc\033[2;4r\033[?6h\033[!px", "abc|x", 1, 1 },
	{ "abc\033[31m\033[?1049hdef\033cx", "x", 0, 1 },
	/* what is not for the screen */
	{ "a\033]0;title\007b\033]52;c;AAAA\033\\c", "abc", 0, 3 },
	{ "a\033Pq#0;2;0;0;0#0~~@@vv\033\\b\033_Gf=24;AAAA\033\\c", "abc", 0, 3 },
	{ "a\033]0;\303\234\030b", "ab", 0, 2 },
	{ "a\033[c\033[6n\033[14t\033[?u\033[>qb", "ab", 0, 2 },
	{ "a\033[1;2\030b\033[3\033[Cc", "ab c", 0, 4 },
	{ "a\033[1\r;1Hb", "b", 0, 1 },
	{ "a\033[?1$pb\033[1 2xc", "abc", 0, 3 },
};

static void test_sequences(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct screen *screen = screen_create(5, 10);
		cleanup_free char *text = NULL;

		feed(screen, cases[i].input);
		text = screen_text(screen);
		if (strcmp(text, cases[i].text) != 0 || screen->cursor.row != cases[i].row ||
			screen->cursor.column != cases[i].column)
			print_error("case %zu: cursor %u,%u\n", i, screen->cursor.row,
				screen->cursor.column);
		assert_string_equal(text, cases[i].text);
		assert_int_equal(screen->cursor.row, cases[i].row);
		assert_int_equal(screen->cursor.column, cases[i].column);
		assert_rebuilds(screen);
		screen_destroy(screen);
	}
}

/* States that show in no cell, each on top of a screen with some content. */
static void test_states_are_rebuilt(void **state)
{
	static const char *const states[] = {
		"\033[?1h\033=\033[?1004h\033[?2004h\033[?1002h\033[?1006h\033[5 q",
		"\033[?1000h\033[?1003l\033[?1015h\033[?5h\033[?25l",
		"\033[>1u\033[>5u\033[=8;2u\033[>4;1m",
		"\033[>1u\033[?1049h\033[>7u\033[3;3Hvim\033[2;4r\033[?6h\033[2;2H\0337\033[1;1H",
		"\033[<9u\033[=3u",
		"\033[2;3r\033[?6h\033[4mx\0337\033[r\033[35my",
		"\033(0\033)0\016\033[1;32m\0337\033(B\017\033[m",
		"\033[3g\033[5G\033H\033[?7l",
		"\033[4h\033[2;9H\347\225\214",
		"\033[42m\033[2;1H0123456789",
		"\033[2;1H0123456789a\033[2;1H\033[K",
		"\033[2;1H012345678\347\225\214x",
	};

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		struct screen *screen = screen_create(5, 10);

		feed(screen, "one\r\n\033[31mtwo\033[m\r\nthree three three\r\n\r\n6\r\n7\r\n8");
		feed(screen, states[i]);
		assert_rebuilds(screen);
		screen_destroy(screen);
	}
}

/* At every cut of a sequence, render and the rest make what the whole makes. */
static void test_cut_sequences(void **state)
{
	static const char input[] = "a\033[1;38:2::9:8:7mb\033[2;3H\347\225\214\033(0q"
				    "\033]0;x\033\\c\033P1$qm\033\\d\033[?1;2;1049hx\303\251";
	struct screen *whole = screen_create(5, 10);

	feed(whole, input);
	for (size_t cut = 0; cut < sizeof(input); cut++) {
		struct screen *first = screen_create(5, 10), *second = screen_create(5, 10);
		cleanup_buf struct buf out;

		buf_init(&out, SCREEN_RENDER_MAX);
		screen_feed(first, input, cut);
		assert_rebuilds(first);
		assert_int_equal(screen_render(first, &out), 0);
		screen_feed(second, buf_head(&out), buf_length(&out));
		feed(second, input + cut);
		assert_screens_equal(whole, second);
		screen_destroy(first);
		screen_destroy(second);
	}
	screen_destroy(whole);
}

static void test_scrollback_is_bounded(void **state)
{
	struct screen *screen = screen_create(24, 80);
	char line[64];

	for (unsigned i = 0; i < 30000; i++) {
		snprintf(
			line, sizeof(line), "\033[3%um line %u of some length\033[m\r\n", i % 8, i);
		feed(screen, line);
		assert_true(buf_length(&screen->scrollback) <= SCREEN_SCROLLBACK);
		assert_true(screen->scrollback_lines <= SCREEN_SCROLLBACK_LINES);
	}
	assert_true(screen->scrollback_lines > 5000);
	assert_rebuilds(screen);
	for (unsigned i = 0; i < 30000; i++)
		feed(screen, "\n");
	assert_true(screen->scrollback_lines <= SCREEN_SCROLLBACK_LINES);
	assert_rebuilds(screen);
	feed(screen, "\033[3J");
	assert_int_equal(screen->scrollback_lines, 0);
	assert_rebuilds(screen);
	screen_destroy(screen);
}

static void test_render_without_room(void **state)
{
	struct screen *screen = screen_create(5, 10);
	cleanup_buf struct buf out, tiny;

	for (unsigned i = 0; i < 1000; i++)
		feed(screen, "a line\r\n");
	buf_init(&out, 500);
	buf_append_string(&out, "before");
	assert_int_equal(screen_render(screen, &out), 0);
	assert_true(buf_length(&out) > 50);
	buf_init(&tiny, 20);
	buf_append_string(&tiny, "before");
	assert_int_equal(screen_render(screen, &tiny), -ENOBUFS);
	assert_int_equal(buf_length(&tiny), 6);
	screen_destroy(screen);
}

static void test_resize(void **state)
{
	struct screen *screen = screen_create(5, 10);
	cleanup_free char *text = NULL;

	feed(screen, "1\r\n2\r\n3\r\n4\r\n01234567\347\225\214\033[2;4r\033[5;5H");
	screen_resize(screen, 3, 9);
	text = screen_text(screen);
	assert_string_equal(text, "3|4|01234567");
	assert_int_equal(screen->cursor.row, 2);
	assert_int_equal(screen->scrollback_lines, 2);
	assert_int_equal(screen->bottom, 2);
	assert_rebuilds(screen);
	feed(screen, "\033[?1049h\033[3;9Hx");
	screen_resize(screen, 2, 20);
	assert_rebuilds(screen);
	screen_resize(screen, 0, 0);
	assert_rebuilds(screen);
	feed(screen, "\347\225\214abc\r\n\033[2;3r\033[9;9H\033[L\033[@\033[Sx");
	assert_rebuilds(screen);
	screen_resize(screen, 60000, 60000);
	assert_int_equal(screen->rows, SCREEN_MAX_ROWS);
	assert_int_equal(screen->columns, SCREEN_MAX_COLUMNS);
	screen_resize(screen, 24, 80);
	feed(screen, "\033[?1049l");
	assert_rebuilds(screen);
	screen_destroy(screen);
}

/* The main screen keeps its cursor's line when the window shrinks behind the alternate screen. */
static void test_resize_behind_alternate(void **state)
{
	struct screen *screen = screen_create(5, 10);
	cleanup_free char *text = NULL;

	feed(screen, "1\r\n2\r\n3\r\n4\r\nprompt\033[?1049h\033[H");
	screen_resize(screen, 2, 10);
	feed(screen, "\033[?1049l!");
	text = screen_text(screen);
	assert_string_equal(text, "4|prompt!");
	assert_rebuilds(screen);
	screen_destroy(screen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sequences),
		cmocka_unit_test(test_states_are_rebuilt),
		cmocka_unit_test(test_cut_sequences),
		cmocka_unit_test(test_scrollback_is_bounded),
		cmocka_unit_test(test_render_without_room),
		cmocka_unit_test(test_resize),
		cmocka_unit_test(test_resize_behind_alternate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
