/* SPDX-License-Identifier: Apache-2.0 */
/* Image builds through the daemon, with their progress. */
#include "cli/images.h"

#include <errno.h>
#include <string.h>

#include "cli/agents.h"
#include "cli/api.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"

enum { MOST_LINE = 1 << 20 };

/* A build that runs: the daemon answers with one JSON object a line. */
struct build {
	struct buf line;
	struct progress progress;
	json_t *manifest;
	struct err *err;
};

int images_list(json_t **ret_images, struct err *err)
{
	struct api_request request = { .method = "GET", .path = "/v1/images" };
	cleanup_json json_t *answer = NULL;
	int r = api_call(&request, &answer, err);

	if (r < 0)
		return r;
	*ret_images = json_incref(json_object_get(answer, "images"));
	return *ret_images ? 0 : err_set(err, EPROTO, "the daemon's answer has no images");
}

bool images_has(const json_t *images, const char *agent)
{
	json_t *image;
	size_t i;

	json_array_foreach(images, i, image) {
		if (!json_is_true(json_object_get(image, "current")))
			continue;
		if (strcmp(api_text(image, "agent"), agent ? agent : "") == 0)
			return true;
	}
	return false;
}

static int take_object(struct build *build, const json_t *object)
{
	json_t *result = json_object_get(object, "result");
	const char *hint = api_text(object, "hint");

	if (result) {
		json_decref(build->manifest);
		build->manifest = json_incref(result);
	} else if (*api_text(object, "error")) {
		err_set(build->err, EIO, "%s", api_text(object, "error"));
		if (*hint)
			err_hint(build->err, "%s", hint);
		return -EIO;
	} else {
		progress_step(&build->progress, api_text(object, "step"), api_text(object, "text"),
			(uint64_t)api_number(object, "done"),
			(uint64_t)api_number(object, "total"));
	}
	return 0;
}

static int take_line(struct build *build, size_t length)
{
	cleanup_json json_t *object = NULL;
	int r = 0;

	object = json_loadb((const char *)buf_head(&build->line), length, 0, NULL);
	if (object)
		r = take_object(build, object);
	buf_consume(&build->line, length + 1);
	return r;
}

static int take_bytes(void *arg, int status, const char *bytes, size_t length)
{
	struct build *build = arg;
	int r = buf_append(&build->line, bytes, length);

	while (r == 0 && buf_length(&build->line)) {
		const unsigned char *head = buf_head(&build->line);
		const unsigned char *end = memchr(head, '\n', buf_length(&build->line));

		if (!end)
			break;
		r = take_line(build, (size_t)(end - head));
	}
	return r;
}

int images_build(const char *agent, json_t **ret_manifest, struct err *err)
{
	cleanup_json json_t *body = json_object();
	cleanup_free char *what = NULL;
	struct build build = { .err = err };
	struct http_sink sink = { take_bytes, &build };
	struct api_request request = { .method = "POST",
				       .path = "/v1/images",
				       .body = body,
				       .slow = true,
				       .progress = &build.progress };
	int r;

	what = xasprintf("build the %s%s", agent ? agent : "base", agent ? " layer" : " image");
	if (agent)
		json_object_set_new(body, "agent", json_string(agent));
	progress_init(&build.progress, what);
	buf_init(&build.line, MOST_LINE);
	r = api_stream(&request, &sink, err);
	progress_finish(&build.progress);
	buf_finish(&build.line);
	if (r == 0 && !build.manifest)
		r = err_set(err, EIO, "the image build ended without a result");
	if (r < 0)
		err_wrap(err, "%s", what);
	if (r == 0 && ret_manifest)
		*ret_manifest = build.manifest;
	else
		json_decref(build.manifest);
	return r;
}

int images_build_missing(const char *agent, struct err *err)
{
	cleanup_json json_t *images = NULL;
	cleanup_json json_t *definition = NULL;
	bool has_base, has_layer;
	int r = images_list(&images, err);

	if (r == 0)
		r = agents_find(agent, &definition, err);
	if (r < 0)
		return r;
	has_base = images_has(images, NULL);
	has_layer = !*api_text(definition, "package") || images_has(images, agent);
	if (!has_base)
		r = images_build(NULL, NULL, err);
	if (r == 0 && !has_layer)
		r = images_build(agent, NULL, err);
	return r;
}
