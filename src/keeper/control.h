/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server of keeper.sock (docs/protocol/keeper.md). Its clients are the user's own processes
 * (the socket is 0600 in a 0700 directory), so bounds here are against mistakes, not attacks: 16
 * clients, 16 KiB a request, one reply each, nothing queued. A client that does not read loses its
 * connection.
 */
#ifndef KEEPER_CONTROL_H
#define KEEPER_CONTROL_H

#include <jansson.h>
#include <stdbool.h>

#include "keeper/loop.h"

enum { CONTROL_CLIENTS = 16, CONTROL_REQUEST_MAX = 16 * 1024 };

struct control;

struct control_client {
	struct watch watch;
	struct control *control;
	bool watching;
};

struct control {
	struct loop *loop;
	struct watch listener;
	struct control_client clients[CONTROL_CLIENTS];
};

/* Takes the listening socket. */
int control_init(struct control *control, struct loop *loop, int listen_fd);

/* Sends the status to those who watch. */
void control_announce(struct control *control);

#endif
