/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The guest's memory as a device sees it: up to eight regions, mapped shared and writable.
 *
 * Everything in it can change at any moment while the guest runs, so a value that is checked is
 * fetched once with memory_fetch() and only the copy is used.
 *
 * A region's file is the front end's. A front end that truncates it makes the next access raise
 * SIGBUS and thereby ends its own sandbox's device, nothing else; the guest itself cannot.
 */
#ifndef VIRTIO_MEMORY_H
#define VIRTIO_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MEMORY_MAX_REGIONS = 8 };

struct memory_region {
	uint64_t guest; /* guest physical address */
	uint64_t front; /* where the front end has it in its own address space */
	uint64_t size;
	unsigned char *bytes; /* where this process has it */
};

/* All zero is a valid, empty memory. */
struct memory {
	struct memory_region regions[MEMORY_MAX_REGIONS];
	unsigned count;
};

/*
 * Maps `size` bytes at `offset` of the file as the region of guest address region->guest; the
 * descriptor stays the caller's. `region->bytes` is ignored. Returns -EINVAL for a region that is
 * empty, wraps around, overlaps another, is not page aligned in the file or reaches beyond the
 * file's end; -ENOSPC when there are eight; else what mmap() said.
 */
int memory_map(struct memory *memory, const struct memory_region *region, int fd, uint64_t offset);

/* Unmaps all regions. */
void memory_clear(struct memory *memory);

/* `length` bytes at a guest physical address; NULL unless all of them lie in one region. */
void *memory_at(const struct memory *memory, uint64_t guest, uint64_t length);

/* The same for an address of the front end's (vhost-user gives ring addresses in these). */
void *memory_at_front(const struct memory *memory, uint64_t front, uint64_t length);

/*
 * Copies out of shared memory. The barrier keeps the compiler from reading the source again later:
 * what was checked is what is used.
 */
static inline void memory_fetch(void *to, const void *shared, size_t length)
{
	memcpy(to, shared, length);
	__asm__ volatile("" : : : "memory");
}

#endif
