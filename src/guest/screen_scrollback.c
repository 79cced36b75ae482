/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines that have left the screen, and how a line is drawn.
 *
 * The scrollback is a queue of records in one bounded buffer. A record is a struct record and the
 * bytes that draw the line, a small fraction of what its cells take. When a bound is reached an
 * eighth goes at once, so that the buffer is not moved for each line.
 */
#include "guest/screen_internal.h"

#include <errno.h>
#include <string.h>

struct record {
	uint32_t length;
	uint16_t columns; /* of the screen when the line left it */
	uint16_t used;	  /* columns drawn */
	uint8_t wrapped;
};

/* More than the longest line can take: 1,024 cells, each with its own rendition. */
enum { LINE_BYTES = SCREEN_MAX_COLUMNS * 128 };

static int draw_code(uint32_t code, struct buf *out)
{
	unsigned char bytes[4];
	size_t n;

	if (code < 0x80) {
		bytes[0] = (unsigned char)code;
		return buf_append(out, bytes, 1);
	}
	n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--) {
		bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	bytes[0] = (unsigned char)(0xf00u >> n | code);
	return buf_append(out, bytes, n);
}

int screen_draw_cell(const struct screen_cell *cell, struct buf *out)
{
	int r = draw_code(cell->code, out);

	for (unsigned i = 0; r == 0 && i < SCREEN_MARKS && cell->marks[i]; i++)
		r = draw_code(cell->marks[i], out);
	return r;
}

static bool is_blank(const struct screen_cell *cell)
{
	return cell->code == ' ' && cell->marks[0] == 0 &&
	       screen_pen_equal(&cell->pen, &screen_blank.pen);
}

int screen_draw_row(
	const struct screen_row *row, unsigned columns, struct buf *out, unsigned *ret_used)
{
	const struct screen_pen *pen = &screen_blank.pen;
	int r = 0;

	while (columns > 0 && is_blank(&row->cells[columns - 1]))
		columns--;
	for (unsigned i = 0; r == 0 && i < columns; i++) {
		const struct screen_cell *cell = &row->cells[i];

		if (cell->code == SCREEN_TAIL)
			continue;
		if (!screen_pen_equal(pen, &cell->pen)) {
			pen = &cell->pen;
			r = screen_write_sgr(pen, out);
		}
		if (r == 0)
			r = screen_draw_cell(cell, out);
	}
	if (r == 0 && !screen_pen_equal(pen, &screen_blank.pen))
		r = buf_append_string(out, "\033[m");
	if (r == 0)
		*ret_used = columns;
	return r;
}

/*
 * Goes on to the next row. A wrapped line is filled up to the last column and the wrap made by
 * writing on, so that the terminal too takes both rows for one line.
 */
int screen_draw_line_end(bool wrapped, unsigned padding, struct buf *out)
{
	if (!wrapped)
		return buf_append_string(out, "\r\n");
	return buf_appendf(out, "%*s \r", (int)padding, "");
}

static void drop_oldest(struct screen *screen)
{
	struct record record;

	memcpy(&record, buf_head(&screen->scrollback), sizeof(record));
	buf_consume(&screen->scrollback, sizeof(record) + record.length);
	screen->scrollback_lines--;
}

static void make_room(struct screen *screen, size_t length)
{
	if (screen->scrollback_lines < SCREEN_SCROLLBACK_LINES &&
		buf_room(&screen->scrollback) >= length)
		return;
	while (screen->scrollback_lines > SCREEN_SCROLLBACK_LINES / 8 * 7 ||
		buf_room(&screen->scrollback) < length + SCREEN_SCROLLBACK / 8)
		drop_oldest(screen);
}

void screen_scrollback_push(struct screen *screen, const struct screen_row *row)
{
	cleanup_buf struct buf line;
	struct record record = { .columns = (uint16_t)screen->columns, .wrapped = row->wrapped };
	unsigned used = 0;

	buf_init(&line, LINE_BYTES);
	if (screen_draw_row(row, screen->columns, &line, &used) < 0)
		return;
	record.length = (uint32_t)buf_length(&line);
	record.used = (uint16_t)used;
	make_room(screen, sizeof(record) + record.length);
	buf_append(&screen->scrollback, &record, sizeof(record));
	if (record.length > 0)
		buf_append(&screen->scrollback, buf_head(&line), record.length);
	screen->scrollback_lines++;
}

int screen_scrollback_draw(const struct screen *screen, struct buf *out)
{
	size_t left = buf_length(&screen->scrollback);
	const unsigned char *p;
	int r = 0;

	if (left == 0)
		return 0;
	p = buf_head(&screen->scrollback);
	while (r == 0 && left > 0) {
		struct record record;

		memcpy(&record, p, sizeof(record));
		r = buf_append(out, p + sizeof(record), record.length);
		if (r == 0)
			r = screen_draw_line_end(
				record.wrapped && record.columns == screen->columns,
				(unsigned)(record.columns - record.used), out);
		p += sizeof(record) + record.length;
		left -= sizeof(record) + record.length;
	}
	return r;
}

void screen_scrollback_clear(struct screen *screen)
{
	buf_finish(&screen->scrollback);
	screen->scrollback_lines = 0;
}
