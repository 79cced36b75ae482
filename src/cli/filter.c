/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attach filter's state machine.
 *
 * Theory of operation: a sequence is held until it is whole, then filter_rules.c decides about it,
 * and it goes out in one piece in its plainest form, or not at all. So the terminal never sees the
 * beginning of a sequence whose end was not judged, and its own ideas about malformed ones are
 * never asked. Only text and the payload of a permitted OSC 52 are passed on as they come.
 *
 * ESC always begins anew, CAN and SUB abandon, C0 controls within a CSI sequence act at once, as in
 * every terminal. What is dropped is dropped to its end, so that none of it shows as text.
 */
#include "cli/filter.h"

#include <errno.h>
#include <string.h>

#include "cli/filter_rules.h"

enum { BEL = 0x07, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, DEL = 0x7f };

/* 1049 on and off leaves the alternate screen and restores the cursor, or changes nothing. */
static const char reset_sequence[] =
	"\033\\" /* the end of a string that was cut */
	"\033[<99u\033[?1049h\033[?1049l\033[<99u"
	"\033[!p"	   /* origin, insert, margins, where the terminal knows it */
	"\0337\033[r\0338" /* margins, where it does not; they move the cursor */
	"\033[m\033(B\033)B\017\033]8;;\033\\"
	"\033[?1l\033>\033[?5l\033[?7h\033[?25h\033[4l\033[20l\033[0 q\033[>4m"
	"\033[?9l\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1005l\033[?1006l\033[?1015l"
	"\033[?1016l\033[?2004l\033[?2026l\033[?2031l\033[?2048l";

const char *filter_reset_sequence(void)
{
	return reset_sequence;
}

void filter_init(struct filter *filter, bool pass_title, bool pass_clipboard)
{
	*filter = (struct filter){ .pass_title = pass_title, .pass_clipboard = pass_clipboard };
}

static void enter(struct filter *filter, enum filter_state state)
{
	filter->state = state;
	filter->length = 0;
}

static void skip_string(struct filter *filter, bool is_osc)
{
	enter(filter, FILTER_SKIP);
	filter->skip_osc = is_osc;
}

static void put_replacement(struct buf *out)
{
	buf_append_string(out, "\357\277\275");
}

static bool is_harmless_control(unsigned char byte)
{
	return byte >= 0x07 && byte <= 0x0f;
}

static void on_control(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (byte == ESC)
		enter(filter, FILTER_ESCAPE);
	else if (byte == CAN || byte == SUB)
		enter(filter, FILTER_GROUND);
	else if (is_harmless_control(byte))
		buf_append(out, &byte, 1);
}

static void on_ground(struct filter *filter, unsigned char byte, struct buf *out)
{
	enter(filter, FILTER_GROUND);
	if (byte < 0x80) {
		buf_append(out, &byte, 1);
		return;
	}
	if (byte < 0xc2 || byte > 0xf4) {
		put_replacement(out);
		return;
	}
	filter->state = FILTER_UTF8;
	filter->held[filter->length++] = byte;
	filter->left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
	filter->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	filter->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
}

/* Returns false if the byte does not belong to the code point and has yet to be handled. */
static bool on_utf8(struct filter *filter, unsigned char byte, struct buf *out)
{
	bool is_c1;

	if (byte < filter->low || byte > filter->high) {
		put_replacement(out);
		enter(filter, FILTER_GROUND);
		return false;
	}
	filter->held[filter->length++] = byte;
	filter->low = 0x80;
	filter->high = 0xbf;
	if (--filter->left > 0)
		return true;
	is_c1 = filter->held[0] == 0xc2 && filter->held[1] < 0xa0;
	if (!is_c1)
		buf_append(out, filter->held, filter->length);
	enter(filter, FILTER_GROUND);
	return true;
}

static void finish_escape(struct filter *filter, unsigned char final, struct buf *out)
{
	unsigned char intermediate = filter->length ? filter->held[0] : 0;

	if (filter->length <= 1 && filter_passes_escape(intermediate, final)) {
		buf_append_string(out, "\033");
		buf_append(out, filter->held, filter->length);
		buf_append(out, &final, 1);
	}
	enter(filter, FILTER_GROUND);
}

static void on_escape(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (byte < 0x30) {
		/* More than one of them never passes, and needs not be kept. */
		if (filter->length < 2)
			filter->held[filter->length++] = byte;
	} else if (filter->length == 0 && byte == '[') {
		enter(filter, FILTER_CONTROL);
	} else if (filter->length == 0 && byte == ']') {
		enter(filter, FILTER_OSC);
	} else if (filter->length == 0 && strchr("PX^_k", byte)) {
		skip_string(filter, false); /* k: the title of screen and tmux */
	} else {
		finish_escape(filter, byte, out);
	}
}

