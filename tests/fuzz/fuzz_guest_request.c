/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's parser of requests: no crash, and what it accepts is within its promises. */
#include <assert.h>
#include <string.h>

#include "guest/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request;

	if (request_parse(&request, SESSION_EXEC, data, size) < 0)
		return 0;
	if (request.args.items)
		assert(request.args.items[request.args.count] == NULL);
	for (size_t i = 0; i < request.env.count; i++)
		assert(strchr(request.env.items[i], '='));
	if (request.name)
		assert(*request.name && strlen(request.name) <= REQUEST_MAX_NAME);
	request_finish(&request);
	return 0;
}
