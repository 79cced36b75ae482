/* SPDX-License-Identifier: Apache-2.0 */
/* Names of sandboxes. */
#include "daemon/name.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"

/* ctype.h follows the locale; a name must mean the same everywhere. */
static bool is_alphanumeric(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool name_valid(const char *name)
{
	return name_check(name, NULL) == 0;
}

int name_check(const char *name, struct err *err)
{
	size_t length = strlen(name);

	if (length < 2 || length > NAME_MAX_LENGTH)
		return err_set(err, EINVAL, "sandbox name \"%s\": a name has 2 to %d characters",
			name, NAME_MAX_LENGTH);
	if (!is_alphanumeric(name[0]))
		return err_set(err, EINVAL,
			"sandbox name \"%s\": a name starts with a letter or digit", name);
	for (const char *c = name; *c; c++)
		if (!is_alphanumeric(*c) && *c != '-' && *c != '.')
			return err_set(err, EINVAL,
				"sandbox name \"%s\": a name holds letters, digits, '-' and '.'",
				name);
	if (strcmp(name, "default") == 0)
		return err_set(err, EINVAL, "sandbox name \"default\" is reserved");
	return 0;
}

char *name_make(const char *agent, const char *workspace, unsigned number)
{
	const char *slash = strrchr(workspace, '/');
	char suffix[16] = "", name[NAME_MAX_LENGTH + 1];
	size_t room, length = 0;
	char *raw = xasprintf("%s-%s", agent, slash ? slash + 1 : workspace);

	if (number > 1)
		snprintf(suffix, sizeof(suffix), "-%u", number);
	room = NAME_MAX_LENGTH - strlen(suffix);
	for (const char *c = raw; *c && length < room; c++) {
		if (is_alphanumeric(*c) || (*c == '.' && length > 0))
			name[length++] = *c;
		else if (length > 0 && name[length - 1] != '-')
			name[length++] = '-';
	}
	while (length > 0 && !is_alphanumeric(name[length - 1]))
		length--;
	free(raw);
	return xasprintf("%.*s%s", (int)length, name, suffix);
}
