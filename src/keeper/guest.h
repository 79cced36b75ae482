/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the keeper knows of the guest: the link to sbx-vsock (docs/protocol/vsock.md), which counts
 * the clients and hands over the control stream, and that stream itself (docs/protocol/control.md).
 *
 * Both peers may be hostile: sbx-vsock parses guest bytes, the stream's bytes are the guest's. Each
 * can say numbers and nothing else; whatever breaks the rules ends the stream or the link.
 */
#ifndef KEEPER_GUEST_H
#define KEEPER_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "keeper/loop.h"
#include "keeper/record.h"

enum { GUEST_STREAMS_MAX = 256, GUEST_DETACHED_MAX = 1 << 16 };

struct guest {
	struct loop *loop;
	struct watch vsock;  /* SOCK_SEQPACKET to sbx-vsock */
	struct watch stream; /* the control stream */
	struct record_reader reader;
	uint32_t streams;  /* clients of the session port */
	uint32_t detached; /* sessions without a client, as the guest says */
	void (*ready)(struct guest *guest);
	void (*changed)(struct guest *guest); /* streams or detached */
};

void guest_init(struct guest *guest, struct loop *loop, void (*ready)(struct guest *guest),
	void (*changed)(struct guest *guest));

/* Begins with a new sbx-vsock. Takes the descriptor, also when it fails. Returns 0 or -errno. */
int guest_attach(struct guest *guest, int vsock_fd);

/* Closes both; the counters are 0 again. */
void guest_detach(struct guest *guest);

/* Sends a record. False if there is no stream, or it does not take 16 bytes just now. */
bool guest_send(struct guest *guest, enum record_type type, uint32_t argument, uint64_t value);

#endif
