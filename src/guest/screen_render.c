/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Draws the screen anew on another terminal.
 *
 * Order matters, because what is drawn goes through the modes of that terminal: lines first, with
 * everything at its default, the scrollback pushed up by what follows it; then the saved cursors,
 * while rows still count from the top of the screen; then margins and the cursor; last the modes
 * that change how text is taken, and the program's own pen.
 */
#include "guest/screen_internal.h"

#include <string.h>

#define NEUTRAL "\033[?6l\033[m\033(B\033)B\033*B\033+B\017"

static int draw_start(const struct screen *screen, struct buf *out)
{
	return buf_append_string(
		out, "\033[!p\033[?25l\033[?7h\033[4l\033[20l\033[r" NEUTRAL "\033[H\033[2J");
}

static bool is_tab(const struct screen *screen, unsigned column)
{
	return screen->tabs[column / 8] >> column % 8 & 1;
}

static int draw_tabs(const struct screen *screen, struct buf *out)
{
	bool usual = true;
	int r;

	for (unsigned i = 0; i < screen->columns; i++)
		usual = usual && is_tab(screen, i) == (i % 8 == 0 && i > 0);
	if (usual)
		return 0;
	r = buf_append_string(out, "\033[3g");
	for (unsigned i = 0; r == 0 && i < screen->columns; i++)
		if (is_tab(screen, i))
			r = buf_appendf(out, "\033[%uG\033H", i + 1);
	return r == 0 ? buf_append_string(out, "\r") : r;
}

static int draw_rows(const struct screen *screen, unsigned which, struct buf *out)
{
	const struct screen_row *rows = screen->grids[which].rows;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < screen->rows; i++) {
		unsigned used = 0;

		r = screen_draw_row(&rows[i], screen->columns, out, &used);
		if (r == 0 && i + 1 < screen->rows)
			r = screen_draw_line_end(rows[i].wrapped, screen->columns - used, out);
	}
	return r;
}

/* The pen and the character sets. */
static int draw_pen(const struct screen_cursor *cursor, struct buf *out)
{
	int r = screen_write_sgr(&cursor->pen, out);

	for (unsigned i = 0; r == 0 && i < 4; i++)
		if (cursor->graphics[i])
			r = buf_appendf(out, "\033%c0", "()*+"[i]);
	if (r == 0 && cursor->shift)
		r = buf_append_string(out, "\016");
	return r;
}

/* Brings the cursor to a saved state, while the margins are those of the whole screen. */
static int draw_saved(const struct screen_cursor *saved, struct buf *out)
{
	int r = buf_appendf(out, "%s\033[%u;%uH", saved->origin ? "\033[?6h" : "", saved->row + 1,
		saved->column + 1);

	return r == 0 ? draw_pen(saved, out) : r;
}

static int draw_keyboard(const struct screen_keyboard *keyboard, struct buf *out)
{
	int r = 0;

	if (keyboard->flags[0])
		r = buf_appendf(out, "\033[=%u;1u", keyboard->flags[0]);
	for (unsigned i = 1; r == 0 && i <= keyboard->depth; i++)
		r = buf_appendf(out, "\033[>%uu", keyboard->flags[i]);
	return r;
}

static int draw_main(const struct screen *screen, struct buf *out)
{
	int r = draw_rows(screen, 0, out);

	if (r == 0)
		r = draw_keyboard(&screen->grids[0].keyboard, out);
	return r == 0 ? draw_saved(&screen->grids[0].saved, out) : r;
}

/* Entering the alternate screen by 1049 saves the cursor, as leaving it will want it. */
static int draw_alternate(const struct screen *screen, struct buf *out)
{
	int r;

	if (screen->active == 0)
		return buf_append_string(out, "\0337" NEUTRAL);
	r = buf_append_string(out, "\033[?1049h" NEUTRAL "\033[H\033[2J");
	if (r == 0)
		r = draw_rows(screen, 1, out);
	if (r == 0)
		r = draw_keyboard(&screen->grids[1].keyboard, out);
	if (r == 0)
		r = draw_saved(&screen->grids[1].saved, out);
	return r == 0 ? buf_append_string(out, "\0337" NEUTRAL) : r;
}

