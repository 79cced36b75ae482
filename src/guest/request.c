/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of the client's request. */
#include "guest/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"

int request_list_add(struct request_list *list, const char *bytes, size_t length)
{
	if (list->count == REQUEST_MAX_STRINGS)
		return -E2BIG;
	if (list->count + 1 >= list->room) {
		list->room = list->room ? list->room * 2 : 32;
		list->items = xreallocarray(list->items, list->room, sizeof(char *));
	}
	list->items[list->count++] = xstrndup(bytes, length);
	list->items[list->count] = NULL;
	return 0;
}

int request_list_set(struct request_list *list, const char *assignment)
{
	size_t length = strcspn(assignment, "=");

	for (size_t i = 0; i < list->count; i++) {
		char *old = list->items[i];

		if (strncmp(old, assignment, length) != 0 || old[length] != '=')
			continue;
		list->items[i] = xstrdup(assignment);
		free(old);
		return 0;
	}
	return request_list_add(list, assignment, strlen(assignment));
}

int request_list_prepend(struct request_list *list, char *const *first)
{
	struct request_list joined = { 0 };
	int r = 0;

	for (; r == 0 && *first; first++)
		r = request_list_add(&joined, *first, strlen(*first));
	for (size_t i = 0; r == 0 && i < list->count; i++)
		r = request_list_add(&joined, list->items[i], strlen(list->items[i]));
	if (r < 0) {
		request_list_finish(&joined);
		return r;
	}
	request_list_finish(list);
	*list = joined;
	return 0;
}

void request_list_finish(struct request_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct request_list){ 0 };
}

static int take_string(char **target, const struct session_field *field)
{
	if (*target)
		return -EPROTO;
	*target = xstrndup((const char *)field->bytes, field->length);
	return 0;
}

static bool has_nul(const struct session_field *field)
{
	return memchr(field->bytes, '\0', field->length) != NULL;
}

static int parse_string(struct request *request, const struct session_field *field)
{
	if (has_nul(field))
		return -EPROTO;
	switch (field->tag) {
	case SESSION_TAG_ARG:
		return request_list_add(&request->args, (const char *)field->bytes, field->length);
	case SESSION_TAG_ENV:
		if (field->length == 0 || !memchr(field->bytes + 1, '=', field->length - 1))
			return -EPROTO;
		return request_list_add(&request->env, (const char *)field->bytes, field->length);
	case SESSION_TAG_USER:
		return take_string(&request->user, field);
	case SESSION_TAG_CWD:
		return take_string(&request->directory, field);
	default:
		if (field->length == 0 || field->length > REQUEST_MAX_NAME)
			return -EPROTO;
		return take_string(&request->name, field);
	}
}

static int parse_number(struct request *request, const struct session_field *field)
{
	static const uint32_t sizes[] = {
		[SESSION_TAG_TTY] = 4,
		[SESSION_TAG_FLAGS] = 4,
		[SESSION_TAG_ID] = 8,
	};

	if (field->length != sizes[field->tag])
		return -EPROTO;
	if (field->tag == SESSION_TAG_FLAGS) {
		request->flags = session_get_u32(field->bytes);
	} else if (field->tag == SESSION_TAG_ID) {
		request->id = session_get_u64(field->bytes);
	} else {
		request->terminal = true;
		request->rows = session_get_u16(field->bytes);
		request->columns = session_get_u16(field->bytes + 2);
	}
	return 0;
}

static int parse_field(struct request *request, const struct session_field *field)
{
	switch (field->tag) {
	case SESSION_TAG_ARG:
	case SESSION_TAG_ENV:
	case SESSION_TAG_USER:
	case SESSION_TAG_CWD:
	case SESSION_TAG_NAME:
		return parse_string(request, field);
	case SESSION_TAG_TTY:
	case SESSION_TAG_FLAGS:
	case SESSION_TAG_ID:
		return parse_number(request, field);
	default:
		return -EPROTO;
	}
}

int request_parse(struct request *request, uint8_t type, const unsigned char *bytes, size_t length)
{
	struct request parsed = { .type = type };
	struct session_field field;
	size_t offset = 0;
	int r;

	while ((r = session_next_field(bytes, length, &offset, &field)) > 0) {
		r = parse_field(&parsed, &field);
		if (r < 0)
			break;
	}
	if (r < 0) {
		request_finish(&parsed);
		return -EPROTO;
	}
	*request = parsed;
	return 0;
}

void request_finish(struct request *request)
{
	request_list_finish(&request->args);
	request_list_finish(&request->env);
	free(request->user);
	free(request->directory);
	free(request->name);
	*request = (struct request){ 0 };
}
