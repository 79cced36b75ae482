/* SPDX-License-Identifier: Apache-2.0 */
/* What can stand at the cursor of a command line that is being typed. */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include <stdio.h>

#include "cli/options.h"

/*
 * Prints the candidates for the last of the words (which are those behind "sbx", the last one as
 * far as it is typed, maybe empty): one a line, a tab and a description behind it. The lines
 * ":file" and ":directory" ask the shell to complete paths.
 */
void complete_words(FILE *out, const char *const *words, size_t count);

#endif
