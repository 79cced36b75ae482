/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtio socket device: its streams and its turns. What goes to the guest is made in
 * vsock_send.c, what comes from it is read in vsock_receive.c.
 *
 * Theory of operation
 *
 * States of a stream (vsock_stream.h), and what moves it on:
 *
 *	FREE ── vsock_reserve ──▶ RESERVED ── vsock_connect ──▶ CONNECTING ── RESPONSE ──▶ ESTABLISHED
 *	FREE ── REQUEST, accepted by the host ─────────────────────────────────────────▶ ESTABLISHED
 *	ESTABLISHED ── RST, or SHUTDOWN of both directions ──▶ DRAINING ── buffer empty ──▶ FREE
 *	CONNECTING, ESTABLISHED ── vsock_abandon ──▶ RESETTING ── RST sent ──▶ FREE
 *	ESTABLISHED, host gone ── its last byte sent, then RST ──▶ FREE
 *
 * To the guest. Nothing is queued as bytes: a stream owes the guest a set of packets (`owed`), and
 * waits in a list. When the guest has a receive buffer, the head of the list makes its next
 * packet right in it, the payload read from the host's socket into guest memory; then the stream
 * goes to the end of the list. So memory does not depend on the guest's appetite, and a host that
 * sends is held back by its own socket's buffer.
 *
 * From the guest. A packet is handled as it is popped. Its payload is written to the host's socket
 * straight from guest memory; what the socket does not take goes into the stream's buffer, whose
 * size is the credit the guest was given. A guest that sends more than that is reset. Packets of
 * no stream are answered from their own header: those answers wait in `replies`, and when that is
 * full the transmit queue is not read until the guest has taken some.
 *
 * Credit is announced in every packet, and by a CREDIT_UPDATE of its own only when the guest may
 * not know of half the buffer. As the guest then still knows of the other half, it never waits for
 * credit while the buffer is empty.
 *
 * Interrupts. A batch of packets costs the guest one interrupt. Buffers of its own packets are
 * given back at once, but the interrupt for them waits up to TX_SIGNAL_NS: by then the answer that
 * most packets cause has interrupted the guest anyway, and on virtio-mmio, where all queues share
 * one interrupt, the driver has found them. It comes at once when a quarter of the queue waits.
 * Kicks are asked for only where work waits for the guest: on the transmit queue when it has been
 * read to its end, on the receive queue when a packet found no buffer.
 *
 * Stop and start. A malformed ring or chain sets `broken`: all streams end, nothing is served
 * until the queues are started anew. Stopped queues leave the streams alone, because a paused VM
 * stops them too; at the next start the indices tell whether the driver went on or began anew.
 */
#include "virtio/vsock.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_vsock.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/log.h"
#include "virtio/vsock_device.h"

enum {
	TX_BUDGET = 512,      /* packets of one vsock_work(): others want their turn, too */
	FIRST_PORT = 1 << 30, /* of the host's ends: far from the ports that servers use */
};

#define TX_SIGNAL_NS 2000000ULL

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int vsock_init(struct vsock *vsock, uint32_t cid, const struct vsock_host *host, void *arg)
{
	memset(vsock, 0, sizeof(*vsock));
	vsock->cid = cid;
	vsock->host = host;
	vsock->arg = arg;
	vsock->next_port = FIRST_PORT;
	return vsock_table_init(&vsock->table);
}

void vsock_finish(struct vsock *vsock)
{
	vsock_table_finish(&vsock->table);
}

int vsock_read_config(const struct vsock *vsock, uint32_t offset, void *bytes, uint32_t length)
{
	struct virtio_vsock_config config = { .guest_cid = htole64(vsock->cid) };

	if (offset > sizeof(config) || length > sizeof(config) - offset)
		return -EINVAL;
	memcpy(bytes, (const char *)&config + offset, length);
	return 0;
}

/* Streams */

void vsock_owe(struct vsock *vsock, struct vsock_stream *stream, unsigned ops)
{
	stream->owed |= (uint16_t)ops;
	vsock_table_enqueue(&vsock->table, vsock_table_slot(&vsock->table, stream));
}

/* Makes the guest's side of the stream unknown. */
static void forget_guest(struct vsock *vsock, struct vsock_stream *stream)
{
	unsigned slot = vsock_table_slot(&vsock->table, stream);

	vsock_table_dequeue(&vsock->table, slot);
	vsock_table_unlink(&vsock->table, slot);
}

static void end_stream(struct vsock *vsock, struct vsock_stream *stream)
{
	unsigned slot = vsock_table_slot(&vsock->table, stream);

	vsock_table_release(&vsock->table, slot);
	vsock->host->ended(vsock->arg, slot);
}

