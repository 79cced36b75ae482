/* SPDX-License-Identifier: Apache-2.0 */
/* One side of `sbx cp`. */
#include "cli/copy_place.h"

#include <string.h>

#include "common/mem.h"

void copy_place_parse(const char *word, struct copy_place *ret)
{
	size_t length = strcspn(word, ":/");

	*ret = (struct copy_place){ .word = word, .path = word };
	if (length == 0 || word[length] != ':')
		return;
	ret->sandbox_length = length;
	ret->path = word + length + 1;
}

void copy_place_split(const char *path, char **ret_directory, char **ret_name)
{
	size_t length = strlen(path);
	const char *slash;
	size_t start;

	while (length > 1 && path[length - 1] == '/')
		length--;
	slash = length ? memrchr(path, '/', length) : NULL;
	start = slash ? (size_t)(slash - path) + 1 : 0;
	*ret_name = NULL;
	if (length > start && !(length - start == 1 && path[start] == '.')) {
		*ret_name = xstrndup(path + start, length - start);
		length = start;
	}
	*ret_directory = length ? xstrndup(path, length) : xstrdup(".");
}
