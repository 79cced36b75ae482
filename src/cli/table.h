/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people: columns aligned by display width, two spaces between. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_MOST_COLUMNS = 8 };

struct table {
	size_t columns;
	char **cells; /* row by row, the heading first; owned */
	size_t count;
};

/* `heading` has as many words as the table has columns. */
void table_init(struct table *table, const char *const *heading, size_t columns);

/* Appends a cell, which the table takes over; rows fill from left to right. Escapes it. */
void table_add(struct table *table, char *cell);

void table_print(const struct table *table, FILE *out);
void table_finish(struct table *table);

#endif
