/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio socket device: packets that come from the guest.
 *
 * All that a packet says is the guest's claim. The header is copied out once; the payload is
 * opaque, and goes on to the host or into the stream's buffer without being looked at.
 */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_vsock.h>
#include <sys/socket.h>

#include "virtio/vsock_device.h"

/* A packet's header in the host's byte order. */
struct packet {
	uint64_t guest_cid;
	uint64_t host_cid;
	uint32_t guest_port;
	uint32_t host_port;
	uint32_t length;
	uint16_t type;
	uint16_t op;
	uint32_t flags;
	uint32_t alloc;
	uint32_t forwarded;
};

static void reply_reset(struct vsock *vsock, const struct packet *packet)
{
	struct vsock_reply reply = { packet->host_port, packet->guest_port, packet->type };

	/* A RST is never answered, or two sides could go on forever. */
	if (packet->op != VIRTIO_VSOCK_OP_RST)
		vsock_reply_reset(vsock, &reply);
}

/* The guest broke the rules of its stream: it is reset, the host keeps what came before. */
static void reset_stream(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	reply_reset(vsock, packet);
	vsock_guest_gone(vsock, stream);
}

/* A request for a new stream. */
static void handle_request(struct vsock *vsock, const struct packet *packet)
{
	int slot = vsock_table_reserve(&vsock->table);
	struct vsock_stream *stream;

	if (slot < 0) {
		reply_reset(vsock, packet);
		return;
	}
	stream = &vsock->table.streams[slot];
	if (vsock->host->accept(vsock->arg, (unsigned)slot, packet->host_port) < 0) {
		vsock_table_release(&vsock->table, (unsigned)slot);
		reply_reset(vsock, packet);
		return;
	}
	stream->state = VSOCK_ESTABLISHED;
	stream->host_port = packet->host_port;
	stream->guest_port = packet->guest_port;
	stream->peer_alloc = packet->alloc;
	stream->peer_forwarded = packet->forwarded;
	vsock_table_link(&vsock->table, (unsigned)slot);
	vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_RESPONSE));
}

static void handle_response(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	unsigned slot = vsock_table_slot(&vsock->table, stream);

	if (stream->state != VSOCK_CONNECTING ||
		stream->owed & VSOCK_OWE(VIRTIO_VSOCK_OP_REQUEST)) {
		reset_stream(vsock, stream, packet);
		return;
	}
	stream->state = VSOCK_ESTABLISHED;
	vsock->host->established(vsock->arg, slot, stream->host_port);
	if (stream->readable)
		vsock_table_enqueue(&vsock->table, slot);
}

static void handle_reset(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	vsock_guest_gone(vsock, stream);
}

static void handle_shutdown(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	unsigned slot = vsock_table_slot(&vsock->table, stream);
	bool ended = packet->flags & VIRTIO_VSOCK_SHUTDOWN_SEND;
	bool deaf = packet->flags & VIRTIO_VSOCK_SHUTDOWN_RCV;

	ended |= stream->guest_ended;
	deaf |= stream->guest_deaf;
	if (ended && deaf) {
		/* Nothing more can come of it for the guest, which waits for this RST. */
		reset_stream(vsock, stream, packet);
		return;
	}
	if (ended && !stream->guest_ended) {
		stream->guest_ended = true;
		if (stream->buffer.length == 0)
			vsock->host->shutdown(vsock->arg, slot, SHUT_WR);
	}
	if (deaf && !stream->guest_deaf) {
		stream->guest_deaf = true;
		vsock->host->shutdown(vsock->arg, slot, SHUT_RD);
		if (stream->host_gone)
			vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_RST));
	}
}

/* Payload: to the host as far as it takes it now, the rest into the buffer. */
static void handle_payload(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	struct segments *payload = &vsock->chain.readable;
	unsigned slot = vsock_table_slot(&vsock->table, stream);
	ssize_t taken = 0;

	if (packet->length > payload->length || stream->guest_ended ||
		packet->length > vsock_stream_allowance(stream)) {
		reset_stream(vsock, stream, packet);
		return;
	}
	if (packet->length == 0)
		return;
	segments_truncate(payload, packet->length);
	stream->received += packet->length;
	if (!stream->host_gone && stream->buffer.length == 0) {
		taken = vsock->host->deliver(vsock->arg, slot, payload->iov, payload->count);
		if (taken < 0)
			vsock_host_gone(vsock, stream);
	}
	if (stream->host_gone)
		taken = packet->length;
	if (taken < packet->length)
		byte_ring_append(&stream->buffer, payload->iov, payload->count, (size_t)taken);
	vsock_forwarded(vsock, stream, (size_t)taken);
}

