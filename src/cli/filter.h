/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands between a sandbox's output and a person's terminal.
 *
 * A terminal obeys what it is shown: it fills the clipboard, renames and moves windows, prints,
 * reprograms keys, and answers questions with text that the asker chose, typed into whatever
 * program reads next. What a full-screen program needs passes; everything else is dropped,
 * whatever the terminal would have made of it: a list of what is allowed, not of what is known to
 * be bad.
 *
 * Passes: text (UTF-8), the usual C0 controls, cursor movement, erasing, colours, scrolling, tabs,
 * the modes in filter_rules.c, cursor shape, kitty and xterm keyboard modes; the questions whose
 * answers are made of numbers (DA1, DA2, DSR, DECRQM, XTVERSION, kitty keyboard, OSC 4/10/11/12
 * colours); hyperlinks (OSC 8) to http and https.
 * Drops: every other OSC, all DCS, APC, PM and SOS strings, window operations and reports,
 * printing, ENQ, VT52 mode, and coding systems and character sets that would hide text from it.
 * Malformed UTF-8, which includes raw C1 controls, becomes U+FFFD; C1 controls as code points go.
 *
 * The state is a struct of fixed size; a sequence that does not fit is dropped as a whole.
 */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum {
	FILTER_HELD = 2560, /* longest hyperlink or title */
	FILTER_CSI = 256,   /* longest CSI sequence */
	FILTER_GROWTH = 3,  /* output is at most FILTER_GROWTH × input + FILTER_HELD */
};

enum filter_state {
	FILTER_GROUND,
	FILTER_UTF8,	   /* inside a code point */
	FILTER_ESCAPE,	   /* after ESC and intermediates */
	FILTER_CONTROL,	   /* CSI, held until it is whole */
	FILTER_SKIP_CSI,   /* CSI that cannot pass, up to its final byte */
	FILTER_OSC,	   /* OSC, held until it is whole */
	FILTER_OSC_ESCAPE, /* ESC within it: a backslash ends it */
	FILTER_CLIPBOARD,  /* payload of OSC 52, passed on as it comes */
	FILTER_SKIP,	   /* a string that cannot pass, up to its end */
};

struct filter {
	bool pass_title;
	bool pass_clipboard;
	enum filter_state state;
	bool skip_osc;	    /* FILTER_SKIP: BEL ends the string too */
	unsigned char left; /* UTF-8: bytes missing */
	unsigned char low;  /* UTF-8: range of the next byte */
	unsigned char high;
	uint16_t length;
	/* The unfinished code point or sequence, without its ESC and what followed that. */
	unsigned char held[FILTER_HELD];
};

/*
 * pass_title: titles (OSC 0, 1, 2 and their stack) pass. pass_clipboard: programs may set the
 * clipboard (OSC 52); they may never read it.
 */
void filter_init(struct filter *filter, bool pass_title, bool pass_clipboard);

/*
 * Takes a piece of output, cut anywhere, and appends what may pass. Returns 0, or -ENOBUFS when
 * `out` had less than FILTER_GROWTH × length + FILTER_HELD bytes of room, with nothing taken.
 */
int filter_feed(struct filter *filter, const void *in, size_t length, struct buf *out);

/*
 * What to write at the end of a session, however it ended: leaves a string that was cut, the
 * alternate screen, and every mode that passes; the cursor stays where it is on the main screen.
 */
const char *filter_reset_sequence(void);

#endif
