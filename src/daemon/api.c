/* SPDX-License-Identifier: Apache-2.0 */
/* The API's table of routes, and what belongs to the daemon itself. */
#include "daemon/api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

enum { API_VERSION = 1, MAX_PARAMETER = 1024 };

static enum api_code get_version(struct request *request)
{
	request->answer = json_pack("{s:s, s:i, s:i, s:I}", "version", SBX_VERSION, "api",
		API_VERSION, "pid", (int)getpid(), "started_ns",
		(json_int_t)request->daemon->started_ns);
	return API_OK;
}

static enum api_code shut_down(struct request *request)
{
	if (eventfd_write(request->daemon->shutdown_fd, 1) < 0) {
		err_errno(&request->err, errno, "end the daemon");
		return API_FAILED;
	}
	request->answer = json_object();
	return API_OK;
}

/* "*" stands for one segment. */
static const struct route {
	const char *method;
	const char *path;
	request_handler handle;
} routes[] = {
	{ "GET", "/v1/version", get_version },
	{ "GET", "/v1/sandboxes", api_list_sandboxes },
	{ "POST", "/v1/sandboxes", api_create_sandbox },
	{ "POST", "/v1/sandboxes/find", api_find_sandbox },
	{ "GET", "/v1/sandboxes/*", api_inspect_sandbox },
	{ "DELETE", "/v1/sandboxes/*", api_remove_sandbox },
	{ "POST", "/v1/sandboxes/*/start", api_start_sandbox },
	{ "POST", "/v1/sandboxes/*/stop", api_stop_sandbox },
	{ "GET", "/v1/sandboxes/*/log", api_read_log },
	{ "GET", "/v1/images", api_list_images },
	{ "POST", "/v1/images", api_build_image },
	{ "DELETE", "/v1/images/*", api_remove_image },
	{ "GET", "/v1/agents", api_list_agents },
	{ "POST", "/v1/shutdown", shut_down },
};

/* Whether the URL has the route's form. *ret_parameter is the segment that "*" stands for. */
static bool route_matches(const struct route *route, const char *url, const char **ret_parameter,
	size_t *ret_length)
{
	const char *path = route->path;

	while (*path && *url) {
		if (*path == '*') {
			*ret_parameter = url;
			*ret_length = strcspn(url, "/");
			if (*ret_length == 0)
				return false;
			url += *ret_length;
			path++;
		} else if (*path++ != *url++) {
			return false;
		}
	}
	return !*path && !*url;
}

static enum api_code run(const struct route *route, struct request *request, const char *parameter,
	size_t length)
{
	if (parameter) {
		request->parameter = xstrndup(parameter, length);
		if (length > MAX_PARAMETER || text_percent_decode(request->parameter) < 0) {
			err_set(&request->err, EINVAL, "a malformed path");
			return API_BAD_REQUEST;
		}
	}
	return route->handle(request);
}

enum api_code api_dispatch(struct request *request, const char *method, const char *url)
{
	bool path_known = false;

	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		const char *parameter = NULL;
		size_t length = 0;

		if (!route_matches(&routes[i], url, &parameter, &length))
			continue;
		path_known = true;
		if (strcmp(routes[i].method, method) == 0)
			return run(&routes[i], request, parameter, length);
	}
	if (path_known) {
		err_set(&request->err, EINVAL, "%s does not take %s", url, method);
		return API_BAD_METHOD;
	}
	err_set(&request->err, ENOENT, "no such path: %s", url);
	return API_NOT_FOUND;
}
