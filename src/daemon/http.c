/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP on the daemon's socket. */
#include "daemon/http.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/api.h"

enum { STOP_GRACE_S = 5 };

struct http_server {
	struct MHD_Daemon *mhd;
	struct daemon *daemon;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	unsigned in_progress;
};

const char *request_query(struct request *request, const char *key)
{
	return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, key);
}

int request_socket(struct request *request)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(request->connection,
		MHD_CONNECTION_INFO_CONNECTION_FD);

	return info ? info->connect_fd : -1;
}

static struct request *request_create(struct http_server *server,
	struct MHD_Connection *connection)
{
	struct request *request = xcalloc(1, sizeof(*request));

	request->daemon = server->daemon;
	request->connection = connection;
	request->status = MHD_HTTP_OK;
	buf_init(&request->upload, HTTP_MAX_BODY);
	pthread_mutex_lock(&server->lock);
	server->in_progress++;
	pthread_mutex_unlock(&server->lock);
	return request;
}

static void request_completed(void *argument, struct MHD_Connection *connection, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct http_server *server = argument;
	struct request *request = *context;

	(void)connection;
	(void)code;
	if (!request)
		return;
	json_decref(request->body);
	json_decref(request->answer);
	json_decref(request->details);
	buf_finish(&request->upload);
	err_finish(&request->err);
	free(request->parameter);
	free(request);
	*context = NULL;
	pthread_mutex_lock(&server->lock);
	if (--server->in_progress == 0)
		pthread_cond_signal(&server->idle);
	pthread_mutex_unlock(&server->lock);
}

/* Paths and query values are decoded by us, after they were split. */
static size_t leave_escaped(void *argument, struct MHD_Connection *connection, char *text)
{
	(void)argument;
	(void)connection;
	return strlen(text);
}

static enum MHD_Result send_json(struct request *request, unsigned status, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	struct MHD_Response *response;
	enum MHD_Result result;

	if (!text)
		return MHD_NO;
	response = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
	MHD_add_response_header(response, "Content-Type", "application/json");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result send_error(struct request *request, enum api_code code)
{
	const struct err *err = &request->err;
	const char *message = err->message ? err->message : "unknown error";
	json_t *object = request->details ? json_incref(request->details) : json_object();
	json_t *text = json_string(message);
	enum MHD_Result result;

	json_object_set_new(object, "error", text ? text : json_string("(not UTF-8)"));
	if (err->hint)
		json_object_set_new(object, "hint", json_string(err->hint));
	json_object_set_new(object, "code", json_string(api_code_name(code)));
	if (code == API_FAILED || code == API_START_FAILED)
		log_warn("%s", message);
	result = send_json(request, api_code_status(code), object);
	json_decref(object);
	return result;
}

static enum api_code parse_body(struct request *request)
{
	size_t length = buf_length(&request->upload);
	json_error_t error;

	if (request->too_large) {
		err_set(&request->err, EFBIG, "the request's body is larger than 1 MiB");
		return API_TOO_LARGE;
	}
	if (length == 0) {
		request->body = json_object();
		return API_OK;
	}
	request->body = json_loadb((const char *)buf_head(&request->upload), length,
		JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(request->body))
		return API_OK;
	err_set(&request->err, EINVAL, "the request's body is not a JSON object%s%s",
		request->body ? "" : ": ", request->body ? "" : error.text);
	return API_BAD_REQUEST;
}

static enum MHD_Result answer(struct request *request, const char *url, const char *method)
{
	enum api_code code = parse_body(request);

	if (code == API_OK)
		code = api_dispatch(request, method, url);
	if (code != API_OK)
		return send_error(request, code);
	if (request->stream) {
		enum MHD_Result result =
			MHD_queue_response(request->connection, request->status, request->stream);

		MHD_destroy_response(request->stream);
		return result;
	}
	return send_json(request, request->status, request->answer);
}

/* Called first with the head, then with pieces of the body, last with none. */
static enum MHD_Result handle(void *argument, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **context)
{
	struct http_server *server = argument;
	struct request *request = *context;

	(void)version;
	if (!request) {
		*context = request_create(server, connection);
		return MHD_YES;
	}
	if (*upload_size > 0) {
		if (buf_append(&request->upload, upload, *upload_size) < 0)
			request->too_large = true;
		*upload_size = 0;
		return MHD_YES;
	}
	return answer(request, url, method);
}

static void log_message(void *argument, const char *format, va_list ap)
{
	cleanup_free char *text = xvasprintf(format, ap);

	(void)argument;
	log_debug("http: %s", text);
}

int http_start(struct daemon *daemon, int listen_fd, struct http_server **ret_server,
	struct err *err)
{
	struct http_server *server = xcalloc(1, sizeof(*server));
	pthread_condattr_t attributes;

	server->daemon = daemon;
	pthread_mutex_init(&server->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&server->idle, &attributes);
	pthread_condattr_destroy(&attributes);
	server->mhd = MHD_start_daemon(
		MHD_USE_POLL | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
			MHD_USE_ITC | MHD_USE_ERROR_LOG,
		0, NULL, NULL, handle, server, MHD_OPTION_EXTERNAL_LOGGER, log_message, NULL,
		MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_NOTIFY_COMPLETED,
		request_completed, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_MAX_CONNECTIONS, MHD_OPTION_END);
	if (!server->mhd) {
		free(server);
		return err_set(err, EIO, "start the HTTP server");
	}
	*ret_server = server;
	return 0;
}

void http_stop(struct http_server *server)
{
	struct timespec until;
	MHD_socket listener = MHD_quiesce_daemon(server->mhd);

	if (listener != MHD_INVALID_SOCKET)
		close(listener);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STOP_GRACE_S;
	pthread_mutex_lock(&server->lock);
	while (server->in_progress > 0)
		if (pthread_cond_timedwait(&server->idle, &server->lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&server->lock);
}