/* That the next character wraps can only be told by writing the last column once more. */
static int draw_wrap_pending(const struct screen *screen, unsigned row, struct buf *out)
{
	const struct screen_row *line = &screen->grids[screen->active].rows[screen->cursor.row];
	unsigned column = screen->columns - 1;
	int r;

	if (line->cells[column].code == SCREEN_TAIL)
		column--;
	r = buf_appendf(out, "\033[%u;%uH", row + 1, column + 1);
	if (r == 0)
		r = screen_write_sgr(&line->cells[column].pen, out);
	return r == 0 ? screen_draw_cell(&line->cells[column], out) : r;
}

static int draw_cursor(const struct screen *screen, struct buf *out)
{
	const struct screen_cursor *cursor = &screen->cursor;
	unsigned row = cursor->origin ? cursor->row - screen->top : cursor->row;
	int r = 0;

	if (screen->top != 0 || screen->bottom != screen->rows - 1)
		r = buf_appendf(out, "\033[%u;%ur", screen->top + 1, screen->bottom + 1);
	if (r == 0 && cursor->origin)
		r = buf_append_string(out, "\033[?6h");
	if (r == 0 && screen->wrap_pending)
		r = draw_wrap_pending(screen, row, out);
	else if (r == 0)
		r = buf_appendf(out, "\033[%u;%uH", row + 1, cursor->column + 1);
	return r == 0 ? draw_pen(cursor, out) : r;
}

/* Those that differ from a terminal after draw_start(). */
static int draw_modes(const struct screen *screen, struct buf *out)
{
	unsigned differ = screen->modes ^ (SCREEN_MODE_DEFAULT & ~SCREEN_MODE_CURSOR_VISIBLE);
	int r = 0;

	for (size_t i = 0; r == 0 && i < screen_mode_count; i++) {
		const struct screen_mode_name *mode = &screen_mode_names[i];

		if (!(differ & mode->bit))
			continue;
		if (mode->bit == SCREEN_MODE_KEYPAD)
			r = buf_append_string(out, "\033="); /* better known than its number */
		else
			r = buf_appendf(out, "\033[%s%u%c", mode->private ? "?" : "", mode->number,
				screen->modes & mode->bit ? 'h' : 'l');
	}
	return r;
}

static int draw_settings(const struct screen *screen, struct buf *out)
{
	int r = 0;

	if (screen->mouse)
		r = buf_appendf(out, "\033[?%uh", screen->mouse);
	if (r == 0 && screen->mouse_encoding)
		r = buf_appendf(out, "\033[?%uh", screen->mouse_encoding);
	if (r == 0 && screen->cursor_shape)
		r = buf_appendf(out, "\033[%u q", screen->cursor_shape);
	if (r == 0 && screen->modify_keys)
		r = buf_appendf(out, "\033[>4;%um", screen->modify_keys);
	return r;
}

/*
 * The rest of a string that has begun without us must not be taken for text; an OSC of a number
 * that nobody uses swallows it.
 */
static int draw_unfinished(const struct screen *screen, struct buf *out)
{
	const struct screen_parser *parser = &screen->parser;
	int r;

	if (parser->state == SCREEN_GROUND)
		return 0;
	r = buf_append(out, parser->raw, parser->raw_length);
	if (r == 0 && parser->state == SCREEN_STRING && parser->string == ']')
		r = buf_append_string(out, "999;");
	return r;
}

static int draw(const struct screen *screen, bool scrollback, struct buf *out)
{
	int r = draw_start(screen, out);

	if (r == 0)
		r = draw_tabs(screen, out);
	if (r == 0 && scrollback)
		r = screen_scrollback_draw(screen, out);
	if (r == 0)
		r = draw_main(screen, out);
	if (r == 0)
		r = draw_alternate(screen, out);
	if (r == 0)
		r = draw_cursor(screen, out);
	if (r == 0)
		r = draw_modes(screen, out);
	if (r == 0)
		r = draw_settings(screen, out);
	return r == 0 ? draw_unfinished(screen, out) : r;
}

int screen_render(const struct screen *screen, struct buf *out)
{
	size_t before = buf_length(out);
	int r = draw(screen, true, out);

	if (r < 0) {
		out->end = out->start + before;
		r = draw(screen, false, out);
	}
	if (r < 0)
		out->end = out->start + before;
	return r;
}
