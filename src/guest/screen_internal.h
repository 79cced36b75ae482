/* SPDX-License-Identifier: Apache-2.0 */
/* The screen's state, shared by the screen_*.c files and their tests; nobody else. */
#ifndef GUEST_SCREEN_INTERNAL_H
#define GUEST_SCREEN_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/screen.h"

/* Colours: 0 is the default colour, otherwise one of these and a value. */
#define SCREEN_COLOUR_INDEX (1u << 24) /* palette index 0-255 */
#define SCREEN_COLOUR_RGB   (2u << 24) /* 0xrrggbb */

enum screen_attribute {
	SCREEN_BOLD = 1 << 0,
	SCREEN_DIM = 1 << 1,
	SCREEN_ITALIC = 1 << 2,
	SCREEN_BLINK = 1 << 3,
	SCREEN_INVERSE = 1 << 4,
	SCREEN_HIDDEN = 1 << 5,
	SCREEN_STRIKE = 1 << 6,
	SCREEN_OVERLINE = 1 << 7,
	SCREEN_UNDERLINE = 7 << 8, /* style: 1 single, 2 double, 3 curly, 4 dotted, 5 dashed */
};
#define SCREEN_UNDERLINE_STYLE(n) ((n) << 8)

struct screen_pen {
	uint32_t foreground, background, underline_colour;
	uint16_t attributes;
};

enum { SCREEN_MARKS = 2 };

/*
 * One column. Blank is a space with the pen of its erasure. Invariant: code is SCREEN_TAIL exactly
 * in the column after a code point that is two columns wide.
 */
enum { SCREEN_TAIL = 0 };
struct screen_cell {
	uint32_t code;
	uint32_t marks[SCREEN_MARKS]; /* combining code points, 0: none; further ones are dropped */
	struct screen_pen pen;
};

struct screen_row {
	struct screen_cell *cells; /* screen->columns of them */
	bool wrapped;		   /* the text goes on in the next row without a line end */
};

struct screen_cursor {
	unsigned row, column;
	struct screen_pen pen;
	bool graphics[4]; /* G0-G3: DEC line drawing instead of ASCII */
	uint8_t shift;	  /* the set in use: 0 or 1 */
	bool origin;	  /* rows count from the top margin, the cursor stays in the margins */
};

/* Kitty keyboard flags; the last one pushed is in force. */
enum { SCREEN_KEYBOARD_DEPTH = 8 };
struct screen_keyboard {
	uint8_t flags[SCREEN_KEYBOARD_DEPTH];
	uint8_t depth; /* index of the one in force */
};

/* The main or the alternate screen. rows is NULL while the alternate screen is not in use. */
struct screen_grid {
	struct screen_row *rows;
	struct screen_cursor saved;
	struct screen_keyboard keyboard;
};

/* Modes that are on or off and only have to be remembered: bits of screen->modes. */
enum screen_mode {
	SCREEN_MODE_INSERT = 1 << 0,
	SCREEN_MODE_NEWLINE = 1 << 1,
	SCREEN_MODE_AUTOWRAP = 1 << 2,
	SCREEN_MODE_CURSOR_VISIBLE = 1 << 3,
	SCREEN_MODE_CURSOR_KEYS = 1 << 4,
	SCREEN_MODE_KEYPAD = 1 << 5,
	SCREEN_MODE_REVERSE = 1 << 6,
	SCREEN_MODE_FOCUS = 1 << 7,
	SCREEN_MODE_ALTERNATE_SCROLL = 1 << 8,
	SCREEN_MODE_PASTE = 1 << 9,
	SCREEN_MODE_COLOUR_SCHEME = 1 << 10,
	SCREEN_MODE_SIZE_REPORTS = 1 << 11,
	SCREEN_MODE_DEFAULT = SCREEN_MODE_AUTOWRAP | SCREEN_MODE_CURSOR_VISIBLE,
};

struct screen_mode_name {
	bool private; /* set by CSI ? N h rather than CSI N h */
	uint16_t number;
	uint16_t bit;
};

extern const struct screen_mode_name screen_mode_names[];
extern const size_t screen_mode_count;

enum screen_state {
	SCREEN_GROUND,
	SCREEN_UTF8,	   /* inside a code point */
	SCREEN_ESCAPE,	   /* after ESC and intermediates */
	SCREEN_CSI,	   /* after ESC [ */
	SCREEN_CSI_IGNORE, /* a CSI sequence beyond our limits, up to its final byte */
	SCREEN_STRING,	   /* OSC, DCS, APC, PM, SOS up to ST */
};

enum { SCREEN_PARAMETERS = 32, SCREEN_RAW = 256 };

struct screen_parser {
	enum screen_state state;
	uint32_t code;	      /* UTF-8: bits so far */
	uint8_t left;	      /* UTF-8: bytes missing */
	uint8_t low, high;    /* UTF-8: range of the next byte */
	uint8_t prefix;	      /* CSI: one of <=>? or 0 */
	uint8_t intermediate; /* the last of 0x20-0x2f, or 0 */
	bool many_intermediates;
	uint8_t string;				/* what began the string: ] P X ^ _ k */
	uint8_t count;				/* parameters so far, the open one included */
	uint16_t parameters[SCREEN_PARAMETERS]; /* a missing one is 0 */
	uint32_t sub;				/* bit i: parameter i follows a colon */
	uint16_t raw_length;			/* the unfinished sequence as it came */
	uint8_t raw[SCREEN_RAW];
};

