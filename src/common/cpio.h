/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a cpio archive in the "newc" format that the kernel unpacks as initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Archives may be concatenated.
 */
#ifndef COMMON_CPIO_H
#define COMMON_CPIO_H

#include <stddef.h>

/* Appends a directory, or a regular file with its content, owned by root. 0 or -errno. */
int cpio_add_dir(int fd, const char *path, unsigned mode);
int cpio_add_file(int fd, const char *path, unsigned mode, const void *bytes, size_t length);

/* Appends a character device node. */
int cpio_add_node(int fd, const char *path, unsigned mode, unsigned major, unsigned minor);

/* Appends the trailer; the archive is then complete and 512-byte padded. */
int cpio_finish(int fd);

#endif
