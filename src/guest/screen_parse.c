/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From bytes to characters and control functions.
 *
 * Theory of operation: a state machine in the manner of ECMA-48 and the DEC terminals. Every byte
 * is handled at once and moves the state; nothing is looked up ahead, so the pieces in which the
 * bytes come make no difference. Within ESC and CSI sequences the C0 controls still act, CAN and
 * SUB abandon the sequence and ESC begins a new one. Text is UTF-8; a malformed sequence shows as
 * U+FFFD for each maximal part (Unicode 3.9), a raw C1 control too. Encoded as U+0080-U+009F they
 * are not acted on: no program that speaks UTF-8 needs them, and the client drops them.
 *
 * Bounds: SCREEN_PARAMETERS numbers of 16 bits and SCREEN_RAW bytes per sequence; one with more is
 * skipped. Strings are skipped as they come and never stored.
 */
#include "guest/screen_internal.h"

#include <string.h>

enum { BEL = 0x07, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, REPLACEMENT = 0xfffd };

static void keep_raw(struct screen_parser *parser, uint8_t byte)
{
	if (parser->raw_length < SCREEN_RAW)
		parser->raw[parser->raw_length++] = byte;
}

static void begin_escape(struct screen_parser *parser)
{
	parser->state = SCREEN_ESCAPE;
	parser->intermediate = 0;
	parser->many_intermediates = false;
	parser->raw_length = 0;
	keep_raw(parser, ESC);
}

static void begin_csi(struct screen_parser *parser)
{
	parser->state = SCREEN_CSI;
	parser->prefix = 0;
	parser->count = 1;
	parser->sub = 0;
	parser->parameters[0] = 0;
}

static void keep_intermediate(struct screen_parser *parser, uint8_t byte)
{
	if (parser->intermediate)
		parser->many_intermediates = true;
	parser->intermediate = byte;
}

static bool is_string_start(uint8_t byte)
{
	return byte != 0 && strchr("]PX^_k", byte); /* k: the title of screen and tmux */
}

static void on_escape(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	keep_raw(parser, byte);
	if (byte < 0x30) {
		keep_intermediate(parser, byte);
	} else if (byte == '[' && !parser->intermediate) {
		begin_csi(parser);
	} else if (is_string_start(byte) && !parser->intermediate) {
		parser->state = SCREEN_STRING;
		parser->string = byte;
	} else {
		parser->state = SCREEN_GROUND;
		if (!parser->many_intermediates)
			screen_do_escape(screen, byte);
	}
}

static void on_digit(struct screen_parser *parser, uint8_t byte)
{
	uint16_t *value = &parser->parameters[parser->count - 1];
	unsigned next = *value * 10u + (byte - '0');

	*value = next > UINT16_MAX ? UINT16_MAX : (uint16_t)next;
}

static void on_separator(struct screen_parser *parser, uint8_t byte)
{
	if (parser->count == SCREEN_PARAMETERS) {
		parser->state = SCREEN_CSI_IGNORE;
		return;
	}
	if (byte == ':')
		parser->sub |= 1u << parser->count;
	parser->parameters[parser->count++] = 0;
}

/* Order within a sequence: one prefix, numbers, intermediates; and there is an end to it. */
static bool belongs(const struct screen_parser *parser, uint8_t byte)
{
	if (parser->raw_length == SCREEN_RAW)
		return false;
	if (byte < 0x30)
		return true;
	if (byte > ';')
		return parser->raw_length == 3;
	return !parser->intermediate;
}

static void on_csi(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	keep_raw(parser, byte);
	if (byte >= 0x40) {
		parser->state = SCREEN_GROUND;
		if (!parser->many_intermediates)
			screen_do_csi(screen, byte);
	} else if (!belongs(parser, byte)) {
		parser->state = SCREEN_CSI_IGNORE;
	} else if (byte < 0x30) {
		keep_intermediate(parser, byte);
	} else if (byte <= '9') {
		on_digit(parser, byte);
	} else if (byte <= ';') {
		on_separator(parser, byte);
	} else {
		parser->prefix = byte;
	}
}

/* Bytes 0x20-0x7e and everything above 0x7f where no code point is under way. */
static void on_ground(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	if (byte < 0x80) {
		screen_put(screen, byte);
		return;
	}
	if (byte < 0xc2 || byte > 0xf4) {
		screen_put(screen, REPLACEMENT);
		return;
	}
	parser->left = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : 1;
	parser->code = byte & (0x3fu >> parser->left);
	parser->low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
	parser->high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
	parser->state = SCREEN_UTF8;
	parser->raw_length = 0;
	keep_raw(parser, byte);
}

/* Returns false if the byte does not belong to the code point and has yet to be handled. */
static bool on_utf8(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	if (byte < parser->low || byte > parser->high) {
		parser->state = SCREEN_GROUND;
		screen_put(screen, REPLACEMENT);
		return false;
	}
	keep_raw(parser, byte);
	parser->code = parser->code << 6 | (byte & 0x3f);
	parser->low = 0x80;
	parser->high = 0xbf;
	if (--parser->left == 0) {
		parser->state = SCREEN_GROUND;
		screen_put(screen, parser->code);
	}
	return true;
}

static void on_string(struct screen_parser *parser, uint8_t byte)
{
	if (byte == CAN || byte == SUB || (byte == BEL && parser->string == ']'))
		parser->state = SCREEN_GROUND;
	else if (byte == ESC)
		begin_escape(parser); /* the backslash of ST is then an escape without effect */
}

static void on_control(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	if (byte == ESC) {
		begin_escape(parser);
	} else if (byte == CAN || byte == SUB) {
		parser->state = SCREEN_GROUND;
	} else if (byte != 0x7f) {
		screen_do_control(screen, byte);
	}
}

static void feed_byte(struct screen *screen, uint8_t byte)
{
	struct screen_parser *parser = &screen->parser;

	if (parser->state == SCREEN_UTF8 && on_utf8(screen, byte))
		return;
	if (parser->state == SCREEN_STRING) {
		on_string(parser, byte);
		return;
	}
	if (byte < 0x20 || byte == 0x7f) {
		on_control(screen, byte);
		return;
	}
	if (parser->state == SCREEN_GROUND) {
		on_ground(screen, byte);
	} else if (byte >= 0x80) {
		parser->state = SCREEN_GROUND;
		on_ground(screen, byte);
	} else if (parser->state == SCREEN_ESCAPE) {
		on_escape(screen, byte);
	} else if (parser->state == SCREEN_CSI) {
		on_csi(screen, byte);
	} else if (byte >= 0x40) {
		parser->state = SCREEN_GROUND;
	}
}

void screen_feed(struct screen *screen, const void *bytes, size_t length)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < length; i++)
		feed_byte(screen, p[i]);
}
