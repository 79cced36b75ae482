/* SPDX-License-Identifier: Apache-2.0 */
/* The server of keeper.sock. */
#include "keeper/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "keeper/keeper.h"

enum { STOP_TIMEOUT_DEFAULT_MS = 2000, STOP_TIMEOUT_MAX_MS = 10 * 60 * 1000 };

static struct keeper *keeper_of(struct control_client *client)
{
	return container_of(client->control, struct keeper, control);
}

static void drop(struct control_client *client)
{
	loop_close(client->control->loop, &client->watch);
	client->watching = false;
}

/* Takes the object. */
static void reply(struct control_client *client, json_t *object)
{
	cleanup_free char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!text || send(client->watch.fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		drop(client);
}

static json_t *ok(void)
{
	return json_pack("{s:b}", "ok", 1);
}

static json_t *op_status(struct control_client *client, const json_t *request)
{
	return keeper_status(keeper_of(client));
}

static json_t *op_watch(struct control_client *client, const json_t *request)
{
	client->watching = true;
	return keeper_status(keeper_of(client));
}

/* A whole number of the request, or the default if it is missing or out of range. */
static json_int_t number(const json_t *request, const char *key, json_int_t fallback,
	json_int_t most)
{
	const json_t *value = json_object_get(request, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
		json_integer_value(value) > most)
		return fallback;
	return json_integer_value(value);
}

static json_t *op_stop(struct control_client *client, const json_t *request)
{
	keeper_stop(keeper_of(client), EXIT_STOP,
		(unsigned)number(request, "timeout_ms", STOP_TIMEOUT_DEFAULT_MS,
			STOP_TIMEOUT_MAX_MS));
	return ok();
}

static json_t *op_kill(struct control_client *client, const json_t *request)
{
	keeper_kill(keeper_of(client), EXIT_KILL, "killed as asked for");
	return ok();
}

static json_t *op_keep(struct control_client *client, const json_t *request)
{
	keeper_set_idle_timeout(keeper_of(client),
		(uint64_t)number(request, "idle_timeout_s", 0, INT32_MAX));
	return ok();
}

static const struct {
	const char *name;
	json_t *(*handle)(struct control_client *client, const json_t *request);
} operations[] = {
	{ "status", op_status },
	{ "watch", op_watch },
	{ "stop", op_stop },
	{ "kill", op_kill },
	{ "keep", op_keep },
};

static void handle_request(struct control_client *client, const char *text, size_t length)
{
	json_t *request = json_loadb(text, length, 0, NULL);
	const char *name = json_string_value(json_object_get(request, "op"));
	json_t *answer = NULL;

	for (size_t i = 0; name && i < sizeof(operations) / sizeof(*operations); i++)
		if (strcmp(name, operations[i].name) == 0)
			answer = operations[i].handle(client, request);
	json_decref(request);
	reply(client, answer ? answer : json_pack("{s:s}", "error", "not a request"));
}

static void client_ready(struct watch *watch, uint32_t events)
{
	struct control_client *client = container_of(watch, struct control_client, watch);
	static char bytes[CONTROL_REQUEST_MAX];
	ssize_t n = recv(watch->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || (size_t)n > sizeof(bytes)) {
		drop(client);
		return;
	}
	handle_request(client, bytes, (size_t)n);
}

static struct control_client *free_slot(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].watch.fd < 0)
			return &control->clients[i];
	return NULL;
}

static void listener_ready(struct watch *watch, uint32_t events)
{
	struct control *control = container_of(watch, struct control, listener);
	int fd = accept4(watch->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct control_client *client = free_slot(control);

	if (fd < 0)
		return;
	if (!client) {
		close(fd);
		return;
	}
	client->watch.fd = fd;
	client->watching = false;
	if (loop_add(control->loop, &client->watch, EPOLLIN) < 0)
		drop(client);
}

int control_init(struct control *control, struct loop *loop, int listen_fd)
{
	*control = (struct control){
		.loop = loop,
		.listener = { .fd = listen_fd, .ready = listener_ready },
	};
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		control->clients[i] = (struct control_client){
			.watch = { .fd = -1, .ready = client_ready },
			.control = control,
		};
	return loop_add(loop, &control->listener, EPOLLIN);
}

void control_announce(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS; i++)
		if (control->clients[i].watch.fd >= 0 && control->clients[i].watching)
			reply(&control->clients[i], keeper_status(keeper_of(&control->clients[i])));
}