struct screen {
	unsigned rows, columns;
	struct screen_grid grids[2]; /* main, alternate */
	unsigned active;	     /* index into grids */
	struct screen_cursor cursor;
	bool wrap_pending;    /* the last column is written; the next character wraps first */
	unsigned top, bottom; /* margins: first and last row of the scrolling region */
	uint16_t modes;
	uint16_t mouse;		 /* 0 or the mode's number: 9, 1000, 1002, 1003 */
	uint16_t mouse_encoding; /* 0 or 1005, 1006, 1015, 1016 */
	uint8_t cursor_shape;	 /* DECSCUSR */
	uint8_t modify_keys;	 /* XTMODKEYS modifyOtherKeys */
	uint32_t last_code;	 /* what REP repeats, 0: nothing */
	uint8_t tabs[SCREEN_MAX_COLUMNS / 8];
	struct buf scrollback; /* records, screen_scrollback.c */
	unsigned scrollback_lines;
	struct screen_parser parser;
};

/* screen_width.c: columns of a code point: 0 combines, 1, 2, or -1 for what is not shown. */
int screen_width(uint32_t code);

/* screen_grid.c. Ranges are [first, end). */
extern const struct screen_cell screen_blank;
struct screen_row *screen_row(struct screen *screen, unsigned row);
struct screen_row *screen_rows_create(unsigned rows, unsigned columns);
void screen_rows_destroy(struct screen_row *rows, unsigned count);
void screen_put(struct screen *screen, uint32_t code);
void screen_line_feed(struct screen *screen);
void screen_scroll_up(struct screen *screen, unsigned top, unsigned bottom, unsigned count);
void screen_scroll_down(struct screen *screen, unsigned top, unsigned bottom, unsigned count);
void screen_erase(struct screen *screen, unsigned row, unsigned first, unsigned end);
void screen_insert_cells(struct screen *screen, unsigned count);
void screen_delete_cells(struct screen *screen, unsigned count);
bool screen_pen_equal(const struct screen_pen *a, const struct screen_pen *b);

/* screen.c */
void screen_default_tabs(struct screen *screen, unsigned first);
void screen_reset(struct screen *screen);
void screen_soft_reset(struct screen *screen);

/* screen_control.c: what the parser found. */
void screen_do_control(struct screen *screen, uint8_t byte);
void screen_do_escape(struct screen *screen, uint8_t final);
void screen_do_csi(struct screen *screen, uint8_t final);

/* Parameters of the sequence at hand. A count: missing and 0 mean 1. A selector: missing is 0. */
static inline unsigned screen_value(const struct screen *screen, unsigned i)
{
	return i < screen->parser.count ? screen->parser.parameters[i] : 0;
}

static inline unsigned screen_count(const struct screen *screen, unsigned i)
{
	unsigned value = screen_value(screen, i);

	return value ? value : 1;
}

static inline unsigned screen_smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* screen_cursor.c */
void screen_move_to(struct screen *screen, unsigned row, unsigned column);
void screen_move_to_row(struct screen *screen, unsigned row);
void screen_tab_forward(struct screen *screen, unsigned count);
void screen_cursor_up(struct screen *screen);
void screen_cursor_down(struct screen *screen);
void screen_cursor_forward(struct screen *screen);
void screen_cursor_back(struct screen *screen);
void screen_cursor_next_line(struct screen *screen);
void screen_cursor_previous_line(struct screen *screen);
void screen_cursor_column(struct screen *screen);
void screen_cursor_row(struct screen *screen);
void screen_cursor_row_forward(struct screen *screen);
void screen_cursor_position(struct screen *screen);
void screen_cursor_tab(struct screen *screen);
void screen_cursor_back_tab(struct screen *screen);
void screen_set_tab(struct screen *screen);
void screen_clear_tabs(struct screen *screen);

/* screen_mode.c */
void screen_set_mode(struct screen *screen, bool private, unsigned number, bool on);
void screen_leave_alternate(struct screen *screen);
void screen_save_cursor(struct screen *screen);
void screen_restore_cursor(struct screen *screen);

/* screen_sgr.c: select graphic rendition, read and written. */
void screen_read_sgr(const struct screen_parser *parser, struct screen_pen *pen);
int screen_write_sgr(const struct screen_pen *pen, struct buf *out);

/*
 * screen_scrollback.c. A line is stored as the bytes that draw it. screen_draw_row() appends them:
 * from the default pen to the default pen, without trailing blanks of the default pen; *ret_used is
 * the number of columns drawn. screen_draw_cell() leaves the pen to the caller.
 */
int screen_draw_cell(const struct screen_cell *cell, struct buf *out);
int screen_draw_row(
	const struct screen_row *row, unsigned columns, struct buf *out, unsigned *ret_used);
int screen_draw_line_end(bool wrapped, unsigned padding, struct buf *out);
void screen_scrollback_push(struct screen *screen, const struct screen_row *row);
int screen_scrollback_draw(const struct screen *screen, struct buf *out);
void screen_scrollback_clear(struct screen *screen);

#endif
