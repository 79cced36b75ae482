/* SPDX-License-Identifier: Apache-2.0 */
/* Control functions that move the cursor, and the tabulators. */
#include "guest/screen_internal.h"

void screen_move_to(struct screen *screen, unsigned row, unsigned column)
{
	screen->cursor.row = screen_smaller(row, screen->rows - 1);
	screen->cursor.column = screen_smaller(column, screen->columns - 1);
	screen->wrap_pending = false;
}

/* To a row as a program counts it: from the top margin in origin mode. */
void screen_move_to_row(struct screen *screen, unsigned row)
{
	if (screen->cursor.origin)
		row = screen_smaller(screen->top + row, screen->bottom);
	screen_move_to(screen, row, screen->cursor.column);
}

void screen_cursor_up(struct screen *screen)
{
	unsigned row = screen->cursor.row;
	unsigned room = row >= screen->top ? row - screen->top : row;

	screen_move_to(
		screen, row - screen_smaller(screen_count(screen, 0), room), screen->cursor.column);
}

void screen_cursor_down(struct screen *screen)
{
	unsigned row = screen->cursor.row;
	unsigned end = row <= screen->bottom ? screen->bottom : screen->rows - 1;

	screen_move_to(screen, row + screen_smaller(screen_count(screen, 0), end - row),
		screen->cursor.column);
}

void screen_cursor_forward(struct screen *screen)
{
	screen_move_to(screen, screen->cursor.row, screen->cursor.column + screen_count(screen, 0));
}

void screen_cursor_back(struct screen *screen)
{
	unsigned column = screen->cursor.column;

	screen_move_to(screen, screen->cursor.row,
		column - screen_smaller(screen_count(screen, 0), column));
}

void screen_cursor_next_line(struct screen *screen)
{
	screen_cursor_down(screen);
	screen->cursor.column = 0;
}

void screen_cursor_previous_line(struct screen *screen)
{
	screen_cursor_up(screen);
	screen->cursor.column = 0;
}

void screen_cursor_column(struct screen *screen)
{
	screen_move_to(screen, screen->cursor.row, screen_count(screen, 0) - 1);
}

void screen_cursor_row(struct screen *screen)
{
	screen_move_to_row(screen, screen_count(screen, 0) - 1);
}

void screen_cursor_row_forward(struct screen *screen)
{
	unsigned base = screen->cursor.origin ? screen->top : 0;

	screen_move_to_row(screen, screen->cursor.row - base + screen_count(screen, 0));
}

void screen_cursor_position(struct screen *screen)
{
	screen_move_to_row(screen, screen_count(screen, 0) - 1);
	screen_move_to(screen, screen->cursor.row, screen_count(screen, 1) - 1);
}

static bool is_tab(const struct screen *screen, unsigned column)
{
	return screen->tabs[column / 8] >> column % 8 & 1;
}

void screen_tab_forward(struct screen *screen, unsigned count)
{
	unsigned column = screen->cursor.column;

	while (count > 0 && column + 1 < screen->columns)
		if (is_tab(screen, ++column))
			count--;
	screen->cursor.column = column;
}

void screen_cursor_tab(struct screen *screen)
{
	screen_tab_forward(screen, screen_count(screen, 0));
	screen->wrap_pending = false;
}

void screen_cursor_back_tab(struct screen *screen)
{
	unsigned count = screen_count(screen, 0);
	unsigned column = screen->cursor.column;

	while (count > 0 && column > 0)
		if (is_tab(screen, --column))
			count--;
	screen_move_to(screen, screen->cursor.row, column);
}

void screen_set_tab(struct screen *screen)
{
	screen->tabs[screen->cursor.column / 8] |= (uint8_t)(1u << screen->cursor.column % 8);
}

void screen_clear_tabs(struct screen *screen)
{
	unsigned column = screen->cursor.column;

	if (screen_value(screen, 0) == 0)
		screen->tabs[column / 8] &= (uint8_t) ~(1u << column % 8);
	else if (screen_value(screen, 0) == 3)
		for (unsigned i = 0; i < sizeof(screen->tabs); i++)
			screen->tabs[i] = 0;
}