void vsock_guest_gone(struct vsock *vsock, struct vsock_stream *stream)
{
	forget_guest(vsock, stream);
	if (stream->state == VSOCK_RESETTING)
		vsock_table_release(&vsock->table, vsock_table_slot(&vsock->table, stream));
	else if (stream->buffer.length > 0)
		stream->state = VSOCK_DRAINING;
	else
		end_stream(vsock, stream);
}

void vsock_forwarded(struct vsock *vsock, struct vsock_stream *stream, size_t length)
{
	stream->forwarded += (uint32_t)length;
	if (stream->state != VSOCK_ESTABLISHED || stream->guest_ended)
		return;
	if (stream->forwarded - stream->announced >= VSOCK_BUFFER / 2)
		vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_CREDIT_UPDATE));
}

void vsock_host_gone(struct vsock *vsock, struct vsock_stream *stream)
{
	size_t length = stream->buffer.length;

	stream->host_gone = true;
	byte_ring_clear(&stream->buffer);
	vsock_forwarded(vsock, stream, length);
}

static void reset_streams(struct vsock *vsock)
{
	for (unsigned i = 0; i < VSOCK_STREAMS; i++) {
		struct vsock_stream *stream = &vsock->table.streams[i];

		if (stream->state == VSOCK_CONNECTING || stream->state == VSOCK_ESTABLISHED ||
			stream->state == VSOCK_RESETTING)
			vsock_guest_gone(vsock, stream);
	}
	vsock->reply_count = 0;
}

/* Packets from the guest */

static void give_back(struct vsock *vsock)
{
	if (vsock->unsignalled == 0)
		return;
	virtqueue_publish(vsock->tx);
	if (vsock->unsignalled >= vsock->tx->size / 4U) {
		virtqueue_signal(vsock->tx);
		vsock->unsignalled = 0;
		vsock->signal_at_ns = 0;
	} else if (vsock->signal_at_ns == 0) {
		vsock->signal_at_ns = now_ns() + TX_SIGNAL_NS;
	}
}

/* Reads packets; returns how many, or -EPROTO. 0 means that there is none, or no room to answer. */
static int serve_tx(struct vsock *vsock, int budget)
{
	int received = 0, r = 1;

	virtqueue_disable_kicks(vsock->tx);
	while (r == 1 && received < budget && vsock->reply_count < VSOCK_MAX_REPLIES) {
		r = virtqueue_pop(vsock->tx, &vsock->chain);
		if (r == 0 && virtqueue_enable_kicks(vsock->tx)) {
			r = 1;
			continue;
		}
		if (r == 1) {
			uint16_t slots = vsock->chain.slots;

			r = vsock_receive(vsock) < 0 ? -EPROTO : 1;
			if (r < 0)
				break;
			virtqueue_push(vsock->tx, &vsock->chain, 0);
			vsock->unsignalled += slots;
			received++;
		}
	}
	give_back(vsock);
	return r < 0 ? r : received;
}

static void stop_serving(struct vsock *vsock, unsigned queue)
{
	log_warn("the guest's %s queue is malformed: device stopped until its driver starts anew",
		queue == VSOCK_QUEUE_RX ? "receive" : "transmit");
	vsock->broken = true;
	vsock->signal_at_ns = 0;
	reset_streams(vsock);
	vsock->host->malformed(vsock->arg, queue);
}

/* Returns whether work is left. */
static bool serve(struct vsock *vsock)
{
	int budget = TX_BUDGET;

	for (;;) {
		int sent = vsock_send(vsock);
		int received;

		if (sent < 0) {
			stop_serving(vsock, VSOCK_QUEUE_RX);
			return false;
		}
		if (budget <= 0)
			return true;
		received = serve_tx(vsock, budget);
		if (received < 0) {
			stop_serving(vsock, VSOCK_QUEUE_TX);
			return false;
		}
		if (received == 0 || sent > 0)
			return sent > 0;
		budget -= received;
	}
}

static int milliseconds_until(uint64_t when)
{
	uint64_t now = now_ns();

	return now >= when ? 0 : (int)((when - now + 999999) / 1000000);
}

int vsock_work(struct vsock *vsock)
{
	int wait;

	if (!vsock->running || vsock->broken)
		return -1;
	if (serve(vsock))
		return 0;
	if (vsock->signal_at_ns == 0)
		return -1;
	wait = milliseconds_until(vsock->signal_at_ns);
	if (wait > 0)
		return wait;
	virtqueue_signal(vsock->tx);
	vsock->unsignalled = 0;
	vsock->signal_at_ns = 0;
	return -1;
}

