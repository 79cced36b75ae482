/* SPDX-License-Identifier: Apache-2.0 */
/* What goes into a sandbox's environment. */
#include "cli/environment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

enum { MOST_FILE = 1 << 20 };

static void take(struct environment *environment, char *item)
{
	environment->items = xreallocarray(environment->items, environment->count + 1,
		sizeof(*environment->items));
	environment->items[environment->count++] = item;
}

static bool is_name(const char *text, size_t length)
{
	if (length == 0 || isdigit((unsigned char)*text))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)text[i]) && text[i] != '_')
			return false;
	return true;
}

int environment_add(struct environment *environment, const char *text, struct err *err)
{
	size_t length = strcspn(text, "=");
	const char *value;

	if (!is_name(text, length)) {
		err_set(err, EINVAL, "'%s' is no environment variable", text);
		err_hint(err, "write NAME=VALUE, or NAME to pass on the value it has here");
		return -EINVAL;
	}
	if (text[length]) {
		take(environment, xstrdup(text));
		return 0;
	}
	value = getenv(text);
	if (value)
		take(environment, xasprintf("%s=%s", text, value));
	return 0;
}

int environment_add_file(struct environment *environment, const char *path, struct err *err)
{
	cleanup_free char *bytes = NULL;
	char *line, *next;
	unsigned number = 1;
	size_t length;
	int r = io_read_file(AT_FDCWD, path, MOST_FILE, &bytes, &length);

	if (r < 0)
		return err_errno(err, -r, "read %s", path);
	if (strlen(bytes) != length)
		return err_set(err, EINVAL, "%s holds a NUL byte", path);
	for (line = bytes; line && *line; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line[strcspn(line, "\r")] = '\0';
		if (!*line || *line == '#')
			continue;
		r = environment_add(environment, line, err);
		if (r < 0) {
			err_wrap(err, "%s:%u", path, number);
			return r;
		}
	}
	return 0;
}

int environment_collect(struct environment *environment, const struct words *files,
	const struct words *values, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->count; i++)
		r = environment_add_file(environment, files->items[i], err);
	for (size_t i = 0; r == 0 && i < values->count; i++)
		r = environment_add(environment, values->items[i], err);
	return r;
}

void environment_add_terminal(struct environment *environment)
{
	/* Not the locale: the guest has C.UTF-8 only, and a name it lacks would mean ASCII. */
	static const char *const names[] = { "TERM", "COLORTERM", "NO_COLOR", "TZ" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		environment_add(environment, names[i], NULL);
}

void environment_finish(struct environment *environment)
{
	for (size_t i = 0; i < environment->count; i++)
		free(environment->items[i]);
	free(environment->items);
	*environment = (struct environment){ 0 };
}
