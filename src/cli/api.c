/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the daemon's API. */
#include "cli/api.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/daemon_start.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/escape.h"
#include "common/mem.h"

enum { MOST_ANSWER = 16 << 20, ANSWER_TIMEOUT_MS = 30000, MOST_RETRIES = 5 };

static const struct {
	const char *code;
	int number;
} codes[] = {
	{ "bad_request", EINVAL }, { "not_found", ENOENT },  { "exists", EEXIST },
	{ "busy", EBUSY },	   { "no_image", ENOPKG },   { "in_use", ETXTBSY },
	{ "workspace", ENOTDIR },  { "start_failed", EHOSTDOWN },
};

static int code_number(const char *code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(codes[i].code, code) == 0)
			return codes[i].number;
	return EIO;
}

const char *api_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

json_int_t api_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

/* Where the answer goes: a refusal is always kept whole, to be read as JSON. */
struct answer {
	struct buf body;
	const struct http_sink *sink; /* NULL: keep the good answer as well */
	bool began;		      /* something of it has come */
};

static int take_answer(void *arg, int status, const char *bytes, size_t length)
{
	struct answer *answer = arg;

	answer->began = true;
	if (answer->sink && status < 300)
		return answer->sink->take(answer->sink->arg, status, bytes, length);
	return buf_append(&answer->body, bytes, length);
}

/* What a guest that failed to boot said last comes before the error it explains. */
static void show_console(const json_t *lines)
{
	const json_t *line;
	size_t i;

	if (json_array_size(lines) > 0)
		fputs("the guest's console ended with:\n", stderr);
	json_array_foreach(lines, i, line) {
		cleanup_free char *safe = escape_line(json_is_string(line) ? json_string_value(line) : "");

		fprintf(stderr, "    %s\n", safe);
	}
}

static int refusal(const struct buf *body, int status, struct err *err)
{
	cleanup_json json_t *json = NULL;
	const char *hint;

	json = json_loadb((const char *)buf_head(body), buf_length(body), 0, NULL);
	if (!*api_text(json, "error"))
		return err_set(err, EIO, "the daemon answered with status %d", status);
	show_console(json_object_get(json, "console"));
	err_set(err, code_number(api_text(json, "code")), "%s", api_text(json, "error"));
	hint = api_text(json, "hint");
	if (*hint)
		err_hint(err, "%s", hint);
	return -err->code;
}

static int exchange_once(const struct api_request *request, struct answer *answer, struct err *err)
{
	struct http_sink sink = { take_answer, answer };
	struct http_request http = { .method = request->method,
				     .path = request->path,
				     .timeout_ms = request->slow ? -1 : ANSWER_TIMEOUT_MS };
	cleanup_free char *body = request->body ? json_dumps(request->body, JSON_COMPACT) : NULL;
	cleanup_close int fd = -1;
	int status = 0;
	int r;

	if (request->no_start)
		r = daemon_connect(&fd, err);
	else
		r = daemon_connect_or_start(&fd, err);
	if (r < 0)
		return r;
	http.body = body;
	if (request->progress) {
		http.tick = progress_tick;
		http.tick_arg = request->progress;
	}
	r = http_exchange(fd, &http, &sink, &status, err);
	if (r == 0 && status >= 300)
		r = refusal(&answer->body, status, err);
	return r;
}

/*
 * A daemon on its way out may still accept a connection and drop it. What only asks is asked again,
 * of the next daemon; what changes something might have been done.
 */
static int exchange(const struct api_request *request, struct answer *answer, struct err *err)
{
	bool asks = strcmp(request->method, "GET") == 0;
	int r = exchange_once(request, answer, err);

	for (int i = 0; i < MOST_RETRIES && r == -EPROTO && asks && !answer->began; i++) {
		err_finish(err);
		r = exchange_once(request, answer, err);
	}
	return r;
}

int api_stream(const struct api_request *request, const struct http_sink *sink, struct err *err)
{
	struct answer answer = { .sink = sink };
	int r;

	buf_init(&answer.body, MOST_ANSWER);
	r = exchange(request, &answer, err);
	buf_finish(&answer.body);
	return r;
}

int api_call(const struct api_request *request, json_t **ret_json, struct err *err)
{
	struct answer answer = { 0 };
	json_error_t error;
	json_t *json;
	int r;

	buf_init(&answer.body, MOST_ANSWER);
	r = exchange(request, &answer, err);
	if (r == 0 && ret_json) {
		json = json_loadb((const char *)buf_head(&answer.body), buf_length(&answer.body), 0,
			&error);
		if (json)
			*ret_json = json;
		else
			r = err_set(err, EPROTO, "the daemon's answer is no JSON: %s", error.text);
	}
	buf_finish(&answer.body);
	return r;
}

/* The same rule as the daemon's (docs/api.md): nothing else can be one, so do not ask. */
static bool is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789-.");

	return length >= 1 && length <= 63 && !name[length] && *name != '-' && *name != '.';
}

char *api_sandbox_path(const char *name, const char *rest, struct err *err)
{
	if (!is_name(name)) {
		err_set(err, ENOENT, "'%s' cannot be a sandbox's name", name);
		err_hint(err, "'sbx ls' lists the sandboxes");
		return NULL;
	}
	return xasprintf("/v1/sandboxes/%s%s", name, rest);
}

int api_get_sandbox(const char *name, json_t **ret_json, struct err *err)
{
	cleanup_free char *path = api_sandbox_path(name, "", err);
	struct api_request request = { .method = "GET", .path = path };

	return path ? api_call(&request, ret_json, err) : -ENOENT;
}
