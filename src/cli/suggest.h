/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest of some known words to a misspelt one. */
#ifndef CLI_SUGGEST_H
#define CLI_SUGGEST_H

#include <stddef.h>

struct suggest {
	const char *word;
	const char *best; /* NULL while nothing offered is near enough */
	size_t distance;
};

void suggest_init(struct suggest *suggest, const char *word);

/* Offers a known word, which must outlive the suggestion. */
void suggest_offer(struct suggest *suggest, const char *known);

#endif