void vsock_start(struct vsock *vsock, struct virtqueue *rx, struct virtqueue *tx)
{
	bool resumed = !vsock->broken && rx->next_available == vsock->rx_next &&
		       tx->next_available == vsock->tx_next;

	if (!resumed)
		reset_streams(vsock);
	vsock->rx = rx;
	vsock->tx = tx;
	vsock->broken = false;
	vsock->running = true;
}

void vsock_stop(struct vsock *vsock)
{
	if (!vsock->running)
		return;
	virtqueue_signal(vsock->tx);
	vsock->unsignalled = 0;
	vsock->signal_at_ns = 0;
	vsock->rx_next = vsock->rx->next_available;
	vsock->tx_next = vsock->tx->next_available;
	vsock->running = false;
}

/* The host's calls */

/*
 * A stream the host has left can live on because the guest does not take the last bytes or the
 * RST. When the table is full, such a one makes room.
 */
static bool evict(struct vsock *vsock)
{
	for (unsigned i = 0; i < VSOCK_STREAMS; i++) {
		struct vsock_stream *stream = &vsock->table.streams[i];
		struct vsock_reply reply = { stream->host_port, stream->guest_port,
			VIRTIO_VSOCK_TYPE_STREAM };

		if (stream->state != VSOCK_RESETTING &&
			!(stream->state == VSOCK_ESTABLISHED && stream->host_gone))
			continue;
		if (vsock->reply_count == VSOCK_MAX_REPLIES)
			return false;
		vsock_reply_reset(vsock, &reply);
		vsock_guest_gone(vsock, stream);
		return true;
	}
	return false;
}

int vsock_reserve(struct vsock *vsock)
{
	int slot = vsock_table_reserve(&vsock->table);

	if (slot == -ENFILE && evict(vsock))
		slot = vsock_table_reserve(&vsock->table);
	return slot;
}

int vsock_connect(struct vsock *vsock, unsigned slot, uint32_t guest_port)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];

	if (!vsock->running || vsock->broken)
		return -ENOTCONN;
	/* A port comes up again after 2^30 connections; a stream that lives so long keeps it. */
	do {
		stream->host_port = vsock->next_port;
		vsock->next_port = FIRST_PORT + (vsock->next_port + 1) % FIRST_PORT;
	} while (vsock_table_find(&vsock->table, stream->host_port, guest_port) >= 0);
	stream->guest_port = guest_port;
	stream->state = VSOCK_CONNECTING;
	vsock_table_link(&vsock->table, slot);
	vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_REQUEST));
	return 0;
}

void vsock_readable(struct vsock *vsock, unsigned slot)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];

	stream->readable = true;
	if (stream->state == VSOCK_ESTABLISHED)
		vsock_table_enqueue(&vsock->table, slot);
}

void vsock_writable(struct vsock *vsock, unsigned slot)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];
	struct iovec pieces[2];
	size_t count = byte_ring_pieces(&stream->buffer, pieces);
	ssize_t n;

	if (count == 0)
		return;
	n = vsock->host->deliver(vsock->arg, slot, pieces, count);
	if (n < 0) {
		vsock_host_gone(vsock, stream);
	} else {
		byte_ring_consume(&stream->buffer, (size_t)n);
		vsock_forwarded(vsock, stream, (size_t)n);
	}
	if (stream->buffer.length > 0)
		return;
	if (stream->state == VSOCK_DRAINING)
		end_stream(vsock, stream);
	else if (stream->guest_ended)
		vsock->host->shutdown(vsock->arg, slot, SHUT_WR);
}

void vsock_hangup(struct vsock *vsock, unsigned slot)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];

	vsock_host_gone(vsock, stream);
	if (stream->state == VSOCK_DRAINING)
		end_stream(vsock, stream);
	else if (stream->host_ended || stream->guest_deaf)
		vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_RST));
	else
		vsock_readable(vsock, slot);
}

void vsock_abandon(struct vsock *vsock, unsigned slot)
{
	struct vsock_stream *stream = &vsock->table.streams[slot];
	bool unknown = stream->state == VSOCK_CONNECTING &&
		       stream->owed & VSOCK_OWE(VIRTIO_VSOCK_OP_REQUEST);

	if (stream->state == VSOCK_RESERVED || stream->state == VSOCK_DRAINING || unknown) {
		if (unknown)
			forget_guest(vsock, stream);
		vsock_table_release(&vsock->table, slot);
		return;
	}
	byte_ring_clear(&stream->buffer);
	stream->state = VSOCK_RESETTING;
	stream->owed = 0;
	vsock_owe(vsock, stream, VSOCK_OWE(VIRTIO_VSOCK_OP_RST));
}
