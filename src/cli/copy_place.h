/* SPDX-License-Identifier: Apache-2.0 */
/* One side of `sbx cp`: a path of the host, "-", or NAME:/path in a sandbox. */
#ifndef CLI_COPY_PLACE_H
#define CLI_COPY_PLACE_H

#include <stddef.h>

struct copy_place {
	const char *word;
	size_t sandbox_length; /* of the name in front of the colon; 0: on the host */
	const char *path;
};

/* A colon before the first slash ends a sandbox's name. */
void copy_place_parse(const char *word, struct copy_place *ret);

/*
 * Splits a path of a guest into the directory it is in and its last component, ignoring slashes at
 * the end. *ret_name is NULL when what is meant is the content of a directory: "/", "." or "DIR/.".
 * The caller frees both.
 */
void copy_place_split(const char *path, char **ret_directory, char **ret_name);

#endif