static void on_csi(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (filter->length == FILTER_CSI) {
		filter->state = FILTER_SKIP_CSI;
	} else {
		filter->held[filter->length++] = byte;
	}
	if (byte < 0x40)
		return;
	if (filter->state == FILTER_CONTROL)
		filter_put_csi(filter->held, filter->length, filter->pass_title, out);
	enter(filter, FILTER_GROUND);
}

/* "52;SELECTION;" and the first byte of what is to be set, not the question mark that reads. */
static bool is_clipboard_start(const struct filter *filter, unsigned char byte)
{
	const unsigned char *held = filter->held;

	if (!filter->pass_clipboard || filter->length < 4 || memcmp(held, "52;", 3) != 0 ||
		held[filter->length - 1] != ';' || filter->length > 16)
		return false;
	for (unsigned i = 3; i + 1u < filter->length; i++)
		if (!strchr("cpqs01234567", held[i]))
			return false;
	return byte != '?';
}

static bool is_base64(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || byte == '+' || byte == '/' || byte == '=';
}

static void on_osc(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (byte == BEL) {
		filter_put_osc(filter->held, filter->length, filter->pass_title, "\a", out);
		enter(filter, FILTER_GROUND);
	} else if (byte == ESC) {
		filter->state = FILTER_OSC_ESCAPE;
	} else if (byte == CAN || byte == SUB) {
		enter(filter, FILTER_GROUND);
	} else if (is_base64(byte) && is_clipboard_start(filter, byte)) {
		buf_append_string(out, "\033]");
		buf_append(out, filter->held, filter->length);
		buf_append(out, &byte, 1);
		enter(filter, FILTER_CLIPBOARD);
	} else if (filter->length == FILTER_HELD - 4 || byte < 0x20) {
		/* Introducer and terminator are counted: output never outgrows what is promised. */
		skip_string(filter, true);
	} else {
		filter->held[filter->length++] = byte;
	}
}

/* The payload is passed on up to the first byte that cannot be part of it. */
static void on_clipboard(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (is_base64(byte)) {
		buf_append(out, &byte, 1);
		return;
	}
	buf_append_string(out, "\033\\");
	if (byte == BEL || byte == CAN || byte == SUB)
		enter(filter, FILTER_GROUND);
	else if (byte == ESC)
		enter(filter, FILTER_ESCAPE);
	else
		skip_string(filter, true);
}

static void on_skip(struct filter *filter, unsigned char byte)
{
	if (byte == CAN || byte == SUB || (byte == BEL && filter->skip_osc))
		enter(filter, FILTER_GROUND);
	else if (byte == ESC)
		enter(filter, FILTER_ESCAPE);
}

/* Returns false if the byte did not end the string and is yet to be handled, after an ESC. */
static bool on_osc_escape(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (byte == '\\') {
		filter_put_osc(filter->held, filter->length, filter->pass_title, "\033\\", out);
		enter(filter, FILTER_GROUND);
		return true;
	}
	enter(filter, FILTER_ESCAPE);
	return false;
}

static void in_sequence(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (byte >= 0x80) {
		on_ground(filter, byte, out);
	} else if (filter->state == FILTER_ESCAPE) {
		on_escape(filter, byte, out);
	} else {
		on_csi(filter, byte, out);
	}
}

static void feed_byte(struct filter *filter, unsigned char byte, struct buf *out)
{
	if (filter->state == FILTER_UTF8 && on_utf8(filter, byte, out))
		return;
	if (filter->state == FILTER_OSC_ESCAPE && on_osc_escape(filter, byte, out))
		return;
	switch (filter->state) {
	case FILTER_OSC:
		on_osc(filter, byte, out);
		return;
	case FILTER_CLIPBOARD:
		on_clipboard(filter, byte, out);
		return;
	case FILTER_SKIP:
		on_skip(filter, byte);
		return;
	default:
		break;
	}
	if (byte < 0x20)
		on_control(filter, byte, out);
	else if (byte == DEL)
		return;
	else if (filter->state == FILTER_GROUND)
		on_ground(filter, byte, out);
	else
		in_sequence(filter, byte, out);
}

int filter_feed(struct filter *filter, const void *in, size_t length, struct buf *out)
{
	const unsigned char *bytes = in;

	if (buf_room(out) < FILTER_HELD || (buf_room(out) - FILTER_HELD) / FILTER_GROWTH < length)
		return -ENOBUFS;
	for (size_t i = 0; i < length; i++)
		feed_byte(filter, bytes[i], out);
	return 0;
}