/* The credit in the header, which every packet carries, is all there is to it. */
static void handle_credit_update(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
}

static void handle_credit_request(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_CREDIT_UPDATE));
}

static const struct {
	void (*handle)(struct vsock *vsock, struct vsock_stream *stream,
		const struct packet *packet);
	bool established_only;
} operations[] = {
	[VIRTIO_VSOCK_OP_REQUEST] = { reset_stream, false }, /* of a stream that exists */
	[VIRTIO_VSOCK_OP_RESPONSE] = { handle_response, false },
	[VIRTIO_VSOCK_OP_RST] = { handle_reset, false },
	[VIRTIO_VSOCK_OP_SHUTDOWN] = { handle_shutdown, true },
	[VIRTIO_VSOCK_OP_RW] = { handle_payload, true },
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = { handle_credit_update, true },
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = { handle_credit_request, true },
};

/* The packet belongs to a stream. */
static void handle_stream_packet(struct vsock *vsock, struct vsock_stream *stream,
	const struct packet *packet)
{
	/* Its RST is on the way. */
	if (stream->state == VSOCK_RESETTING && packet->op != VIRTIO_VSOCK_OP_RST)
		return;
	if (packet->op >= sizeof(operations) / sizeof(*operations) ||
		!operations[packet->op].handle ||
		(operations[packet->op].established_only && stream->state != VSOCK_ESTABLISHED)) {
		reset_stream(vsock, stream, packet);
		return;
	}
	stream->peer_alloc = packet->alloc;
	stream->peer_forwarded = packet->forwarded;
	if (stream->credit_requested && vsock_stream_credit(stream) > 0)
		stream->credit_requested = false;
	if (stream->readable && stream->state == VSOCK_ESTABLISHED)
		vsock_table_enqueue(&vsock->table, vsock_table_slot(&vsock->table, stream));
	operations[packet->op].handle(vsock, stream, packet);
}

static int parse(struct segments *from, struct packet *ret_packet)
{
	struct virtio_vsock_hdr header;
	struct iovec at[sizeof(header)];
	size_t count = segments_take(from, sizeof(header), at, sizeof(header));

	if (count == 0)
		return -EPROTO;
	segments_fetch(&header, at, count);
	*ret_packet = (struct packet){
		.guest_cid = le64toh(header.src_cid),
		.host_cid = le64toh(header.dst_cid),
		.guest_port = le32toh(header.src_port),
		.host_port = le32toh(header.dst_port),
		.length = le32toh(header.len),
		.type = le16toh(header.type),
		.op = le16toh(header.op),
		.flags = le32toh(header.flags),
		.alloc = le32toh(header.buf_alloc),
		.forwarded = le32toh(header.fwd_cnt),
	};
	return 0;
}

int vsock_receive(struct vsock *vsock)
{
	struct packet packet;
	int slot;

	if (vsock->chain.writable.count > 0 || parse(&vsock->chain.readable, &packet) < 0)
		return -EPROTO;
	/* Nobody could take an answer to a packet with a forged sender. */
	if (packet.guest_cid != vsock->cid || packet.host_cid != VSOCK_HOST_CID)
		return 0;
	slot = packet.type == VIRTIO_VSOCK_TYPE_STREAM ?
		       vsock_table_find(&vsock->table, packet.host_port, packet.guest_port) :
		       -EPROTOTYPE;
	if (slot >= 0)
		handle_stream_packet(vsock, &vsock->table.streams[slot], &packet);
	else if (slot == -ENOENT && packet.op == VIRTIO_VSOCK_OP_REQUEST)
		handle_request(vsock, &packet);
	else
		reply_reset(vsock, &packet);
	return 0;
}
