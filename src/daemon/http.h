/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP on the daemon's socket: libmicrohttpd with one thread per connection, so that a handler may
 * block as long as its work takes.
 *
 * Who can connect is the user (the socket is 0600 in a 0700 directory). Input is checked all the
 * same: bodies are bounded JSON objects, paths and methods are matched against a fixed table.
 */
#ifndef DAEMON_HTTP_H
#define DAEMON_HTTP_H

#include <jansson.h>
#include <microhttpd.h>
#include <stdbool.h>

#include "common/buf.h"
#include "common/err.h"
#include "daemon/code.h"
#include "daemon/daemon.h"

enum { HTTP_MAX_BODY = 1 << 20, HTTP_MAX_CONNECTIONS = 512 };

struct request {
	struct daemon *daemon;
	struct MHD_Connection *connection;
	char *parameter; /* what "*" in the route stands for, decoded; or NULL */
	json_t *body;	 /* an object; {} if there was none */

	/* The handler's answer: with API_OK one of these, */
	json_t *answer; /* an object */
	unsigned status; /* 200 if it leaves it alone */
	struct MHD_Response *stream;
	/* with any other code the reason. */
	struct err err;
	json_t *details; /* an object whose members go into the error's object; or NULL */

	struct buf upload;
	bool too_large;
};

/* Does what the request asks for. */
typedef enum api_code (*request_handler)(struct request *request);

/* The value of a query parameter as it stands in the URL, or NULL. */
const char *request_query(struct request *request, const char *key);

/* Whether the client is still there, for handlers that stream. */
int request_socket(struct request *request);

struct http_server;

/* Serves the listening socket, which it takes. */
int http_start(struct daemon *daemon, int listen_fd, struct http_server **ret_server,
	struct err *err);

/* Takes no more connections and gives requests in progress a moment to end. */
void http_stop(struct http_server *server);

#endif
