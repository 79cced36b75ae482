/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio socket device: packets that go to the guest. Each is made in the guest's own buffer,
 * at the moment there is one; until then it is a bit in the stream's `owed`, or its bytes lie in
 * the host's socket.
 */
#include <endian.h>
#include <errno.h>
#include <linux/virtio_vsock.h>

#include "virtio/vsock_device.h"

enum {
	RX_BATCH = 32,	 /* packets shown to the guest in one go */
	RX_BUDGET = 512, /* packets of one turn: others want theirs, too */
};

void vsock_reply_reset(struct vsock *vsock, const struct vsock_reply *reply)
{
	unsigned last = (vsock->first_reply + vsock->reply_count) % VSOCK_MAX_REPLIES;

	vsock->replies[last] = *reply;
	vsock->reply_count++;
}

/* Writes the header; on success the chain goes back to the guest. */
static void finish_packet(struct vsock *vsock, const struct iovec *at, size_t count,
	struct virtio_vsock_hdr *header, size_t length)
{
	header->src_cid = htole64(VSOCK_HOST_CID);
	header->dst_cid = htole64(vsock->cid);
	header->len = htole32((uint32_t)length);
	segments_store(at, count, header);
	virtqueue_push(vsock->rx, &vsock->chain, (uint32_t)(sizeof(*header) + length));
}

static void send_reply(struct vsock *vsock, const struct iovec *at, size_t count)
{
	const struct vsock_reply *reply = &vsock->replies[vsock->first_reply];
	struct virtio_vsock_hdr header = {
		.src_port = htole32(reply->host_port),
		.dst_port = htole32(reply->guest_port),
		.type = htole16(reply->type),
		.op = htole16(VIRTIO_VSOCK_OP_RST),
	};

	vsock->first_reply = (vsock->first_reply + 1) % VSOCK_MAX_REPLIES;
	vsock->reply_count--;
	finish_packet(vsock, at, count, &header, 0);
}

/* What an established stream sends next, or VIRTIO_VSOCK_OP_INVALID. */
static unsigned next_op(struct vsock_stream *stream)
{
	static const uint8_t order[] = { VIRTIO_VSOCK_OP_REQUEST, VIRTIO_VSOCK_OP_RESPONSE,
		VIRTIO_VSOCK_OP_RST, VIRTIO_VSOCK_OP_RW, VIRTIO_VSOCK_OP_SHUTDOWN,
		VIRTIO_VSOCK_OP_CREDIT_UPDATE, VIRTIO_VSOCK_OP_CREDIT_REQUEST };
	bool has_bytes = stream->state == VSOCK_ESTABLISHED && stream->readable &&
			 !stream->host_ended && !stream->guest_deaf;
	unsigned owed = stream->owed;

	if (has_bytes && vsock_stream_credit(stream) > 0) {
		owed |= VSOCK_OWE(VIRTIO_VSOCK_OP_RW);
	} else if (has_bytes && !stream->credit_requested) {
		stream->credit_requested = true;
		stream->owed |= VSOCK_OWE(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
		owed = stream->owed;
	}
	for (size_t i = 0; i < sizeof(order); i++)
		if (owed & VSOCK_OWE(order[i]))
			return order[i];
	return VIRTIO_VSOCK_OP_INVALID;
}

/*
 * Reads the payload of an RW packet into the chain. Returns its length; 0 when there is none, and
 * the stream then knows why.
 */
static size_t fetch_payload(struct vsock *vsock, struct vsock_stream *stream, unsigned slot)
{
	struct segments *room = &vsock->chain.writable;
	ssize_t n;

	segments_truncate(room, vsock_stream_credit(stream));
	n = vsock->host->fetch(vsock->arg, slot, room->iov, room->count);
	if (n > 0) {
		stream->sent += (uint32_t)n;
		return (size_t)n;
	}
	stream->readable = false;
	if (n == 0) {
		stream->host_ended = true;
		stream->owed |= stream->host_gone ? VSOCK_OWE(VIRTIO_VSOCK_OP_RST) :
						    VSOCK_OWE(VIRTIO_VSOCK_OP_SHUTDOWN);
	}
	return 0;
}

/* Writes the header of a stream's packet and settles what the packet was owed for. */
static void send_packet(struct vsock *vsock, struct vsock_stream *stream, unsigned op,
	const struct iovec *at, size_t count, size_t length)
{
	struct virtio_vsock_hdr header = {
		.src_port = htole32(stream->host_port),
		.dst_port = htole32(stream->guest_port),
		.type = htole16(VIRTIO_VSOCK_TYPE_STREAM),
		.op = htole16((uint16_t)op),
		.flags = htole32(op == VIRTIO_VSOCK_OP_SHUTDOWN ? VIRTIO_VSOCK_SHUTDOWN_SEND : 0),
		.buf_alloc = htole32(VSOCK_BUFFER),
		.fwd_cnt = htole32(stream->forwarded),
	};

	finish_packet(vsock, at, count, &header, length);
	stream->announced = stream->forwarded;
	stream->owed &= (uint16_t)~(VSOCK_OWE(op) | VSOCK_OWE(VIRTIO_VSOCK_OP_CREDIT_UPDATE));
}

/* The head of the list takes its turn. Returns whether it filled the chain. */
static bool send_from_stream(struct vsock *vsock, unsigned slot, const struct iovec *at,
	size_t count)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];
	unsigned op = next_op(stream);
	size_t length = 0;

	if (op == VIRTIO_VSOCK_OP_RW) {
		length = fetch_payload(vsock, stream, slot);
		if (length == 0)
			return false;
	} else if (op == VIRTIO_VSOCK_OP_INVALID) {
		vsock_table_dequeue(&vsock->table, slot);
		return false;
	}
	send_packet(vsock, stream, op, at, count, length);
	vsock_table_dequeue(&vsock->table, slot);
	if (op == VIRTIO_VSOCK_OP_RST)
		vsock_guest_gone(vsock, stream);
	else
		vsock_table_enqueue(&vsock->table, slot);
	return true;
}

