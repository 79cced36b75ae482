/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control functions: C0, escape sequences and CSI sequences, as xterm has them (ctlseqs). What is
 * not in the tables has no effect on what can be seen, or is a query, which the guest's copy does
 * not answer.
 */
#include "guest/screen_internal.h"

static void erase_in_line(struct screen *screen)
{
	const struct screen_cursor *cursor = &screen->cursor;
	unsigned what = screen_value(screen, 0);

	if (what > 2)
		return;
	screen->wrap_pending = false;
	screen_erase(screen, cursor->row, what == 0 ? cursor->column : 0,
		what == 1 ? cursor->column + 1 : screen->columns);
}

static void erase_in_display(struct screen *screen)
{
	unsigned what = screen_value(screen, 0);
	unsigned first = what == 0 ? screen->cursor.row + 1 : 0;
	unsigned end = what == 1 ? screen->cursor.row : screen->rows;

	if (what == 3)
		screen_scrollback_clear(screen);
	if (what > 2)
		return;
	for (unsigned row = first; row < end; row++)
		screen_erase(screen, row, 0, screen->columns);
	if (what < 2)
		erase_in_line(screen);
	screen->wrap_pending = false;
}

static void erase_cells(struct screen *screen)
{
	unsigned column = screen->cursor.column;

	screen->wrap_pending = false;
	screen_erase(screen, screen->cursor.row, column,
		column + screen_smaller(screen_count(screen, 0), screen->columns - column));
}

static void insert_cells(struct screen *screen)
{
	screen->wrap_pending = false;
	screen_insert_cells(screen, screen_count(screen, 0));
}

static void delete_cells(struct screen *screen)
{
	screen->wrap_pending = false;
	screen_delete_cells(screen, screen_count(screen, 0));
}

static bool in_margins(const struct screen *screen)
{
	return screen->cursor.row >= screen->top && screen->cursor.row <= screen->bottom;
}

static void insert_lines(struct screen *screen)
{
	if (!in_margins(screen))
		return;
	screen_scroll_down(screen, screen->cursor.row, screen->bottom, screen_count(screen, 0));
	screen_move_to(screen, screen->cursor.row, 0);
}

static void delete_lines(struct screen *screen)
{
	if (!in_margins(screen))
		return;
	screen_scroll_up(screen, screen->cursor.row, screen->bottom, screen_count(screen, 0));
	screen_move_to(screen, screen->cursor.row, 0);
}

static void scroll_up(struct screen *screen)
{
	unsigned count = screen_smaller(screen_count(screen, 0), screen->bottom - screen->top + 1);

	for (unsigned i = 0; screen->active == 0 && screen->top == 0 && i < count; i++)
		screen_scrollback_push(screen, screen_row(screen, i));
	screen_scroll_up(screen, screen->top, screen->bottom, count);
}

/* CSI T with several numbers is mouse highlighting. */
static void scroll_down(struct screen *screen)
{
	if (screen->parser.count == 1)
		screen_scroll_down(screen, screen->top, screen->bottom, screen_count(screen, 0));
}

static void repeat(struct screen *screen)
{
	unsigned count = screen_smaller(screen_count(screen, 0), screen->columns);
	uint32_t code = screen->last_code;

	for (unsigned i = 0; code && i < count; i++)
		screen_put(screen, code);
}

static void set_margins(struct screen *screen)
{
	unsigned top = screen_count(screen, 0) - 1;
	unsigned bottom = screen_value(screen, 1);

	bottom = bottom == 0 ? screen->rows - 1 : screen_smaller(bottom, screen->rows) - 1;
	if (top >= bottom && screen->rows > 1)
		return;
	screen->top = screen_smaller(top, bottom);
	screen->bottom = bottom;
	screen->cursor.column = 0;
	screen_move_to_row(screen, 0);
	screen_move_to(screen, screen->cursor.row, 0);
}

static void set_modes(struct screen *screen)
{
	for (unsigned i = 0; i < screen->parser.count; i++)
		screen_set_mode(
			screen, screen->parser.prefix == '?', screen_value(screen, i), true);
}

