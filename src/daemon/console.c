/* SPDX-License-Identifier: Apache-2.0 */
/* Text of a guest's console on its way into JSON. */
#include "daemon/console.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/mem.h"

json_t *console_string(const char *bytes, size_t length)
{
	cleanup_free char *copy = NULL;
	json_t *string = memchr(bytes, 0, length) ? NULL : json_stringn(bytes, length);

	if (string)
		return string;
	copy = xmalloc(length + 1);
	for (size_t i = 0; i < length; i++)
		copy[i] = (char)(bytes[i] > 0 ? bytes[i] : '?');
	return json_stringn(copy, length);
}

/* Reads the end of the file. Returns how many bytes. */
static size_t read_end(int dirfd, char *bytes, size_t size)
{
	cleanup_close int fd = openat(dirfd, "console.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	off_t length = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = length > (off_t)size ? length - (off_t)size : 0;
	ssize_t n = fd < 0 ? 0 : pread(fd, bytes, size, from);

	return n > 0 ? (size_t)n : 0;
}

json_t *console_tail(int dirfd)
{
	char bytes[CONSOLE_TAIL_BYTES];
	size_t length = read_end(dirfd, bytes, sizeof(bytes)), start = length, lines = 0;
	json_t *list = json_array();

	if (length > 0 && bytes[length - 1] == '\n')
		length = --start;
	while (start > 0 && !(bytes[start - 1] == '\n' && ++lines == CONSOLE_TAIL_LINES))
		start--;
	while (start < length) {
		const char *newline = memchr(bytes + start, '\n', length - start);
		size_t end = newline ? (size_t)(newline - bytes) : length;
		size_t stop = end > start && bytes[end - 1] == '\r' ? end - 1 : end;

		json_array_append_new(list, console_string(bytes + start, stop - start));
		start = end + 1;
	}
	return list;
}
