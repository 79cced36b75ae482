/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sequences that may reach a person's terminal (names as in xterm's ctlseqs).
 *
 * A sequence passes only if it is in a table here. Numbers are limited to 16 bits, so that no
 * terminal's arithmetic is tried.
 */
#include "cli/filter_rules.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/escape.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

enum { PARAMETERS = 32 };

struct csi {
	unsigned char prefix; /* one of <=>? or 0 */
	unsigned char intermediate;
	unsigned char final;
	unsigned count; /* parameters, 0 if there is not even one digit or separator */
	bool colons;
	unsigned parameters[PARAMETERS];
};

/* Returns false for what no terminal needs: several intermediates, large or many numbers. */
static bool parse_csi(const unsigned char *bytes, size_t length, struct csi *csi)
{
	size_t i = 0;

	*csi = (struct csi){ .final = bytes[length - 1] };
	length--;
	if (i < length && bytes[i] >= '<' && bytes[i] <= '?')
		csi->prefix = bytes[i++];
	if (i < length && bytes[i] >= '0' && bytes[i] <= ';')
		csi->count = 1;
	for (; i < length && bytes[i] >= '0' && bytes[i] <= ';'; i++) {
		unsigned *last = &csi->parameters[csi->count - 1];

		if (bytes[i] <= '9') {
			*last = *last * 10 + (bytes[i] - '0');
			if (*last > UINT16_MAX)
				return false;
		} else {
			csi->colons |= bytes[i] == ':';
			if (csi->count++ == PARAMETERS)
				return false;
		}
	}
	if (i < length && bytes[i] < '0')
		csi->intermediate = bytes[i++];
	return i == length;
}

/* What the parameters have to be. Only SGR takes colons. */
enum rule {
	ANY,
	NONE,	/* there is none */
	SINGLE, /* at most one */
	ZERO,	/* none, or a 0 */
	ONE_OF, /* the first is listed in `values` */
	MODES,	/* the sequence is cut down to the modes that may pass */
	TITLE,	/* as ONE_OF, where titles pass */
};

static const struct {
	const char *finals;
	unsigned char prefix, intermediate; /* 0: none */
	enum rule rule;
	unsigned values[4];
} csi_rules[] = {
	/* ICH CUU CUD CUF CUB CNL CPL CHA CUP CHT ED EL IL DL DCH SU ECH CBT SD HPA HPR REP VPA
	 * VPR HVP TBC HPB VPB DECSTBM */
	{ "@ABCDEFGHIJKLMPSXZ^`abdefgjkr", 0, 0, ANY, { 0 } },
	{ "m", 0, 0, ANY, { 0 } },
	{ "T", 0, 0, SINGLE, { 0 } }, /* with more it tracks the mouse */
	{ "su", 0, 0, NONE, { 0 } },
	{ "hl", 0, 0, MODES, { 0 } },
	{ "hl", '?', 0, MODES, { 0 } },
	{ "JK", '?', 0, ANY, { 0 } },
	{ "W", '?', 0, ONE_OF, { 5 } }, /* DECST8C */
	{ "q", 0, ' ', ANY, { 0 } },	/* DECSCUSR */
	{ "p", 0, '!', NONE, { 0 } },	/* DECSTR */
	{ "m", '>', 0, ONE_OF, { 4 } }, /* XTMODKEYS: modifyOtherKeys */
	{ "n", '>', 0, ONE_OF, { 4 } },
	{ "u", '>', 0, ANY, { 0 } }, /* kitty keyboard */
	{ "u", '<', 0, ANY, { 0 } },
	{ "u", '=', 0, ANY, { 0 } },
	/* Questions. The answers are numbers, and for XTVERSION the terminal's own name. */
	{ "c", 0, 0, ZERO, { 0 } },
	{ "c", '>', 0, ZERO, { 0 } },
	{ "q", '>', 0, ZERO, { 0 } },
	{ "n", 0, 0, ONE_OF, { 5, 6 } },
	{ "n", '?', 0, ONE_OF, { 6, 996 } }, /* position, colour scheme */
	{ "u", '?', 0, NONE, { 0 } },
	{ "m", '?', 0, ONE_OF, { 4 } },
	{ "p", 0, '$', ANY, { 0 } }, /* DECRQM */
	{ "p", '?', '$', ANY, { 0 } },
	{ "t", 0, 0, TITLE, { 22, 23 } },
};

/*
 * Not here: 2 (VT52: another grammar), 3 and 40 (resize the window), 42, 67, 69, 80, 1001 (waits
 * for an answer), 1042 and 1043 (raise the window), 1061 (another keyboard).
 */
/* clang-format off */
static const unsigned private_modes[] = {
	1, 5, 6, 7, 8, 9, 12, 25, 45, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016,
	1047, 1048, 1049, 2004, 2026, 2027, 2031, 2048,
};
/* clang-format on */

/* Not here: 2, which locks the keyboard. */
static const unsigned ansi_modes[] = { 4, 20 };

static bool is_listed(unsigned value, const unsigned *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (values[i] == value)
			return true;
	return false;
}