/*
 * Pops a receive buffer: 1, with its first bytes, where the header goes, in *at; 0 if there is
 * none; -EPROTO. A buffer that is readable or has no room for payload is no receive buffer.
 */
static int pop_buffer(struct vsock *vsock, struct iovec *at, size_t room, size_t *ret_count)
{
	struct virtqueue_chain *chain = &vsock->chain;
	int r = virtqueue_pop(vsock->rx, chain);

	if (r <= 0)
		return r;
	if (chain->readable.count > 0 ||
		chain->writable.length <= sizeof(struct virtio_vsock_hdr))
		return -EPROTO;
	*ret_count = segments_take(&chain->writable, sizeof(struct virtio_vsock_hdr), at, room);
	return *ret_count > 0 ? 1 : -EPROTO;
}

/* Sends one packet: 1; 0 if nothing is to be sent; -EAGAIN without a buffer; -EPROTO. */
static int send_one(struct vsock *vsock)
{
	struct iovec at[sizeof(struct virtio_vsock_hdr)];
	size_t count;

	for (;;) {
		int slot = vsock_table_head(&vsock->table);
		int r;

		if (vsock->reply_count == 0 && slot < 0)
			return 0;
		r = pop_buffer(vsock, at, sizeof(at) / sizeof(*at), &count);
		if (r <= 0)
			return r == 0 ? -EAGAIN : r;
		if (vsock->reply_count > 0) {
			send_reply(vsock, at, count);
			return 1;
		}
		if (send_from_stream(vsock, (unsigned)slot, at, count))
			return 1;
		virtqueue_unpop(vsock->rx);
	}
}

int vsock_send(struct vsock *vsock)
{
	int sent = 0, r;

	virtqueue_disable_kicks(vsock->rx);
	do {
		r = send_one(vsock);
		if (r == 1 && ++sent % RX_BATCH == 0) {
			virtqueue_publish(vsock->rx);
			virtqueue_signal(vsock->rx);
		}
		if (r == -EAGAIN && virtqueue_enable_kicks(vsock->rx))
			r = 1;
	} while (r == 1 && sent < RX_BUDGET);
	virtqueue_publish(vsock->rx);
	virtqueue_signal(vsock->rx);
	return r == -EAGAIN ? 0 : r;
}
