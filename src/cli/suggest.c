/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest of some known words to a misspelt one. */
#include "cli/suggest.h"

#include <string.h>

enum { LONGEST = 63 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment distance: insert, delete, replace, or swap two neighbours. */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	size_t rows[3][LONGEST + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t replace = last[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = least(replace, least(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[m];
}

void suggest_init(struct suggest *suggest, const char *word)
{
	/* One slip in a short word, up to a third of a long one. */
	*suggest = (struct suggest){ .word = word, .distance = strlen(word) / 3 + 2 };
}

void suggest_offer(struct suggest *suggest, const char *known)
{
	size_t d;

	if (strlen(suggest->word) > LONGEST || strlen(known) > LONGEST)
		return;
	d = distance(suggest->word, known);
	if (d >= suggest->distance || d >= strlen(known))
		return;
	suggest->best = known;
	suggest->distance = d;
}
