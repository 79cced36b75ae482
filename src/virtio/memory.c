/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's memory as a device sees it. */
#include "virtio/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool range_wraps(uint64_t start, uint64_t size)
{
	return start + size < start;
}

static bool ranges_overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static bool region_is_sane(const struct memory *memory, const struct memory_region *region)
{
	if (region->size == 0 || region->size > SIZE_MAX / 2)
		return false;
	if (range_wraps(region->guest, region->size) || range_wraps(region->front, region->size))
		return false;
	for (unsigned i = 0; i < memory->count; i++) {
		const struct memory_region *other = &memory->regions[i];

		if (ranges_overlap(region->guest, region->size, other->guest, other->size) ||
			ranges_overlap(region->front, region->size, other->front, other->size))
			return false;
	}
	return true;
}

/* mmap() would accept a range beyond the end, and the access would raise SIGBUS. */
static int check_file(int fd, uint64_t offset, uint64_t size)
{
	struct stat st;

	if (range_wraps(offset, size) || offset % (uint64_t)sysconf(_SC_PAGESIZE) != 0)
		return -EINVAL;
	if (fstat(fd, &st) < 0)
		return -errno;
	return st.st_size >= 0 && (uint64_t)st.st_size >= offset + size ? 0 : -EINVAL;
}

int memory_map(struct memory *memory, const struct memory_region *region, int fd, uint64_t offset)
{
	void *bytes;
	int r;

	if (memory->count == MEMORY_MAX_REGIONS)
		return -ENOSPC;
	if (!region_is_sane(memory, region))
		return -EINVAL;
	r = check_file(fd, offset, region->size);
	if (r < 0)
		return r;
	bytes = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
		(off_t)offset);
	if (bytes == MAP_FAILED)
		return -errno;
	madvise(bytes, region->size, MADV_DONTDUMP);
	memory->regions[memory->count] = *region;
	memory->regions[memory->count++].bytes = bytes;
	return 0;
}

void memory_clear(struct memory *memory)
{
	for (unsigned i = 0; i < memory->count; i++)
		munmap(memory->regions[i].bytes, memory->regions[i].size);
	*memory = (struct memory){ 0 };
}

/* The place of [address, address + length) in a region that begins at `start`, or NULL. */
static void *place(const struct memory_region *region, uint64_t start, uint64_t address,
	uint64_t length)
{
	uint64_t offset = address - start;

	if (address < start || offset >= region->size || length > region->size - offset)
		return NULL;
	return region->bytes + offset;
}

void *memory_at(const struct memory *memory, uint64_t guest, uint64_t length)
{
	for (unsigned i = 0; i < memory->count; i++) {
		void *p = place(&memory->regions[i], memory->regions[i].guest, guest, length);

		if (p)
			return p;
	}
	return NULL;
}

void *memory_at_front(const struct memory *memory, uint64_t front, uint64_t length)
{
	for (unsigned i = 0; i < memory->count; i++) {
		void *p = place(&memory->regions[i], memory->regions[i].front, front, length);

		if (p)
			return p;
	}
	return NULL;
}
