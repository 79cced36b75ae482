/* SPDX-License-Identifier: Apache-2.0 */
/* How many columns UTF-8 text takes on a terminal. */
#ifndef CLI_WIDTH_H
#define CLI_WIDTH_H

#include <stddef.h>

/* Columns of the text. Malformed bytes and control characters count one each. */
size_t width_of(const char *text);

/* How many bytes of the text fit into `columns`, cut between characters. */
size_t width_prefix(const char *text, size_t columns);

#endif
