/* SPDX-License-Identifier: Apache-2.0 */
/* Looks a program up. */
#include "cli/find_program.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"

char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	cleanup_free char *places = xasprintf("%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
	char *rest = NULL;

	for (char *p = strtok_r(places, ":", &rest); p; p = strtok_r(NULL, ":", &rest)) {
		cleanup_free char *candidate = xasprintf("%s/%s", p, name);

		if (access(candidate, X_OK) == 0)
			return take_ptr(candidate);
	}
	return NULL;
}
