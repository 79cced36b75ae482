/* SPDX-License-Identifier: Apache-2.0 */
/* A stream to the guest's session server (docs/protocol/vsock.md). */
#ifndef CLI_SESSION_OPEN_H
#define CLI_SESSION_OPEN_H

#include "cli/session_client.h"
#include "common/err.h"

/*
 * Connects to vsock.sock and asks for the session port; what client->out holds may go along. Bytes
 * that came behind the answer are left in client->in. Returns 0 and a non-blocking socket, or -errno.
 */
int session_open(const char *vsock_path, struct session_client *client, int *ret_fd,
	struct err *err);

#endif
