/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Screen: whatever a program writes, what is rendered of it makes the same screen again.
 *
 * Two bytes of size, then output; 0xff (in no UTF-8 text) and two bytes are a new window size.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "guest/screen.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 20, COLUMNS = 40 };

static void render(const struct screen *screen, struct buf *out)
{
	buf_init(out, SCREEN_RENDER_MAX);
	if (screen_render(screen, out) < 0)
		abort();
}

/* Renders what a terminal of that size shows when it is given `in`. */
static void render_again(const struct buf *in, unsigned rows, unsigned columns, struct buf *out)
{
	struct screen *screen = screen_create(rows, columns);

	screen_feed(screen, buf_head(in), buf_length(in));
	render(screen, out);
	screen_destroy(screen);
}

static void must_be_equal(const struct buf *a, const struct buf *b)
{
	if (buf_length(a) != buf_length(b) || memcmp(buf_head(a), buf_head(b), buf_length(a)) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf first = { 0 }, second = { 0 }, third = { 0 };
	unsigned rows, columns;
	struct screen *screen;
	bool resized = false;

	if (size < 2)
		return 0;
	rows = 1 + data[0] % ROWS;
	columns = 1 + data[1] % COLUMNS;
	screen = screen_create(rows, columns);
	for (size_t i = 2; i < size; i++) {
		if (data[i] == 0xff && size - i > 2) {
			rows = 1 + data[i + 1] % ROWS;
			columns = 1 + data[i + 2] % COLUMNS;
			screen_resize(screen, rows, columns);
			resized = true;
			i += 2;
		} else {
			screen_feed(screen, data + i, 1);
		}
	}
	render(screen, &first);
	screen_destroy(screen);
	render_again(&first, rows, columns, &second);
	render_again(&second, rows, columns, &third);
	/* Lines that left a wider screen are wrapped the first time. */
	if (!resized)
		must_be_equal(&first, &second);
	must_be_equal(&second, &third);
	return 0;
}
