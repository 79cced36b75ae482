/* SPDX-License-Identifier: Apache-2.0 */
/* The outcome of an API operation. */
#include "daemon/code.h"

static const struct {
	unsigned status;
	const char *name;
} codes[] = {
	[API_OK] = { 200, "ok" },
	[API_BAD_REQUEST] = { 400, "bad_request" },
	[API_NOT_FOUND] = { 404, "not_found" },
	[API_BAD_METHOD] = { 405, "bad_request" },
	[API_TOO_LARGE] = { 413, "bad_request" },
	[API_EXISTS] = { 409, "exists" },
	[API_BUSY] = { 409, "busy" },
	[API_NO_IMAGE] = { 409, "no_image" },
	[API_IN_USE] = { 409, "in_use" },
	[API_WORKSPACE] = { 422, "workspace" },
	[API_START_FAILED] = { 503, "start_failed" },
	[API_FAILED] = { 500, "failed" },
};

unsigned api_code_status(enum api_code code)
{
	return codes[code].status;
}

const char *api_code_name(enum api_code code)
{
	return codes[code].name;
}
