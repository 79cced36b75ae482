/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of the session protocol. The first byte sizes the reads, then follow the
 * guest's bytes. Whatever they are: bounded buffers, events inside them, never more input than the
 * credit, and nothing after the end.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "cli/session_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_event(const struct session_client *client, const struct session_event *event)
{
	const unsigned char *head = buf_head(&client->in);

	if (event->bytes < head || event->length > SESSION_MAX_PAYLOAD ||
		event->bytes + event->length > head + buf_length(&client->in))
		abort();
	if (event->length && event->bytes[0] + event->bytes[event->length - 1] < 0)
		abort();
}

static int take_events(struct session_client *client)
{
	struct session_event event;
	int r;

	while ((r = session_client_next(client, &event)) > 0) {
		check_event(client, &event);
		if (client->ended && session_client_next(client, &event) != 0)
			abort();
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char input[SESSION_MAX_PAYLOAD];
	struct session_client client;
	size_t piece;

	if (size < 1)
		return 0;
	piece = data[0] + 1;
	data++;
	size--;
	session_client_init(&client);
	while (size > 0) {
		size_t n = size < piece ? size : piece;
		size_t room;

		if (buf_append(&client.in, data, n) < 0)
			abort();
		data += n;
		size -= n;
		if (take_events(&client) < 0)
			break;
		room = session_client_input_room(&client);
		if (room > client.credit)
			abort();
		session_client_input(&client, input, room);
		buf_consume(&client.out, buf_length(&client.out));
		if (client.ended)
			break;
	}
	session_client_finish(&client);
	return 0;
}
