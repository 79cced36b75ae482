/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people. */
#include "cli/table.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/terminal.h"
#include "cli/width.h"
#include "common/escape.h"
#include "common/mem.h"

static void append(struct table *table, char *cell)
{
	table->cells = xreallocarray(table->cells, table->count + 1, sizeof(*table->cells));
	table->cells[table->count++] = cell;
}

void table_init(struct table *table, const char *const *heading, size_t columns)
{
	assert(columns <= TABLE_MOST_COLUMNS);
	*table = (struct table){ .columns = columns };
	for (size_t i = 0; i < columns; i++)
		append(table, xstrdup(heading[i]));
}

void table_add(struct table *table, char *cell)
{
	append(table, escape_line(cell));
	free(cell);
}

static void print_row(const struct table *table, size_t row, const size_t *widths, FILE *out)
{
	for (size_t i = 0; i < table->columns; i++) {
		const char *cell = table->cells[row * table->columns + i];
		size_t width = width_of(cell);
		int padding = (int)(widths[i] - width) + 2;

		fprintf(out, "%s%*s", cell, i + 1 < table->columns ? padding : 0, "");
	}
}

void table_print(const struct table *table, FILE *out)
{
	size_t widths[TABLE_MOST_COLUMNS] = { 0 };
	bool bold = terminal_has_colour(fileno(out));

	for (size_t i = 0; i < table->count; i++) {
		size_t width = width_of(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t row = 0; row < table->count / table->columns; row++) {
		fputs(row == 0 && bold ? "\033[1m" : "", out);
		print_row(table, row, widths, out);
		fputs(row == 0 && bold ? "\033[m\n" : "\n", out);
	}
}

void table_finish(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct table){ 0 };
}
