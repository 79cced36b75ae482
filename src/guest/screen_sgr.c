/* SPDX-License-Identifier: Apache-2.0 */
/* Select graphic rendition (SGR): CSI ... m into a pen, and a pen into CSI ... m. */
#include "guest/screen_internal.h"

#include <stdio.h>

static bool is_sub(const struct screen_parser *parser, unsigned i)
{
	return i < parser->count && (parser->sub >> i & 1);
}

/*
 * 38, 48 and 58: "5;N" and "2;R;G;B", or with colons "5:N", "2:R:G:B" and "2:SPACE:R:G:B"
 * (ISO 8613-6). Returns the index of the last parameter that belongs to it.
 */
static unsigned read_colour(const struct screen_parser *parser, unsigned i, uint32_t *colour)
{
	const uint16_t *p = parser->parameters;
	unsigned last = i, first, need;

	if (is_sub(parser, i + 1)) {
		while (is_sub(parser, last + 1))
			last++;
	} else {
		unsigned kind = i + 1 < parser->count ? p[i + 1] : 0;

		last = i + (kind == 5 ? 2 : kind == 2 ? 4 : 1);
		if (last >= parser->count)
			return parser->count - 1u;
	}
	need = p[i + 1] == 2 ? 3 : 1;
	first = i + 2 + (last - i == 5 && p[i + 1] == 2);
	if (last + 1 < first + need)
		return last;
	if (p[i + 1] == 5 && p[first] < 256)
		*colour = SCREEN_COLOUR_INDEX | p[first];
	else if (p[i + 1] == 2 && p[first] < 256 && p[first + 1] < 256 && p[first + 2] < 256)
		*colour = SCREEN_COLOUR_RGB | (uint32_t)p[first] << 16 |
			  (uint32_t)p[first + 1] << 8 | p[first + 2];
	return last;
}

static void set_underline(struct screen_pen *pen, unsigned style)
{
	if (style <= 5)
		pen->attributes = (uint16_t)((pen->attributes & ~SCREEN_UNDERLINE) |
					     SCREEN_UNDERLINE_STYLE(style));
}

/* The attributes that a number sets or clears. */
static const struct {
	uint8_t number;
	bool on;
	uint16_t attributes;
} simple[] = {
	{ 1, true, SCREEN_BOLD },
	{ 2, true, SCREEN_DIM },
	{ 3, true, SCREEN_ITALIC },
	{ 5, true, SCREEN_BLINK },
	{ 6, true, SCREEN_BLINK },
	{ 7, true, SCREEN_INVERSE },
	{ 8, true, SCREEN_HIDDEN },
	{ 9, true, SCREEN_STRIKE },
	{ 22, false, SCREEN_BOLD | SCREEN_DIM },
	{ 23, false, SCREEN_ITALIC },
	{ 25, false, SCREEN_BLINK },
	{ 27, false, SCREEN_INVERSE },
	{ 28, false, SCREEN_HIDDEN },
	{ 29, false, SCREEN_STRIKE },
	{ 53, true, SCREEN_OVERLINE },
	{ 55, false, SCREEN_OVERLINE },
};

static void read_simple(unsigned number, struct screen_pen *pen)
{
	for (size_t i = 0; i < sizeof(simple) / sizeof(simple[0]); i++) {
		if (simple[i].number != number)
			continue;
		if (simple[i].on)
			pen->attributes |= simple[i].attributes;
		else
			pen->attributes &= (uint16_t)~simple[i].attributes;
	}
}

static void read_one(unsigned number, struct screen_pen *pen)
{
	if (number == 0)
		*pen = (struct screen_pen){ 0 };
	else if (number == 21)
		set_underline(pen, 2);
	else if (number == 24)
		set_underline(pen, 0);
	else if (number >= 30 && number <= 37)
		pen->foreground = SCREEN_COLOUR_INDEX | (number - 30);
	else if (number == 39)
		pen->foreground = 0;
	else if (number >= 40 && number <= 47)
		pen->background = SCREEN_COLOUR_INDEX | (number - 40);
	else if (number == 49)
		pen->background = 0;
	else if (number == 59)
		pen->underline_colour = 0;
	else if (number >= 90 && number <= 97)
		pen->foreground = SCREEN_COLOUR_INDEX | (number - 90 + 8);
	else if (number >= 100 && number <= 107)
		pen->background = SCREEN_COLOUR_INDEX | (number - 100 + 8);
	else
		read_simple(number, pen);
}

void screen_read_sgr(const struct screen_parser *parser, struct screen_pen *pen)
{
	for (unsigned i = 0; i < parser->count; i++) {
		unsigned number = parser->parameters[i];

		if (number == 38) {
			i = read_colour(parser, i, &pen->foreground);
		} else if (number == 48) {
			i = read_colour(parser, i, &pen->background);
		} else if (number == 58) {
			i = read_colour(parser, i, &pen->underline_colour);
		} else if (number == 4) {
			set_underline(pen, is_sub(parser, i + 1) ? parser->parameters[i + 1] : 1);
		} else {
			read_one(number, pen);
		}
		while (is_sub(parser, i + 1))
			i++;
	}
}

/* `base` is 30 or 40; the underline colour (58) has only the long form, with colons. */
static int write_colour(uint32_t colour, unsigned base, struct buf *out)
{
	unsigned value = colour & 0xffffff;

	if (colour == 0)
		return 0;
	if (base == 58 && (colour & SCREEN_COLOUR_INDEX))
		return buf_appendf(out, ";58:5:%u", value);
	if (base == 58)
		return buf_appendf(
			out, ";58:2::%u:%u:%u", value >> 16, value >> 8 & 255, value & 255);
	if (colour & SCREEN_COLOUR_RGB)
		return buf_appendf(out, ";%u;2;%u;%u;%u", base + 8, value >> 16, value >> 8 & 255,
			value & 255);
	if (value < 8)
		return buf_appendf(out, ";%u", base + value);
	if (value < 16)
		return buf_appendf(out, ";%u", base + 60 + value - 8);
	return buf_appendf(out, ";%u;5;%u", base + 8, value);
}

int screen_write_sgr(const struct screen_pen *pen, struct buf *out)
{
	unsigned style = (pen->attributes & SCREEN_UNDERLINE) / SCREEN_UNDERLINE_STYLE(1);
	int r = buf_append_string(out, "\033[0");

	for (size_t i = 0; r == 0 && i < sizeof(simple) / sizeof(simple[0]); i++)
		if (simple[i].on && simple[i].number != 6 &&
			(pen->attributes & simple[i].attributes))
			r = buf_appendf(out, ";%u", simple[i].number);
	if (r == 0 && style > 0)
		r = style == 1 ? buf_append_string(out, ";4") : buf_appendf(out, ";4:%u", style);
	if (r == 0)
		r = write_colour(pen->foreground, 30, out);
	if (r == 0)
		r = write_colour(pen->background, 40, out);
	if (r == 0)
		r = write_colour(pen->underline_colour, 58, out);
	return r == 0 ? buf_append_string(out, "m") : r;
}
