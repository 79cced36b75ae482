/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The uncompressed kernel (ELF) out of a bzImage: QEMU boots it by its PVH note, which saves the
 * guest the unpacking. Source: Documentation/arch/x86/boot.rst, payload_offset.
 */
#ifndef IMAGE_KERNEL_H
#define IMAGE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

struct kernel_payload {
	size_t offset;		/* in the bzImage */
	size_t length;		/* compressed */
	size_t unpacked;	/* size of the ELF file; 0: not told */
	const char *const *command; /* unpacks from standard input to standard output */
};

/* Finds the payload of a bzImage. Returns 0, or -EINVAL if it is none or its form is unknown. */
int kernel_find_payload(const unsigned char *image, size_t length,
	struct kernel_payload *ret_payload);

/* The GNU build id of an ELF file of 64 bits, in hex; the caller frees. NULL if it has none. */
char *kernel_build_id(const unsigned char *elf, size_t length);

/*
 * Unpacks `bzimage` to `vmlinux`; `scratch` names a file that may be overwritten. *ret_build_id is
 * the caller's to free.
 */
int kernel_extract(const char *bzimage, const char *vmlinux, const char *scratch, int log_fd,
	char **ret_build_id, struct err *err);

#endif
