/* SPDX-License-Identifier: Apache-2.0 */
/* What `sbx diagnose` looks at, one function per question. */
#ifndef CLI_CHECKS_H
#define CLI_CHECKS_H

#include <stddef.h>

enum check_status {
	CHECK_OK,
	CHECK_NOTE,   /* works, but something is worth knowing */
	CHECK_FAILED, /* sandboxes or image builds do not work without it */
};

struct check {
	const char *name;
	enum check_status status;
	char *text; /* owned; what was found */
	char *hint; /* owned; how to mend it, NULL when there is nothing to do */
};

/* All checks in order. The caller frees with checks_finish(). */
void checks_run(struct check **ret_checks, size_t *ret_count);
void checks_finish(struct check *checks, size_t count);

#endif
