/* SPDX-License-Identifier: Apache-2.0 */
/* Files, descriptors and Unix sockets. */
#include "common/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fault.h"
#include "common/mem.h"

ssize_t io_read_full(int fd, void *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t n = read(fd, (char *)bytes + done, length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int io_write_full(int fd, const void *bytes, size_t length)
{
	const char *p = bytes;

	while (length > 0) {
		ssize_t n = write(fd, p, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		length -= (size_t)n;
	}
	return 0;
}

int io_read_file(int dirfd, const char *path, size_t maximum, char **ret_bytes, size_t *ret_length)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *bytes = NULL;
	size_t capacity = 0, length = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		if (length == capacity) {
			capacity = capacity ? capacity * 2 : 4096;
			bytes = xreallocarray(bytes, capacity + 1, 1);
		}
		n = io_read_full(fd, bytes + length, capacity - length);
		if (n < 0)
			return (int)n;
		length += (size_t)n;
		if (length > maximum)
			return -EFBIG;
		if (length < capacity)
			break;
	}
	bytes[length] = '\0';
	*ret_bytes = take_ptr(bytes);
	if (ret_length)
		*ret_length = length;
	return 0;
}

int io_write_file(const char *path, const char *text)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EIO;
}

int io_replace_file(int dirfd, const char *name, const void *bytes, size_t length)
{
	cleanup_free char *temporary = xasprintf(".%s.new", name);
	cleanup_close int fd = -1;
	cleanup_close int directory = -1;
	int r;

	fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	r = io_write_full(fd, bytes, length);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (r < 0) {
		unlinkat(dirfd, temporary, 0);
		return r;
	}
	fault_point(FAULT_REPLACE_BEFORE_RENAME);
	if (renameat(dirfd, temporary, dirfd, name) < 0)
		return -errno;
	fault_point(FAULT_REPLACE_AFTER_RENAME);
	directory = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0)
		fsync(directory);
	return 0;
}

/* Empties the open directory; takes the descriptor. */
static int empty_directory(int fd, dev_t device)
{
	cleanup_dir DIR *dir = fdopendir(fd);
	struct dirent *entry;
	int result = 0;

	if (!dir) {
		close(fd);
		return -errno;
	}
	while ((entry = readdir(dir))) {
		struct stat st;
		int r = 0;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			r = -errno;
		else if (st.st_dev != device)
			r = -EXDEV;
		else
			r = io_remove_tree(dirfd(dir), entry->d_name);
		if (r < 0 && r != -ENOENT)
			result = r;
	}
	return result;
}

int io_remove_tree(int dirfd, const char *name)
{
	struct stat st;
	int fd, r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	r = empty_directory(fd, st.st_dev);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}

static int set_flag(int fd, int get, int set, int flag, bool on)
{
	int flags = fcntl(fd, get);

	if (flags < 0)
		return -errno;
	flags = on ? flags | flag : flags & ~flag;
	return fcntl(fd, set, flags) < 0 ? -errno : 0;
}

int io_set_nonblocking(int fd, bool on)
{
	return set_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

int io_set_cloexec(int fd, bool on)
{
	return set_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

/* A socket, and the address of DIRFD/NAME for it. Returns the descriptor or -errno. */
static int make_socket(int dirfd, const char *name, int type, struct sockaddr_un *ret_address)
{
	int n, fd;

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	n = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/%s",
		dirfd, name);
	if (n >= (int)sizeof(ret_address->sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

int io_listen(int dirfd, const char *name, int type, int *ret_fd)
{
	struct sockaddr_un address;
	cleanup_close int fd = make_socket(dirfd, name, type, &address);

	if (fd < 0)
		return fd;
	if (unlinkat(dirfd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 128) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int io_connect(int dirfd, const char *name, int type, int *ret_fd)
{
	struct sockaddr_un address;
	cleanup_close int fd = make_socket(dirfd, name, type, &address);

	if (fd < 0)
		return fd;
	while (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		if (errno != EINTR)
			return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int io_send_fds(int sock, const void *bytes, size_t length, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IO_MAX_FDS)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (count > IO_MAX_FDS)
		return -EINVAL;
	if (count > 0) {
		struct cmsghdr *cmsg;

		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	do
		n = sendmsg(sock, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == length ? 0 : -EMSGSIZE;
}

/* Hands out the message's descriptors up to `room`, closes the others; returns how many. */
static size_t collect_fds(struct msghdr *message, int *fds, size_t room)
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < room)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

ssize_t io_recv_fds(int sock, void *bytes, size_t length, int *fds, size_t *ret_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * IO_MAX_FDS)];
	} control;
	struct iovec iov = { .iov_base = bytes, .iov_len = length };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t n;

	do
		n = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	*ret_count = collect_fds(&message, fds, *ret_count);
	return n;
}
