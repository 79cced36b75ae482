/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files, descriptors and Unix sockets: the calls that everybody would otherwise write again.
 *
 * All descriptors made here are close-on-exec. All functions return 0 (or a count) or -errno,
 * restart on EINTR and leave out-parameters alone on failure.
 */
#ifndef COMMON_IO_H
#define COMMON_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Reads until `length` bytes, end of file (short count) or an error. */
ssize_t io_read_full(int fd, void *bytes, size_t length);

/* Writes all bytes of a blocking descriptor. Returns 0 or -errno. */
int io_write_full(int fd, const void *bytes, size_t length);

/* Reads a whole file of at most `maximum` bytes (else -EFBIG). The text is NUL-terminated. */
int io_read_file(int dirfd, const char *path, size_t maximum, char **ret_bytes,
	size_t *ret_length);

/* Writes an existing file such as those in /proc: one open, one write. */
int io_write_file(const char *path, const char *text);

/*
 * Replaces DIRFD/NAME so that after any crash either the old or the new content is there:
 * temporary name, fsync, rename, fsync of the directory. Mode 0600.
 */
int io_replace_file(int dirfd, const char *name, const void *bytes, size_t length);

/* Removes DIRFD/NAME with all below it, never following a symbolic link, never leaving the
 * file system it is on. A missing name is no error. */
int io_remove_tree(int dirfd, const char *name);

int io_set_nonblocking(int fd, bool on);
int io_set_cloexec(int fd, bool on);

/*
 * Unix sockets by directory: sun_path holds 108 bytes, state directories can be longer, so the
 * address is "/proc/self/fd/DIRFD/NAME". `type` is SOCK_STREAM or SOCK_SEQPACKET, with flags.
 * io_listen() replaces a stale socket file of that name.
 */
int io_listen(int dirfd, const char *name, int type, int *ret_fd);
int io_connect(int dirfd, const char *name, int type, int *ret_fd);

/* One message with up to IO_MAX_FDS descriptors. */
enum { IO_MAX_FDS = 8 };
int io_send_fds(int sock, const void *bytes, size_t length, const int *fds, size_t count);

/*
 * Receives one message; *ret_count is room in, descriptors received out. Descriptors beyond the
 * room are closed. Returns the byte count (0 at end of stream) or -errno.
 */
ssize_t io_recv_fds(int sock, void *bytes, size_t length, int *fds, size_t *ret_count);

#endif
