/* SPDX-License-Identifier: Apache-2.0 */
/* How values are shown to people. */
#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/api.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"

enum { SECOND_NS = 1000000000, MOST_TEXT = 1 << 20 };

void show_json(const json_t *json)
{
	json_dumpf(json, stdout, JSON_INDENT(2) | (isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0));
	fputc('\n', stdout);
}

void show_texts(const json_t *list, const char *key)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		puts(api_text(item, key));
	}
}

char *show_path(const char *path)
{
	const char *home = getenv("HOME");
	size_t length = home ? strlen(home) : 0;

	if (length > 1 && strncmp(path, home, length) == 0 &&
		(path[length] == '/' || !path[length]))
		return xasprintf("~%s", path + length);
	return xstrdup(path);
}

char *show_workspaces(const json_t *sandbox)
{
	cleanup_buf struct buf text;
	const json_t *workspace;
	size_t i;

	buf_init(&text, MOST_TEXT);
	json_array_foreach(json_object_get(sandbox, "workspaces"), i, workspace) {
		cleanup_free char *path = show_path(api_text(workspace, "path"));
		bool readonly = json_is_true(json_object_get(workspace, "readonly"));

		buf_appendf(&text, "%s%s%s", i ? ", " : "", path, readonly ? " (read-only)" : "");
	}
	return xstrndup(buf_length(&text) ? (const char *)buf_head(&text) : "", buf_length(&text));
}

char *show_age(json_int_t when_ns)
{
	static const struct {
		long long seconds;
		const char *unit;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	long long age = (long long)time(NULL) - (long long)(when_ns / SECOND_NS);

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		long long count = age / units[i].seconds;

		if (count > 0)
			return xasprintf("%lld %s%s ago", count, units[i].unit,
				count == 1 ? "" : "s");
	}
	return xstrdup("just now");
}

char *show_time(json_int_t when_ns)
{
	time_t seconds = (time_t)(when_ns / SECOND_NS);
	struct tm local;
	char text[64];

	if (!localtime_r(&seconds, &local) ||
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0)
		return xstrdup("?");
	return xstrdup(text);
}