static bool may_set_mode(bool private, unsigned mode)
{
	if (private)
		return is_listed(mode, private_modes, COUNT(private_modes));
	return is_listed(mode, ansi_modes, COUNT(ansi_modes));
}

static void put_modes(const struct csi *csi, struct buf *out)
{
	const char *separator = csi->prefix == '?' ? "\033[?" : "\033[";
	bool any = false;

	for (unsigned i = 0; i < csi->count; i++) {
		if (!may_set_mode(csi->prefix == '?', csi->parameters[i]))
			continue;
		buf_appendf(out, "%s%u", separator, csi->parameters[i]);
		separator = ";";
		any = true;
	}
	if (any)
		buf_append(out, &csi->final, 1);
}

static void put_whole(const unsigned char *bytes, size_t length, struct buf *out)
{
	buf_append_string(out, "\033[");
	buf_append(out, bytes, length);
}

void filter_put_csi(const unsigned char *bytes, size_t length, bool pass_title, struct buf *out)
{
	struct csi csi;
	unsigned first;

	if (!parse_csi(bytes, length, &csi) || (csi.colons && csi.final != 'm'))
		return;
	first = csi.parameters[0];
	for (size_t i = 0; i < COUNT(csi_rules); i++) {
		const unsigned *values = csi_rules[i].values;
		bool pass = false;

		if (csi_rules[i].prefix != csi.prefix ||
			csi_rules[i].intermediate != csi.intermediate ||
			!strchr(csi_rules[i].finals, csi.final))
			continue;
		switch (csi_rules[i].rule) {
		case ANY:
			pass = true;
			break;
		case NONE:
			pass = csi.count == 0;
			break;
		case SINGLE:
			pass = csi.count <= 1;
			break;
		case ZERO:
			pass = csi.count <= 1 && first == 0;
			break;
		case ONE_OF:
			pass = csi.count > 0 && first > 0 && is_listed(first, values, 4);
			break;
		case TITLE:
			pass = pass_title && is_listed(first, values, 2);
			break;
		case MODES:
			put_modes(&csi, out);
			break;
		}
		if (pass)
			put_whole(bytes, length, out);
		return;
	}
}

/* 7 8 save and restore, D E M index, H tab, = > keypad, c reset; G0-G3 ASCII, UK, line drawing. */
bool filter_passes_escape(unsigned char intermediate, unsigned char final)
{
	switch (intermediate) {
	case 0:
		return final && strchr("78DEHMc=>", final);
	case '#':
		return final == '8';
	case '(':
	case ')':
	case '*':
	case '+':
		return final && strchr("0AB", final);
	}
	return false;
}

static bool has_prefix(const unsigned char *bytes, size_t length, const char *prefix)
{
	size_t n = strlen(prefix);

	return length >= n && memcmp(bytes, prefix, n) == 0;
}

/* "10;?" and the like: what colour is it. Setting colours could make text unreadable: no. */
static bool is_colour_query(const unsigned char *bytes, size_t length)
{
	size_t digits = 0;

	if (length == 4 && bytes[0] == '1' && bytes[1] >= '0' && bytes[1] <= '2')
		return memcmp(bytes + 2, ";?", 2) == 0;
	if (!has_prefix(bytes, length, "4;"))
		return false;
	while (2 + digits < length && isdigit(bytes[2 + digits]))
		digits++;
	return digits >= 1 && digits <= 3 && length == digits + 4 &&
	       memcmp(bytes + 2 + digits, ";?", 2) == 0;
}

/* "8;PARAMETERS;URI": an empty URI ends a link. Printable ASCII only, as the convention has it. */
static bool is_hyperlink(const unsigned char *bytes, size_t length)
{
	const unsigned char *uri;
	size_t rest;

	if (!has_prefix(bytes, length, "8;"))
		return false;
	for (size_t i = 0; i < length; i++)
		if (bytes[i] <= ' ' || bytes[i] >= 0x7f)
			return false;
	uri = memchr(bytes + 2, ';', length - 2);
	if (!uri)
		return false;
	uri++;
	rest = length - (size_t)(uri - bytes);
	return rest == 0 || has_prefix(uri, rest, "http://") || has_prefix(uri, rest, "https://");
}

/* Well-formed UTF-8 without controls, also in the C1 range, which some terminals act on here. */
static bool is_title(const unsigned char *bytes, size_t length)
{
	cleanup_free char *escaped = NULL;

	if (length < 2 || bytes[0] > '2' || bytes[0] < '0' || bytes[1] != ';')
		return false;
	escaped = escape_text((const char *)bytes, length);
	return strlen(escaped) == length;
}

void filter_put_osc(const unsigned char *bytes, size_t length, bool pass_title,
	const char *terminator, struct buf *out)
{
	if (!is_colour_query(bytes, length) && !is_hyperlink(bytes, length) &&
		!(pass_title && is_title(bytes, length)))
		return;
	buf_append_string(out, "\033]");
	buf_append(out, bytes, length);
	buf_append_string(out, terminator);
}
