/* SPDX-License-Identifier: Apache-2.0 */
/* Modes that programs set and reset, the saved cursor and the two screens. */
#include "guest/screen_internal.h"

const struct screen_mode_name screen_mode_names[] = {
	{ false, 4, SCREEN_MODE_INSERT },
	{ false, 20, SCREEN_MODE_NEWLINE },
	{ true, 1, SCREEN_MODE_CURSOR_KEYS },
	{ true, 5, SCREEN_MODE_REVERSE },
	{ true, 7, SCREEN_MODE_AUTOWRAP },
	{ true, 25, SCREEN_MODE_CURSOR_VISIBLE },
	{ true, 66, SCREEN_MODE_KEYPAD },
	{ true, 1004, SCREEN_MODE_FOCUS },
	{ true, 1007, SCREEN_MODE_ALTERNATE_SCROLL },
	{ true, 2004, SCREEN_MODE_PASTE },
	{ true, 2031, SCREEN_MODE_COLOUR_SCHEME },
	{ true, 2048, SCREEN_MODE_SIZE_REPORTS },
};
const size_t screen_mode_count = sizeof(screen_mode_names) / sizeof(screen_mode_names[0]);

void screen_save_cursor(struct screen *screen)
{
	screen->grids[screen->active].saved = screen->cursor;
}

void screen_restore_cursor(struct screen *screen)
{
	struct screen_cursor *cursor = &screen->cursor;

	*cursor = screen->grids[screen->active].saved;
	screen->wrap_pending = false;
	if (cursor->origin && cursor->row < screen->top)
		cursor->row = screen->top;
	if (cursor->origin && cursor->row > screen->bottom)
		cursor->row = screen->bottom;
}

/* A fresh alternate screen each time, with its own saved cursor and keyboard flags. */
static void enter_alternate(struct screen *screen)
{
	struct screen_grid *grid = &screen->grids[1];

	if (screen->active == 1)
		return;
	*grid = (struct screen_grid){ .rows = screen_rows_create(screen->rows, screen->columns) };
	screen->active = 1;
	screen->wrap_pending = false;
}

void screen_leave_alternate(struct screen *screen)
{
	if (screen->active == 0)
		return;
	screen_rows_destroy(screen->grids[1].rows, screen->rows);
	screen->grids[1] = (struct screen_grid){ 0 };
	screen->active = 0;
	screen->wrap_pending = false;
}

/* 1049: with the cursor saved and restored, and always cleared. */
static void set_alternate_and_cursor(struct screen *screen, bool on)
{
	if (!on) {
		screen_leave_alternate(screen);
		screen_restore_cursor(screen);
		return;
	}
	screen_save_cursor(screen);
	enter_alternate(screen);
	for (unsigned row = 0; row < screen->rows; row++)
		screen_erase(screen, row, 0, screen->columns);
}

static void set_origin(struct screen *screen, bool on)
{
	screen->cursor.origin = on;
	screen->cursor.row = on ? screen->top : 0;
	screen->cursor.column = 0;
	screen->wrap_pending = false;
}

static void set_flag(struct screen *screen, bool private, unsigned number, bool on)
{
	for (size_t i = 0; i < screen_mode_count; i++) {
		const struct screen_mode_name *mode = &screen_mode_names[i];

		if (mode->private != private || mode->number != number)
			continue;
		if (on)
			screen->modes |= mode->bit;
		else
			screen->modes &= (uint16_t)~mode->bit;
	}
	if (!(screen->modes & SCREEN_MODE_AUTOWRAP))
		screen->wrap_pending = false;
}

/* One of several that exclude each other. */
static void set_choice(uint16_t *choice, unsigned number, bool on)
{
	*choice = on ? (uint16_t)number : 0;
}

void screen_set_mode(struct screen *screen, bool private, unsigned number, bool on)
{
	if (!private) {
		set_flag(screen, private, number, on);
		return;
	}
	switch (number) {
	case 6:
		set_origin(screen, on);
		break;
	case 9:
	case 1000:
	case 1002:
	case 1003:
		set_choice(&screen->mouse, number, on);
		break;
	case 1005:
	case 1006:
	case 1015:
	case 1016:
		set_choice(&screen->mouse_encoding, number, on);
		break;
	case 47:
	case 1047:
		if (on)
			enter_alternate(screen);
		else
			screen_leave_alternate(screen);
		break;
	case 1048:
		if (on)
			screen_save_cursor(screen);
		else
			screen_restore_cursor(screen);
		break;
	case 1049:
		set_alternate_and_cursor(screen, on);
		break;
	default:
		set_flag(screen, private, number, on);
	}
}