static void reset_modes(struct screen *screen)
{
	for (unsigned i = 0; i < screen->parser.count; i++)
		screen_set_mode(
			screen, screen->parser.prefix == '?', screen_value(screen, i), false);
}

static void set_rendition(struct screen *screen)
{
	screen_read_sgr(&screen->parser, &screen->cursor.pen);
}

static void set_cursor_shape(struct screen *screen)
{
	if (screen_value(screen, 0) <= 6)
		screen->cursor_shape = (uint8_t)screen_value(screen, 0);
}

/* XTMODKEYS, of which only modifyOtherKeys is kept; without a value the default. */
static void set_modify_keys(struct screen *screen)
{
	if (screen_value(screen, 0) == 4 && screen_value(screen, 1) <= 3)
		screen->modify_keys = (uint8_t)screen_value(screen, 1);
	else if (screen_value(screen, 0) == 0)
		screen->modify_keys = 0;
}

static void disable_modify_keys(struct screen *screen)
{
	if (screen_value(screen, 0) == 4)
		screen->modify_keys = 0;
}

static struct screen_keyboard *keyboard(struct screen *screen)
{
	return &screen->grids[screen->active].keyboard;
}

/* Kitty: a full stack loses its oldest entry. */
static void keyboard_push(struct screen *screen)
{
	struct screen_keyboard *stack = keyboard(screen);

	if (stack->depth + 1 == SCREEN_KEYBOARD_DEPTH) {
		for (unsigned i = 1; i < SCREEN_KEYBOARD_DEPTH; i++)
			stack->flags[i - 1] = stack->flags[i];
		stack->depth--;
	}
	stack->flags[++stack->depth] = screen_value(screen, 0) & 31;
}

static void keyboard_pop(struct screen *screen)
{
	struct screen_keyboard *stack = keyboard(screen);
	unsigned count = screen_count(screen, 0);

	if (count > stack->depth)
		*stack = (struct screen_keyboard){ 0 };
	else
		stack->depth = (uint8_t)(stack->depth - count);
}

static void keyboard_set(struct screen *screen)
{
	struct screen_keyboard *stack = keyboard(screen);
	uint8_t *flags = &stack->flags[stack->depth];
	uint8_t value = screen_value(screen, 0) & 31;

	switch (screen_count(screen, 1)) {
	case 1:
		*flags = value;
		break;
	case 2:
		*flags |= value;
		break;
	case 3:
		*flags &= (uint8_t)~value;
		break;
	}
}

/* 0 stands for none, in both columns. */
static const struct {
	unsigned char prefix, intermediate, final;
	void (*run)(struct screen *screen);
} functions[] = {
	{ 0, 0, '@', insert_cells },
	{ 0, 0, 'A', screen_cursor_up },
	{ 0, 0, 'B', screen_cursor_down },
	{ 0, 0, 'C', screen_cursor_forward },
	{ 0, 0, 'D', screen_cursor_back },
	{ 0, 0, 'E', screen_cursor_next_line },
	{ 0, 0, 'F', screen_cursor_previous_line },
	{ 0, 0, 'G', screen_cursor_column },
	{ 0, 0, 'H', screen_cursor_position },
	{ 0, 0, 'I', screen_cursor_tab },
	{ 0, 0, 'J', erase_in_display },
	{ '?', 0, 'J', erase_in_display },
	{ 0, 0, 'K', erase_in_line },
	{ '?', 0, 'K', erase_in_line },
	{ 0, 0, 'L', insert_lines },
	{ 0, 0, 'M', delete_lines },
	{ 0, 0, 'P', delete_cells },
	{ 0, 0, 'S', scroll_up },
	{ 0, 0, 'T', scroll_down },
	{ 0, 0, 'X', erase_cells },
	{ 0, 0, 'Z', screen_cursor_back_tab },
	{ 0, 0, '^', scroll_down },
	{ 0, 0, '`', screen_cursor_column },
	{ 0, 0, 'a', screen_cursor_forward },
	{ 0, 0, 'b', repeat },
	{ 0, 0, 'd', screen_cursor_row },
	{ 0, 0, 'e', screen_cursor_row_forward },
	{ 0, 0, 'f', screen_cursor_position },
	{ 0, 0, 'g', screen_clear_tabs },
	{ 0, 0, 'h', set_modes },
	{ '?', 0, 'h', set_modes },
	{ 0, 0, 'j', screen_cursor_back },
	{ 0, 0, 'k', screen_cursor_up },
	{ 0, 0, 'l', reset_modes },
	{ '?', 0, 'l', reset_modes },
	{ 0, 0, 'm', set_rendition },
	{ '>', 0, 'm', set_modify_keys },
	{ '>', 0, 'n', disable_modify_keys },
	{ 0, 0, 'r', set_margins },
	{ 0, 0, 's', screen_save_cursor },
	{ 0, 0, 'u', screen_restore_cursor },
	{ '>', 0, 'u', keyboard_push },
	{ '<', 0, 'u', keyboard_pop },
	{ '=', 0, 'u', keyboard_set },
	{ 0, ' ', 'q', set_cursor_shape },
	{ 0, '!', 'p', screen_soft_reset },
};

