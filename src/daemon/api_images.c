/* SPDX-License-Identifier: Apache-2.0 */
/* API: images and agents. */
#include "daemon/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "daemon/build.h"

enum { STREAM_BLOCK = 4096 };

static bool uses(const struct record *record, const char *digest)
{
	return strcmp(record->base, digest) == 0 ||
		(record->layer && strcmp(record->layer, digest) == 0);
}

/* The names of the sandboxes that need an image. */
static json_t *users_of(const char *digest, const struct record *records, size_t count)
{
	json_t *names = json_array();

	for (size_t i = 0; i < count; i++)
		if (uses(&records[i], digest))
			json_array_append_new(names, json_string(records[i].spec.name));
	return names;
}

static json_t *image_view(const struct store_image *image, const struct record *records,
	size_t count)
{
	json_t *view = json_copy(image->manifest);

	json_object_set_new(view, "size", json_integer((json_int_t)image->size));
	json_object_set_new(view, "current", json_boolean(image->current));
	json_object_set_new(view, "system", json_boolean(image->system));
	json_object_set_new(view, "in_use", users_of(image->digest, records, count));
	return view;
}

enum api_code api_list_images(struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct store_image *images;
	struct record *records;
	size_t image_count, record_count;
	json_t *list;

	if (registry_list(daemon->registry, &records, &record_count, &request->err) < 0)
		return API_FAILED;
	store_list(&daemon->store, &images, &image_count);
	list = json_array();
	for (size_t i = 0; i < image_count; i++)
		json_array_append_new(list, image_view(&images[i], records, record_count));
	store_images_free(images, image_count);
	record_free_list(records, record_count);
	request->answer = json_pack("{s:o}", "images", list);
	return API_OK;
}

/* With the images locked, so that no sandbox starts to need it meanwhile. */
static enum api_code remove_unused(struct request *request, const char *digest)
{
	struct daemon *daemon = request->daemon;
	struct record *records;
	const char *user = NULL;
	enum api_code code = API_OK;
	size_t count;

	if (registry_list(daemon->registry, &records, &count, &request->err) < 0)
		return API_FAILED;
	for (size_t i = 0; i < count && !user; i++)
		if (uses(&records[i], digest))
			user = records[i].spec.name;
	if (user) {
		err_set(&request->err, EBUSY, "image %s is needed by sandbox %s", digest, user);
		err_hint(&request->err, "sbx image ls shows all sandboxes that need it");
		code = API_IN_USE;
	} else {
		int r = store_remove(&daemon->store, digest, &request->err);

		code = r == 0 ? API_OK : r == -ENOENT ? API_NOT_FOUND : API_FAILED;
	}
	record_free_list(records, count);
	return code;
}

enum api_code api_remove_image(struct request *request)
{
	enum api_code code;

	if (!store_digest_is_valid(request->parameter)) {
		err_set(&request->err, EINVAL, "\"%s\" is not an image's digest",
			request->parameter);
		return API_BAD_REQUEST;
	}
	pthread_mutex_lock(&request->daemon->images);
	code = remove_unused(request, request->parameter);
	pthread_mutex_unlock(&request->daemon->images);
	if (code == API_OK)
		request->answer = json_object();
	return code;
}

/* One listener of a build. */
struct listener {
	struct build *build;
	size_t offset;
};

static ssize_t read_build(void *argument, uint64_t position, char *bytes, size_t size)
{
	struct listener *listener = argument;
	size_t length = build_read(listener->build, listener->offset, bytes, size);

	(void)position;
	listener->offset += length;
	return length ? (ssize_t)length : MHD_CONTENT_READER_END_OF_STREAM;
}

static void end_listening(void *argument)
{
	struct listener *listener = argument;

	build_release(listener->build);
	free(listener);
}

enum api_code api_build_image(struct request *request)
{
	static const char *const keys[] = { "agent", NULL };
	const struct agent *agent = NULL;
	struct listener *listener;
	struct build *build;
	const char *name = NULL;
	enum api_code code = spec_check_keys(request->body, keys, &request->err);

	if (code == API_OK)
		code = spec_get_string(request->body, "agent", &name, &request->err);
	if (code != API_OK)
		return code;
	if (name && agents_require(&request->daemon->agents, name, &agent, &request->err) < 0)
		return API_NOT_FOUND;
	if (build_join(agent ? agent->name : NULL, &build, &request->err) < 0)
		return API_FAILED;
	listener = xcalloc(1, sizeof(*listener));
	listener->build = build;
	request->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK,
		read_build, listener, end_listening);
	MHD_add_response_header(request->stream, "Content-Type", "application/x-ndjson");
	return API_OK;
}

enum api_code api_list_agents(struct request *request)
{
	const struct agents *agents = &request->daemon->agents;
	json_t *list = json_array();

	for (size_t i = 0; i < agents->count; i++)
		json_array_append_new(list, agent_to_json(agents->items[i]));
	request->answer = json_pack("{s:o}", "agents", list);
	return API_OK;
}
