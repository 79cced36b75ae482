/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cells of the screen: writing, erasing, inserting, deleting, scrolling.
 *
 * A wide character is two cells. Whoever changes the cells [a, b) of a row calls split() for both
 * ends first, so that no half of a wide character is left behind.
 */
#include "guest/screen_internal.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

const struct screen_cell screen_blank = { .code = ' ' };

bool screen_pen_equal(const struct screen_pen *a, const struct screen_pen *b)
{
	return a->foreground == b->foreground && a->background == b->background &&
	       a->underline_colour == b->underline_colour && a->attributes == b->attributes;
}

struct screen_row *screen_row(struct screen *screen, unsigned row)
{
	return &screen->grids[screen->active].rows[row];
}

static void fill(struct screen_cell *cells, unsigned count, struct screen_cell cell)
{
	for (unsigned i = 0; i < count; i++)
		cells[i] = cell;
}

struct screen_row *screen_rows_create(unsigned rows, unsigned columns)
{
	struct screen_row *created = xcalloc(rows, sizeof(*created));

	for (unsigned i = 0; i < rows; i++) {
		created[i].cells = xreallocarray(NULL, columns, sizeof(struct screen_cell));
		fill(created[i].cells, columns, screen_blank);
	}
	return created;
}

void screen_rows_destroy(struct screen_row *rows, unsigned count)
{
	if (!rows)
		return;
	for (unsigned i = 0; i < count; i++)
		free(rows[i].cells);
	free(rows);
}

/* What erasing leaves: a space that keeps the background colour of the pen. */
static struct screen_cell erased(const struct screen *screen)
{
	struct screen_cell cell = screen_blank;

	cell.pen.background = screen->cursor.pen.background;
	return cell;
}

/* If a wide character lies across the boundary before `column`, blanks both of its halves. */
static void split(struct screen_row *row, unsigned column, unsigned columns)
{
	if (column == 0 || column >= columns || row->cells[column].code != SCREEN_TAIL)
		return;
	for (unsigned i = column - 1; i <= column; i++) {
		row->cells[i].code = ' ';
		memset(row->cells[i].marks, 0, sizeof(row->cells[i].marks));
	}
}

void screen_erase(struct screen *screen, unsigned row, unsigned first, unsigned end)
{
	struct screen_row *line = screen_row(screen, row);

	split(line, first, screen->columns);
	split(line, end, screen->columns);
	fill(line->cells + first, end - first, erased(screen));
	if (end == screen->columns)
		line->wrapped = false;
}

/* Makes `count` blank cells at the cursor; what leaves the row on the right is lost. */
void screen_insert_cells(struct screen *screen, unsigned count)
{
	struct screen_row *row = screen_row(screen, screen->cursor.row);
	unsigned at = screen->cursor.column;
	unsigned room = screen->columns - at;

	if (count > room)
		count = room;
	split(row, at, screen->columns);
	split(row, screen->columns - count, screen->columns);
	memmove(row->cells + at + count, row->cells + at, (room - count) * sizeof(*row->cells));
	fill(row->cells + at, count, erased(screen));
}

void screen_delete_cells(struct screen *screen, unsigned count)
{
	struct screen_row *row = screen_row(screen, screen->cursor.row);
	unsigned at = screen->cursor.column;
	unsigned room = screen->columns - at;

	if (count > room)
		count = room;
	split(row, at, screen->columns);
	split(row, at + count, screen->columns);
	memmove(row->cells + at, row->cells + at + count, (room - count) * sizeof(*row->cells));
	fill(row->cells + screen->columns - count, count, erased(screen));
}

/* Moves `count` rows from the front of the region to its end (or back) and blanks them. */
static void rotate(struct screen *screen, unsigned top, unsigned bottom, unsigned count, bool up)
{
	struct screen_row *rows = screen_row(screen, top);
	unsigned height = bottom - top + 1;
	struct screen_row moved;

	for (unsigned i = 0; i < count; i++) {
		if (up) {
			moved = rows[0];
			memmove(rows, rows + 1, (height - 1) * sizeof(*rows));
			rows[height - 1] = moved;
			screen_erase(screen, bottom, 0, screen->columns);
		} else {
			moved = rows[height - 1];
			memmove(rows + 1, rows, (height - 1) * sizeof(*rows));
			rows[0] = moved;
			screen_erase(screen, top, 0, screen->columns);
		}
	}
}

