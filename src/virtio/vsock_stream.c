/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a vsock device's streams. */
#include "virtio/vsock_stream.h"

#include <errno.h>
#include <sys/mman.h>

enum { NONE = VSOCK_STREAMS };

/* Most streams share one of the ports, the other one is counted up by its side. */
static unsigned bucket_of(uint32_t host_port, uint32_t guest_port)
{
	return (host_port ^ guest_port * 31) % VSOCK_STREAMS;
}

int vsock_table_init(struct vsock_table *table)
{
	void *buffers = mmap(NULL, (size_t)VSOCK_BUFFER * VSOCK_STREAMS, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (buffers == MAP_FAILED)
		return -errno;
	*table = (struct vsock_table){ .buffers = buffers };
	/* A huge page would be resident in whole for the first byte. */
	madvise(buffers, (size_t)VSOCK_BUFFER * VSOCK_STREAMS, MADV_NOHUGEPAGE);
	for (unsigned i = 0; i < VSOCK_STREAMS; i++)
		table->buckets[i] = NONE;
	table->first_queued = table->last_queued = NONE;
	return 0;
}

void vsock_table_finish(struct vsock_table *table)
{
	munmap(table->buffers, (size_t)VSOCK_BUFFER * VSOCK_STREAMS);
}

int vsock_table_reserve(struct vsock_table *table)
{
	for (unsigned i = 0; i < VSOCK_STREAMS; i++) {
		if (table->streams[i].state != VSOCK_FREE)
			continue;
		table->streams[i] = (struct vsock_stream){
			.state = VSOCK_RESERVED,
			.buffer = { .bytes = table->buffers + (size_t)i * VSOCK_BUFFER,
				.size = VSOCK_BUFFER },
		};
		return (int)i;
	}
	return -ENFILE;
}

void vsock_table_release(struct vsock_table *table, unsigned slot)
{
	byte_ring_clear(&table->streams[slot].buffer);
	table->streams[slot].state = VSOCK_FREE;
}

void vsock_table_link(struct vsock_table *table, unsigned slot)
{
	struct vsock_stream *stream = &table->streams[slot];
	uint16_t *bucket = &table->buckets[bucket_of(stream->host_port, stream->guest_port)];

	stream->next_in_bucket = *bucket;
	*bucket = (uint16_t)slot;
}

void vsock_table_unlink(struct vsock_table *table, unsigned slot)
{
	struct vsock_stream *stream = &table->streams[slot];
	uint16_t *link = &table->buckets[bucket_of(stream->host_port, stream->guest_port)];

	while (*link != NONE && *link != slot)
		link = &table->streams[*link].next_in_bucket;
	if (*link == slot)
		*link = stream->next_in_bucket;
}

int vsock_table_find(const struct vsock_table *table, uint32_t host_port, uint32_t guest_port)
{
	unsigned i = table->buckets[bucket_of(host_port, guest_port)];

	while (i != NONE) {
		const struct vsock_stream *stream = &table->streams[i];

		if (stream->host_port == host_port && stream->guest_port == guest_port)
			return (int)i;
		i = stream->next_in_bucket;
	}
	return -ENOENT;
}

void vsock_table_enqueue(struct vsock_table *table, unsigned slot)
{
	struct vsock_stream *stream = &table->streams[slot];

	if (stream->queued)
		return;
	stream->queued = true;
	stream->next_queued = NONE;
	if (table->first_queued == NONE)
		table->first_queued = (uint16_t)slot;
	else
		table->streams[table->last_queued].next_queued = (uint16_t)slot;
	table->last_queued = (uint16_t)slot;
}

void vsock_table_dequeue(struct vsock_table *table, unsigned slot)
{
	struct vsock_stream *stream = &table->streams[slot];
	uint16_t *link = &table->first_queued;
	uint16_t before = NONE;

	if (!stream->queued)
		return;
	while (*link != slot) {
		before = *link;
		link = &table->streams[*link].next_queued;
	}
	*link = stream->next_queued;
	if (table->last_queued == slot)
		table->last_queued = before;
	stream->queued = false;
}

int vsock_table_head(const struct vsock_table *table)
{
	return table->first_queued == NONE ? -ENOENT : table->first_queued;
}
