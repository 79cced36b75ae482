/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of the daemon's API (docs/api.md): JSON in, JSON out, errors as the daemon words them.
 *
 * A refusal sets the error's code to the errno value that stands for the API's code:
 * not_found ENOENT, exists EEXIST, busy EBUSY, no_image ENOPKG, in_use ETXTBSY, workspace ENOTDIR,
 * start_failed EHOSTDOWN, bad_request EINVAL, all else EIO. A daemon that does not run, and was not
 * to be started, is ECONNREFUSED.
 */
#ifndef CLI_API_H
#define CLI_API_H

#include <jansson.h>

#include "cli/http.h"
#include "cli/progress.h"
#include "common/err.h"

struct api_request {
	const char *method;
	const char *path;
	const json_t *body;	   /* borrowed; NULL: none */
	bool no_start;		   /* do not start a daemon for this */
	bool slow;		   /* may take as long as it takes: a start, an image build */
	struct progress *progress; /* ticks while waiting; NULL: none */
};

/* One call. *ret_json (if asked for) is the caller's reference. Returns 0 or -errno. */
int api_call(const struct api_request *request, json_t **ret_json, struct err *err);

/* One call whose answer goes to the sink as it arrives, unless it is a refusal. */
int api_stream(const struct api_request *request, const struct http_sink *sink, struct err *err);

/* "/v1/sandboxes/NAME" + rest. NULL, with an error, if this cannot be a sandbox's name. */
char *api_sandbox_path(const char *name, const char *rest, struct err *err);

/* One sandbox by name, inspected. */
int api_get_sandbox(const char *name, json_t **ret_json, struct err *err);

/* Members of an answer; "" and 0 when missing or of another type. Borrowed. */
const char *api_text(const json_t *object, const char *key);
json_int_t api_number(const json_t *object, const char *key);

static inline void cleanup_json_(json_t **json)
{
	json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(cleanup_json_)))

#endif
