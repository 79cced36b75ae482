/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of a vsock device's streams: who they are, how far each side has sent, and which of
 * them have something to tell the guest.
 *
 * Fixed size, no allocation. A stream is named by its slot on the host's side and by its pair of
 * ports on the guest's; only streams the guest still takes part in are found by ports.
 */
#ifndef VIRTIO_VSOCK_STREAM_H
#define VIRTIO_VSOCK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio/byte_ring.h"

enum { VSOCK_STREAMS = 256, VSOCK_BUFFER = 256 << 10 };

enum vsock_state {
	VSOCK_FREE,
	VSOCK_RESERVED,	   /* the host holds the slot, the guest knows nothing of it */
	VSOCK_CONNECTING,  /* REQUEST is owed or sent, no answer yet */
	VSOCK_ESTABLISHED,
	VSOCK_RESETTING,   /* the host is gone, RST is owed to the guest */
	VSOCK_DRAINING,	   /* the guest is gone, buffered bytes go to the host */
};

struct vsock_stream {
	enum vsock_state state;
	uint32_t host_port;
	uint32_t guest_port;
	uint16_t owed; /* packets the guest is to get: set of 1 << op */

	/* Host to guest, all counters modulo 2^32 (§5.10.6.3). */
	uint32_t peer_alloc;	 /* the guest's buffer */
	uint32_t peer_forwarded; /* what it says it has taken from it */
	uint32_t sent;
	bool credit_requested; /* and not answered */

	/* Guest to host. */
	uint32_t received;
	uint32_t forwarded; /* given to the host */
	uint32_t announced; /* `forwarded` as the guest was last told */
	struct byte_ring buffer;

	bool readable;		/* the host may have bytes */
	bool host_ended;	/* the host has sent its last byte */
	bool host_gone;		/* … and takes no more either */
	bool guest_ended;	/* the guest has sent its last byte */
	bool guest_deaf;	/* the guest takes no more bytes */
	bool queued;		/* in the list of those with something to send */
	uint16_t next_queued;	/* slot, or VSOCK_STREAMS */
	uint16_t next_in_bucket;
};

struct vsock_table {
	struct vsock_stream streams[VSOCK_STREAMS];
	uint16_t buckets[VSOCK_STREAMS];
	uint16_t first_queued, last_queued;
	unsigned char *buffers; /* one mapping, VSOCK_BUFFER for each stream */
};

int vsock_table_init(struct vsock_table *table);
void vsock_table_finish(struct vsock_table *table);

/* A slot in state VSOCK_RESERVED, or -ENFILE. */
int vsock_table_reserve(struct vsock_table *table);

/* Makes the slot free. It must be neither linked nor queued. */
void vsock_table_release(struct vsock_table *table, unsigned slot);

/* Makes the stream known by its ports, and unknown again. */
void vsock_table_link(struct vsock_table *table, unsigned slot);
void vsock_table_unlink(struct vsock_table *table, unsigned slot);

/* The slot of the linked stream with these ports, or -ENOENT. */
int vsock_table_find(const struct vsock_table *table, uint32_t host_port, uint32_t guest_port);

/* First in, first out. A stream is in the queue at most once. */
void vsock_table_enqueue(struct vsock_table *table, unsigned slot);
void vsock_table_dequeue(struct vsock_table *table, unsigned slot);

/* The head of the queue without taking it out, or -ENOENT. */
int vsock_table_head(const struct vsock_table *table);

static inline unsigned vsock_table_slot(const struct vsock_table *table,
	const struct vsock_stream *stream)
{
	return (unsigned)(stream - table->streams);
}

/* How many bytes the guest has room for. A guest that claims nonsense gets nothing. */
static inline uint32_t vsock_stream_credit(const struct vsock_stream *stream)
{
	uint32_t in_flight = stream->sent - stream->peer_forwarded;

	return in_flight > stream->peer_alloc ? 0 : stream->peer_alloc - in_flight;
}

/* How many bytes the guest may send, going by what it has been told. */
static inline uint32_t vsock_stream_allowance(const struct vsock_stream *stream)
{
	return VSOCK_BUFFER - (stream->received - stream->announced);
}

#endif
