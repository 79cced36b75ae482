/* SPDX-License-Identifier: Apache-2.0 */
/* What rm, prune and stop share. */
#include "cli/remove.h"

#include <errno.h>
#include <unistd.h>

#include "cli/api.h"
#include "cli/terminal.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"

enum { MOST_QUESTION = 4096 };

int sandbox_list(json_t **ret_sandboxes, struct err *err)
{
	struct api_request request = { .method = "GET", .path = "/v1/sandboxes" };
	cleanup_json json_t *answer = NULL;
	int r = api_call(&request, &answer, err);

	if (r < 0)
		return r;
	*ret_sandboxes = json_incref(json_object_get(answer, "sandboxes"));
	return *ret_sandboxes ? 0 : err_set(err, EPROTO, "the daemon's answer has no sandboxes");
}

int sandbox_remove(const char *name, bool force, struct err *err)
{
	cleanup_free char *path = api_sandbox_path(name, force ? "?force=1" : "", err);
	struct api_request request = { .method = "DELETE", .path = path, .slow = true };

	return path ? api_call(&request, NULL, err) : -ENOENT;
}

bool sandbox_confirm_removal(const char *const *names, size_t count)
{
	cleanup_free char *question = NULL;
	struct buf list;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return true;
	buf_init(&list, MOST_QUESTION);
	for (size_t i = 0; i < count; i++)
		buf_appendf(&list, "%s%s", i ? ", " : "", names[i]);
	question = xasprintf("Remove %.*s with everything in %s? (The workspace stays.)",
		(int)buf_length(&list), (const char *)buf_head(&list), count > 1 ? "them" : "it");
	buf_finish(&list);
	return terminal_confirm(question);
}
