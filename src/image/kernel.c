/* SPDX-License-Identifier: Apache-2.0 */
/* The uncompressed kernel out of a bzImage. */
#include "image/kernel.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "image/tool.h"

/* The boot protocol's setup header. */
enum {
	SETUP_SECTS = 0x1f1,
	MAGIC = 0x202,
	VERSION = 0x206,
	PAYLOAD_OFFSET = 0x248,
	PAYLOAD_LENGTH = 0x24c,
	HEADER_END = 0x250,
	SECTOR = 512,
	FIRST_WITH_PAYLOAD = 0x208,
	MAX_KERNEL = 512 << 20,
};

static const char *const unzstd[] = { "zstd", "-dc", NULL };
static const char *const unxz[] = { "xz", "-dc", NULL };
static const char *const unlz4[] = { "lz4", "-dc", NULL };
static const char *const gunzip[] = { "gzip", "-dc", NULL };

static const struct {
	unsigned char magic[6];
	size_t magic_length;
	/* The build appends the unpacked size; gzip has it in its own trailer. */
	size_t trailer;
	const char *const *command;
} forms[] = {
	{ { 0x28, 0xb5, 0x2f, 0xfd }, 4, 4, unzstd },
	{ { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, 4, unxz },
	{ { 0x02, 0x21, 0x4c, 0x18 }, 4, 4, unlz4 },
	{ { 0x1f, 0x8b, 0x08 }, 3, 0, gunzip },
};

static uint32_t get_u32(const unsigned char *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

int kernel_find_payload(const unsigned char *image, size_t length,
	struct kernel_payload *ret_payload)
{
	size_t sectors, offset, size;

	if (length < HEADER_END || memcmp(image + MAGIC, "HdrS", 4) != 0 ||
		(image[VERSION] | image[VERSION + 1] << 8) < FIRST_WITH_PAYLOAD)
		return -EINVAL;
	sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : 4;
	offset = (sectors + 1) * SECTOR + get_u32(image + PAYLOAD_OFFSET);
	size = get_u32(image + PAYLOAD_LENGTH);
	if (size < 8 || offset > length || size > length - offset)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (memcmp(image + offset, forms[i].magic, forms[i].magic_length) != 0)
			continue;
		*ret_payload = (struct kernel_payload){
			.offset = offset,
			.length = size - forms[i].trailer,
			.unpacked = forms[i].trailer ? get_u32(image + offset + size - 4) : 0,
			.command = forms[i].command,
		};
		return 0;
	}
	return -EINVAL;
}

/* The build id in one segment of notes. */
static char *find_in_notes(const unsigned char *notes, size_t length)
{
	size_t at = 0;

	while (length - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		size_t name, bytes;

		memcpy(&note, notes + at, sizeof(note));
		name = at + sizeof(note);
		bytes = name + (((size_t)note.n_namesz + 3) & ~(size_t)3);
		if (bytes > length || note.n_descsz > length - bytes)
			return NULL;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			memcmp(notes + name, "GNU", 4) == 0) {
			cleanup_buf struct buf hex = { 0 };

			buf_init(&hex, 256);
			for (size_t i = 0; i < note.n_descsz; i++)
				buf_appendf(&hex, "%02x", notes[bytes + i]);
			return xstrndup((char *)buf_head(&hex), buf_length(&hex));
		}
		at = bytes + (((size_t)note.n_descsz + 3) & ~(size_t)3);
		if (at > length)
			return NULL;
	}
	return NULL;
}

char *kernel_build_id(const unsigned char *elf, size_t length)
{
	Elf64_Ehdr header;

	if (length < sizeof(header) || memcmp(elf, ELFMAG, SELFMAG) != 0)
		return NULL;
	memcpy(&header, elf, sizeof(header));
	if (header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phoff > length ||
		header.e_phnum > (length - header.e_phoff) / sizeof(Elf64_Phdr))
		return NULL;
	for (unsigned i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr segment;
		char *id;

		memcpy(&segment, elf + header.e_phoff + i * sizeof(segment), sizeof(segment));
		if (segment.p_type != PT_NOTE || segment.p_offset > length ||
			segment.p_filesz > length - segment.p_offset)
			continue;
		id = find_in_notes(elf + segment.p_offset, segment.p_filesz);
		if (id)
			return id;
	}
	return NULL;
}

static int write_payload(const char *path, const void *bytes, size_t length)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : io_write_full(fd, bytes, length);
}

static int unpack(const char *bzimage, const char *vmlinux, const char *scratch, int log_fd,
	size_t *ret_size, struct err *err)
{
	cleanup_free char *image = NULL;
	struct kernel_payload payload;
	size_t length;
	struct tool tool = { .input = scratch, .output = vmlinux, .log_fd = log_fd };
	int r = io_read_file(AT_FDCWD, bzimage, MAX_KERNEL, &image, &length);

	if (r < 0)
		return err_errno(err, -r, "read the kernel %s", bzimage);
	r = kernel_find_payload((unsigned char *)image, length, &payload);
	if (r < 0)
		return err_set(err, -r, "%s is no bzImage of a known form", bzimage);
	r = write_payload(scratch, image + payload.offset, payload.length);
	if (r < 0)
		return err_errno(err, -r, "write %s", scratch);
	tool.argv = payload.command;
	*ret_size = payload.unpacked;
	return tool_run(&tool, err);
}

int kernel_extract(const char *bzimage, const char *vmlinux, const char *scratch, int log_fd,
	char **ret_build_id, struct err *err)
{
	cleanup_free char *elf = NULL;
	size_t told = 0;
	size_t length;
	char *id;
	int r = unpack(bzimage, vmlinux, scratch, log_fd, &told, err);

	if (r < 0)
		return r;
	r = io_read_file(AT_FDCWD, vmlinux, MAX_KERNEL, &elf, &length);
	if (r < 0)
		return err_errno(err, -r, "read the unpacked kernel");
	id = kernel_build_id((unsigned char *)elf, length);
	if (!id || (told && told != length)) {
		free(id);
		return err_set(err, EINVAL, "the unpacked kernel is not what its header says");
	}
	*ret_build_id = id;
	return 0;
}
