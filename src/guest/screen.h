/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session's terminal as the guest remembers it, so that a client that attaches later can be
 * shown what is there.
 *
 * The session server feeds it every byte the program writes to its terminal. screen_render()
 * answers with bytes that rebuild scrollback, screen, cursor and modes on a fresh terminal of the
 * same size. What is understood is the common part of xterm (ctlseqs) that full-screen programs
 * use, plus the kitty keyboard flags; what is not understood is ignored. Titles, clipboard and all
 * other strings (OSC, DCS, APC, PM, SOS) are ignored, replies are never made: the terminal of the
 * attached client answers queries.
 *
 * Memory: one screen of cells (28 bytes each), a second while the alternate screen is in use,
 * both only as large as the size asked for, and at most SCREEN_SCROLLBACK bytes of scrollback that
 * grow with use. No input makes it larger.
 */
#ifndef GUEST_SCREEN_H
#define GUEST_SCREEN_H

#include <stddef.h>

#include "common/buf.h"

/* Larger sizes are taken as these, zero as one. */
enum { SCREEN_MAX_ROWS = 512, SCREEN_MAX_COLUMNS = 1024 };

enum {
	SCREEN_SCROLLBACK = 512 * 1024, /* bytes, as rendered lines */
	SCREEN_SCROLLBACK_LINES = 10000,
};

/*
 * Enough room for screen_render() of a usual screen with its scrollback: a good maximum for the
 * buffer given to it.
 */
enum { SCREEN_RENDER_MAX = 4 * 1024 * 1024 };

struct screen;

/* A blank screen in its power-on state. Never NULL. */
struct screen *screen_create(unsigned rows, unsigned columns);
void screen_destroy(struct screen *screen);

/* Takes what the program wrote, in pieces of any size. */
void screen_feed(struct screen *screen, const void *bytes, size_t length);

/*
 * The window has a new size. Lines are cut or extended, not wrapped anew: programs that care
 * redraw on SIGWINCH. Lines that no longer fit above the cursor move into the scrollback.
 */
void screen_resize(struct screen *screen, unsigned rows, unsigned columns);

/*
 * Appends the bytes that rebuild this terminal on a fresh one of the same size, and the start of
 * a sequence that the program has not finished yet, so that what it writes next may follow at
 * once. If `out` has no room for the scrollback that is left out; if it has none for the screen
 * either, returns -ENOBUFS with nothing appended.
 */
int screen_render(const struct screen *screen, struct buf *out);

#endif
