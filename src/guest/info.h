/* SPDX-License-Identifier: Apache-2.0 */
/* The answers to LIST and INFO. */
#ifndef GUEST_INFO_H
#define GUEST_INFO_H

#include <stddef.h>

struct client;
struct server;

/* One ENTRY a session, then EXIT 0. */
void info_send_list(struct server *server, struct client *client);

/* The lines kernel, build-id, engine, uptime, workdir; then EXIT 0. */
void info_send(struct server *server, struct client *client);

/* The GNU build id among ELF notes, as 2 * 20 hex digits or fewer; "" if there is none. */
enum { INFO_BUILD_ID = 41 };
void info_find_build_id(const unsigned char *notes, size_t length, char ret[INFO_BUILD_ID]);

#endif
