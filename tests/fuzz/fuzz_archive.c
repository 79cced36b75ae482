/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx cp: a tar stream that a guest sends changes nothing but the directory it is unpacked into.
 *
 * Runs what the confined child runs, without the confinement, which must not be what holds it. An
 * even first byte asks for the entry "d" alone.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/cleanup.h"
#include "common/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

static char top[] = "/tmp/sbx-fuzz-archive-XXXXXX";

static void remove_top(void)
{
	io_remove_tree(AT_FDCWD, top);
}

/* A directory with a file that nobody may touch; content without end stops at 1 MiB. */
static int open_top(void)
{
	static int fd = -1;
	const struct rlimit limit = { 1 << 20, 1 << 20 };

	if (fd >= 0)
		return fd;
	require(mkdtemp(top) != NULL);
	atexit(remove_top);
	setrlimit(RLIMIT_FSIZE, &limit);
	signal(SIGXFSZ, SIG_IGN);
	fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(fd >= 0 && io_replace_file(fd, "canary", "untouched", 9) == 0);
	return fd;
}

static int count_names(int directory)
{
	cleanup_dir DIR *dir = fdopendir(openat(directory, ".", O_RDONLY | O_CLOEXEC));
	int names = 0;

	while (readdir(dir))
		names++;
	return names - 2;
}

static void check_outside(int directory)
{
	cleanup_free char *bytes = NULL;
	struct stat st;

	require(count_names(directory) == 2);
	require(io_read_file(directory, "canary", 100, &bytes, NULL) == 0);
	require(strcmp(bytes, "untouched") == 0);
	require(fstatat(directory, "canary", &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_nlink == 1);
}

/* Checksums are put right, or hardly a changed header would be read. */
static void fix_checksums(unsigned char *bytes, size_t size)
{
	size_t offset = 0;

	while (size - offset >= 512) {
		unsigned char *header = bytes + offset;
		char digits[13] = { 0 };
		unsigned long content;
		unsigned sum = 0;

		memset(header + 148, ' ', 8);
		for (size_t i = 0; i < 512; i++)
			sum += header[i];
		if (sum == 8 * ' ')
			memset(header + 148, 0, 8); /* the end of the archive */
		else
			snprintf((char *)header + 148, 8, "%07o", sum);
		memcpy(digits, header + 124, 12);
		content = strtoul(digits, NULL, 8);
		if (content > size)
			return;
		offset += 512 + (content + 511) / 512 * 512;
		if (offset > size)
			return;
	}
}

static int open_stream(const uint8_t *data, size_t size)
{
	cleanup_free unsigned char *bytes = malloc(size + 1);
	int fd = memfd_create("stream", MFD_CLOEXEC);

	require(bytes && fd >= 0);
	memcpy(bytes, data, size);
	fix_checksums(bytes, size);
	require(io_write_full(fd, bytes, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int directory = open_top();
	cleanup_close int stream = -1, root = -1;
	struct archive_totals totals = { 0 };
	struct err err = ERR_INIT;
	bool one;

	if (size < 1 || size > 100000)
		return 0;
	one = data[0] % 2 == 0;
	stream = open_stream(data + 1, size - 1);
	require(mkdirat(directory, "in", 0700) == 0);
	root = openat(directory, "in", O_PATH | O_DIRECTORY | O_CLOEXEC);
	archive_unpack_tree(stream, root, one ? "d" : NULL, one ? "item" : NULL, &totals, &err);
	err_finish(&err);
	if (one) {
		int made = faccessat(root, "item", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

		require(count_names(root) == made);
	}
	check_outside(directory);
	require(io_remove_tree(directory, "in") == 0);
	return 0;
}