void screen_do_csi(struct screen *screen, uint8_t final)
{
	const struct screen_parser *parser = &screen->parser;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (functions[i].final == final && functions[i].prefix == parser->prefix &&
			functions[i].intermediate == parser->intermediate) {
			functions[i].run(screen);
			return;
		}
	}
}

static void reverse_index(struct screen *screen)
{
	screen->wrap_pending = false;
	if (screen->cursor.row == screen->top)
		screen_scroll_down(screen, screen->top, screen->bottom, 1);
	else if (screen->cursor.row > 0)
		screen->cursor.row--;
}

/* DECALN: the screen full of E, for adjusting a tube. */
static void alignment_pattern(struct screen *screen)
{
	struct screen_cell cell = screen_blank;

	cell.code = 'E';
	for (unsigned row = 0; row < screen->rows; row++) {
		screen_row(screen, row)->wrapped = false;
		for (unsigned column = 0; column < screen->columns; column++)
			screen_row(screen, row)->cells[column] = cell;
	}
	screen->top = 0;
	screen->bottom = screen->rows - 1;
	screen_move_to(screen, 0, 0);
}

static void set_keypad(struct screen *screen, bool application)
{
	screen_set_mode(screen, true, 66, application);
}

static void do_plain_escape(struct screen *screen, uint8_t final)
{
	switch (final) {
	case '7':
		screen_save_cursor(screen);
		break;
	case '8':
		screen_restore_cursor(screen);
		break;
	case '=':
	case '>':
		set_keypad(screen, final == '=');
		break;
	case 'E':
		screen->cursor.column = 0;
		screen_line_feed(screen);
		break;
	case 'D':
		screen_line_feed(screen);
		break;
	case 'H':
		screen_set_tab(screen);
		break;
	case 'M':
		reverse_index(screen);
		break;
	case 'c':
		screen_reset(screen);
		break;
	}
}

void screen_do_escape(struct screen *screen, uint8_t final)
{
	uint8_t intermediate = screen->parser.intermediate;

	if (intermediate == 0)
		do_plain_escape(screen, final);
	else if (intermediate == '#' && final == '8')
		alignment_pattern(screen);
	else if (intermediate >= '(' && intermediate <= '+')
		screen->cursor.graphics[intermediate - '('] = final == '0';
}

void screen_do_control(struct screen *screen, uint8_t byte)
{
	switch (byte) {
	case '\b':
		screen_move_to(screen, screen->cursor.row,
			screen->cursor.column - screen_smaller(1, screen->cursor.column));
		break;
	case '\t':
		screen_tab_forward(screen, 1);
		break;
	case '\n':
	case '\v':
	case '\f':
		if (screen->modes & SCREEN_MODE_NEWLINE)
			screen->cursor.column = 0;
		screen_line_feed(screen);
		break;
	case '\r':
		screen_move_to(screen, screen->cursor.row, 0);
		break;
	case 0x0e:
	case 0x0f:
		screen->cursor.shift = byte == 0x0e;
		break;
	}
}
