/* SPDX-License-Identifier: Apache-2.0 */
/* Looks a program up as a shell would, and in the directories for administrators as well. */
#ifndef CLI_FIND_PROGRAM_H
#define CLI_FIND_PROGRAM_H

/* The program's path, the caller's to free, or NULL. */
char *find_program(const char *name);

#endif