void screen_scroll_up(struct screen *screen, unsigned top, unsigned bottom, unsigned count)
{
	if (count > bottom - top + 1)
		count = bottom - top + 1;
	rotate(screen, top, bottom, count, true);
}

void screen_scroll_down(struct screen *screen, unsigned top, unsigned bottom, unsigned count)
{
	if (count > bottom - top + 1)
		count = bottom - top + 1;
	rotate(screen, top, bottom, count, false);
}

/* The cursor goes down; at the bottom margin the region moves up, into the scrollback if it can. */
void screen_line_feed(struct screen *screen)
{
	screen->wrap_pending = false;
	if (screen->cursor.row == screen->bottom) {
		if (screen->top == 0 && screen->active == 0)
			screen_scrollback_push(screen, screen_row(screen, 0));
		screen_scroll_up(screen, screen->top, screen->bottom, 1);
	} else if (screen->cursor.row + 1 < screen->rows) {
		screen->cursor.row++;
	}
}

/* A combining code point joins the character left of the cursor. */
static void combine(struct screen *screen, uint32_t code)
{
	struct screen_row *row = screen_row(screen, screen->cursor.row);
	unsigned column = screen->cursor.column;

	if (!screen->wrap_pending) {
		if (column == 0)
			return;
		column--;
	}
	if (row->cells[column].code == SCREEN_TAIL)
		column--;
	for (unsigned i = 0; i < SCREEN_MARKS; i++) {
		if (row->cells[column].marks[i] == 0) {
			row->cells[column].marks[i] = code;
			return;
		}
	}
}

/* DEC special graphics, 0x60-0x7e (VT100 user guide, table 3-9). */
static uint32_t line_drawing(uint32_t code)
{
	/* clang-format off */
	static const uint16_t graphics[] = {
		0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1,
		0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba,
		0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c,
		0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
	};
	/* clang-format on */

	return code >= 0x60 && code <= 0x7e ? graphics[code - 0x60] : code;
}

static void wrap(struct screen *screen)
{
	screen_row(screen, screen->cursor.row)->wrapped = true;
	screen_line_feed(screen);
	screen->cursor.column = 0;
}

static void put_wide(struct screen *screen, uint32_t code, unsigned width)
{
	struct screen_cursor *cursor = &screen->cursor;
	bool autowrap = screen->modes & SCREEN_MODE_AUTOWRAP;
	struct screen_cell cell = { .code = code, .pen = cursor->pen };
	struct screen_row *row;

	if (width > screen->columns)
		return;
	if (screen->wrap_pending || (autowrap && cursor->column + width > screen->columns))
		wrap(screen);
	if (cursor->column + width > screen->columns)
		cursor->column = screen->columns - width;
	if (screen->modes & SCREEN_MODE_INSERT)
		screen_insert_cells(screen, width);
	row = screen_row(screen, cursor->row);
	split(row, cursor->column, screen->columns);
	split(row, cursor->column + width, screen->columns);
	row->cells[cursor->column] = cell;
	cell.code = SCREEN_TAIL;
	for (unsigned i = 1; i < width; i++)
		row->cells[cursor->column + i] = cell;
	cursor->column += width;
	if (cursor->column == screen->columns) {
		cursor->column--;
		screen->wrap_pending = autowrap;
	}
}

void screen_put(struct screen *screen, uint32_t code)
{
	int width;

	if (screen->cursor.graphics[screen->cursor.shift])
		code = line_drawing(code);
	width = screen_width(code);
	if (width < 0)
		return;
	if (width == 0) {
		combine(screen, code);
		return;
	}
	screen->last_code = code;
	put_wide(screen, code, (unsigned)width);
}
