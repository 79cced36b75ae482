/* SPDX-License-Identifier: Apache-2.0 */
/* The screen's life: made, reset, resized, destroyed. */
#include "guest/screen.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "guest/screen_internal.h"

static unsigned clamp(unsigned value, unsigned maximum)
{
	return value == 0 ? 1 : value > maximum ? maximum : value;
}

void screen_default_tabs(struct screen *screen, unsigned first)
{
	for (unsigned i = first; i < SCREEN_MAX_COLUMNS; i++) {
		uint8_t bit = (uint8_t)(1u << i % 8);

		if (i % 8 == 0 && i > 0)
			screen->tabs[i / 8] |= bit;
		else
			screen->tabs[i / 8] &= (uint8_t)~bit;
	}
}

static void set_defaults(struct screen *screen)
{
	screen->cursor = (struct screen_cursor){ 0 };
	screen->wrap_pending = false;
	screen->top = 0;
	screen->bottom = screen->rows - 1;
	screen->modes = SCREEN_MODE_DEFAULT;
	screen->mouse = 0;
	screen->mouse_encoding = 0;
	screen->cursor_shape = 0;
	screen->modify_keys = 0;
	screen->last_code = 0;
	screen_default_tabs(screen, 0);
}

struct screen *screen_create(unsigned rows, unsigned columns)
{
	struct screen *screen = xcalloc(1, sizeof(*screen));

	screen->rows = clamp(rows, SCREEN_MAX_ROWS);
	screen->columns = clamp(columns, SCREEN_MAX_COLUMNS);
	screen->grids[0].rows = screen_rows_create(screen->rows, screen->columns);
	buf_init(&screen->scrollback, SCREEN_SCROLLBACK);
	set_defaults(screen);
	return screen;
}

void screen_destroy(struct screen *screen)
{
	if (!screen)
		return;
	for (unsigned i = 0; i < 2; i++)
		screen_rows_destroy(screen->grids[i].rows, screen->rows);
	buf_finish(&screen->scrollback);
	free(screen);
}

/* RIS. The scrollback stays. */
void screen_reset(struct screen *screen)
{
	screen_leave_alternate(screen);
	screen->grids[0].saved = (struct screen_cursor){ 0 };
	screen->grids[0].keyboard = (struct screen_keyboard){ 0 };
	set_defaults(screen);
	for (unsigned row = 0; row < screen->rows; row++)
		screen_erase(screen, row, 0, screen->columns);
}

/* DECSTR: what keeps a program from writing sanely; the screen's content stays. */
void screen_soft_reset(struct screen *screen)
{
	uint16_t soft = SCREEN_MODE_INSERT | SCREEN_MODE_AUTOWRAP | SCREEN_MODE_CURSOR_VISIBLE |
			SCREEN_MODE_CURSOR_KEYS | SCREEN_MODE_KEYPAD;
	struct screen_cursor *cursor = &screen->cursor;

	screen->modes = (uint16_t)((screen->modes & ~soft) | (SCREEN_MODE_DEFAULT & soft));
	*cursor = (struct screen_cursor){ .row = cursor->row, .column = cursor->column };
	screen->grids[screen->active].saved = (struct screen_cursor){ 0 };
	screen->top = 0;
	screen->bottom = screen->rows - 1;
}

static void resize_columns(struct screen *screen, struct screen_row *row, unsigned columns)
{
	unsigned old = screen->columns;

	row->wrapped = false;
	if (columns < old && row->cells[columns].code == SCREEN_TAIL)
		row->cells[columns - 1] = screen_blank;
	row->cells = xreallocarray(row->cells, columns, sizeof(*row->cells));
	for (unsigned i = old; i < columns; i++)
		row->cells[i] = screen_blank;
}

/*
 * Gives a grid its new size. Where its cursor (the saved one while the other screen is shown) would
 * be below the last row, rows leave at the top, from the main screen into the scrollback. Returns
 * how many.
 */
static unsigned resize_grid(struct screen *screen, unsigned which, unsigned rows, unsigned columns)
{
	struct screen_grid *grid = &screen->grids[which];
	unsigned row = which == screen->active ? screen->cursor.row : grid->saved.row;
	unsigned excess = row < rows ? 0 : row - rows + 1;
	unsigned kept = screen->rows - excess < rows ? screen->rows - excess : rows;
	struct screen_row *resized = screen_rows_create(rows, columns);

	for (unsigned i = 0; which == 0 && i < excess; i++)
		screen_scrollback_push(screen, &grid->rows[i]);
	for (unsigned i = 0; i < kept; i++) {
		struct screen_row *from = &grid->rows[excess + i];

		if (columns != screen->columns)
			resize_columns(screen, from, columns);
		free(resized[i].cells);
		resized[i] = *from;
		from->cells = NULL;
	}
	screen_rows_destroy(grid->rows, screen->rows);
	grid->rows = resized;
	grid->saved.row = grid->saved.row > excess ? grid->saved.row - excess : 0;
	if (grid->saved.row >= rows)
		grid->saved.row = rows - 1;
	if (grid->saved.column >= columns)
		grid->saved.column = columns - 1;
	return excess;
}

void screen_resize(struct screen *screen, unsigned rows, unsigned columns)
{
	struct screen_cursor *cursor = &screen->cursor;
	unsigned excess = 0;

	rows = clamp(rows, SCREEN_MAX_ROWS);
	columns = clamp(columns, SCREEN_MAX_COLUMNS);
	if (rows == screen->rows && columns == screen->columns)
		return;
	for (unsigned i = 0; i < 2; i++) {
		unsigned gone = screen->grids[i].rows ? resize_grid(screen, i, rows, columns) : 0;

		if (i == screen->active)
			excess = gone;
	}
	if (columns > screen->columns)
		screen_default_tabs(screen, screen->columns);
	cursor->row -= excess;
	if (cursor->column >= columns)
		cursor->column = columns - 1;
	screen->rows = rows;
	screen->columns = columns;
	screen->top = 0;
	screen->bottom = rows - 1;
	screen->wrap_pending = false;
}
