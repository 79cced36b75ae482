/* SPDX-License-Identifier: Apache-2.0 */
/* sbx cp: the ways out of the destination that a tar stream can try, and where copies land. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/archive_internal.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

enum {
	BLOCK = 512,
	FILE_TYPE = '0',
	HARDLINK = '1',
	SYMLINK = '2',
	DEVICE = '3',
	DIRECTORY = '5',
	FIFO = '6',
	PAX = 'x',
	LONG_NAME = 'L'
};

/* One entry of a tar stream as a test wants it. */
struct entry {
	const char *name;
	char type;
	const char *text; /* content, or where a link leads */
	unsigned mode;
};

static void put_octal(char *field, size_t width, unsigned long value)
{
	field[width - 1] = '\0';
	for (size_t i = width - 1; i > 0; i--, value /= 8)
		field[i - 1] = (char)('0' + value % 8);
}

static void put_header(struct buf *out, const struct entry *entry, size_t size)
{
	char block[BLOCK] = { 0 };
	unsigned sum = 0;

	memcpy(block, entry->name, strnlen(entry->name, 100));
	put_octal(block + 100, 8, entry->mode ? entry->mode : 0644);
	put_octal(block + 108, 8, 0);
	put_octal(block + 116, 8, 0);
	put_octal(block + 124, 12, size);
	put_octal(block + 136, 12, 1700000000);
	memset(block + 148, ' ', 8);
	block[156] = entry->type;
	if (entry->text && size == 0)
		memcpy(block + 157, entry->text, strnlen(entry->text, 100));
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	put_octal(block + 148, 7, sum);
	buf_append(out, block, sizeof(block));
}

static bool has_content(const struct entry *entry)
{
	return entry->text && (entry->type == FILE_TYPE || entry->type == PAX ||
				      entry->type == LONG_NAME || entry->type == 'K');
}

static void put_entry(struct buf *out, const struct entry *entry)
{
	static const char zeros[BLOCK];
	size_t size = has_content(entry) ? strlen(entry->text) : 0;

	put_header(out, entry, size);
	if (size > 0) {
		buf_append(out, entry->text, size);
		buf_append(out, zeros, (BLOCK - size % BLOCK) % BLOCK);
	}
}

static void put_stream(struct buf *out, const struct entry *entries)
{
	static const char end[20 * BLOCK];

	buf_init(out, 1 << 20);
	for (; entries->name; entries++)
		put_entry(out, entries);
	buf_append(out, end, sizeof(end));
}

/* A directory with a file that nobody may touch, and "in", the destination of the attacks. */
static char top[] = "/tmp/sbx-archive-XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", top, name);
}

static void write_file(const char *name, const char *text)
{
	cleanup_free char *path = path_of(name);
	cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(io_write_full(fd, text, strlen(text)), 0);
}

static void assert_content(const char *name, const char *text)
{
	cleanup_free char *path = path_of(name);
	cleanup_free char *bytes = NULL;

	assert_int_equal(io_read_file(AT_FDCWD, path, 100000, &bytes, NULL), 0);
	assert_string_equal(bytes, text);
}

static mode_t mode_of(const char *name)
{
	cleanup_free char *path = path_of(name);
	struct stat st;

	return lstat(path, &st) < 0 ? 0 : st.st_mode;
}

static bool exists(const char *name)
{
	return mode_of(name) != 0;
}

static int set_up(void **state)
{
	cleanup_free char *in = NULL;

	strcpy(top + strlen(top) - 6, "XXXXXX");
	if (!mkdtemp(top))
		return -1;
	in = path_of("in");
	umask(022);
	write_file("canary", "untouched");
	return mkdir(in, 0755);
}

static unsigned count_names(const char *directory)
{
	cleanup_dir DIR *dir = opendir(directory);
	unsigned count = 0;

	while (readdir(dir))
		count++;
	return count - 2;
}

static int tear_down(void **state)
{
	return io_remove_tree(AT_FDCWD, top);
}

/* Sends the bytes to the job; a job that has given up does not read to the end. */
static int send_stream(const char *destination, const char *name, const void *bytes, size_t length,
	struct archive_totals *totals)
{
	cleanup_free char *path = path_of(destination);
	cleanup_err struct err err = ERR_INIT;
	struct archive_job *job;
	int fd;
	int r = archive_unpack(path, name, &job, &fd, &err);

	if (r < 0)
		return r;
	io_write_full(fd, bytes, length);
	close(fd);
	r = archive_finish(job, true, totals, &err);
	if (r < 0)
		assert_non_null(err.message);
	return r;
}

static int unpack(const char *destination, const char *name, const struct entry *entries)
{
	cleanup_buf struct buf stream;
	struct archive_totals totals;

	put_stream(&stream, entries);
	return send_stream(destination, name, buf_head(&stream), buf_length(&stream), &totals);
}

static const struct attack {
	const char *what;
	struct entry entries[5];
} attacks[] = {
	{ "absolute name", { { "/tmp/sbx-archive-out", FILE_TYPE, "x" } } },
	{ "parent", { { "../canary", FILE_TYPE, "x" } } },
	{ "parent within", { { "x/../../canary", FILE_TYPE, "x" } } },
	{ "parent at the end", { { "x/..", DIRECTORY, NULL } } },
	{ "dot and parent", { { "./../canary", FILE_TYPE, "x" } } },
	{ "parent in a pax header",
		{ { "p", PAX, "21 path=../../canary\n" }, { "x", FILE_TYPE, "x" } } },
	{ "absolute in a pax header",
		{ { "p", PAX, "20 path=/tmp/canary\n" }, { "x", FILE_TYPE, "x" } } },
	{ "parent in a GNU long name",
		{ { "././@LongLink", LONG_NAME, "../canary" }, { "x", FILE_TYPE, "x" } } },
	{ "through a link that came before",
		{ { "x", SYMLINK, ".." }, { "x/canary", FILE_TYPE, "x" } } },
	{ "through an absolute link",
		{ { "x", SYMLINK, "/tmp" }, { "x/sbx-archive-out", FILE_TYPE, "x" } } },
	{ "a directory through a link", { { "x", SYMLINK, ".." }, { "x/new", DIRECTORY, NULL } } },
	{ "a link through a link", { { "x", SYMLINK, ".." }, { "x/new", SYMLINK, "y" } } },
	{ "the link said to be a directory", { { "x", SYMLINK, ".." }, { "x", DIRECTORY, NULL },
						     { "x/canary", FILE_TYPE, "x" } } },
	{ "through a chain of links", { { "a", SYMLINK, "." }, { "a/b", SYMLINK, ".." },
					      { "b/canary", FILE_TYPE, "x" } } },
	{ "hard link outside", { { "x", HARDLINK, "../canary" } } },
	{ "absolute hard link", { { "x", HARDLINK, "/etc/passwd" } } },
	{ "hard link through a link", { { "y", SYMLINK, ".." }, { "x", HARDLINK, "y/canary" } } },
	{ "hard link to a link", { { "y", SYMLINK, "../canary" }, { "x", HARDLINK, "y" } } },
	{ "hard link to nothing", { { "x", HARDLINK, "y" } } },
	{ "a file over a directory", { { "x/y", FILE_TYPE, "x" }, { "x", FILE_TYPE, "x" } } },
	{ "a file below a file", { { "x", FILE_TYPE, "x" }, { "x/y", FILE_TYPE, "x" } } },
	{ "no target", { { "x", SYMLINK, NULL } } },
};

static void test_attacks_fail(void **state)
{
	for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
		assert_int_equal(set_up(NULL), 0);
		if (unpack("in", NULL, attacks[i].entries) == 0)
			fail_msg("%s went through", attacks[i].what);
		assert_content("canary", "untouched");
		assert_int_equal(count_names(top), 2);
		assert_false(access("/tmp/sbx-archive-out", F_OK) == 0);
		assert_int_equal(tear_down(NULL), 0);
	}
}

/* A link as the last component is replaced, whatever it leads to, never written through. */
static void test_links_are_replaced(void **state)
{
	const struct entry file[] = { { "x", SYMLINK, "../canary" }, { "x", FILE_TYPE, "new" },
		{ 0 } };
	const struct entry linked[] = { { "y", HARDLINK, "x" }, { "x", FILE_TYPE, "other" },
		{ 0 } };

	assert_int_equal(unpack("in", NULL, file), 0);
	assert_content("in/x", "new");
	assert_content("canary", "untouched");
	assert_int_equal(unpack("in", NULL, linked), 0);
	assert_content("in/x", "other");
	assert_content("in/y", "new");
}

/* What is there already is no way out either: a link of the user's own, a file with two names. */
static void test_existing_links(void **state)
{
	cleanup_free char *link = path_of("in/link"), *canary = path_of("canary");
	cleanup_free char *hard = path_of("in/hard");
	const struct entry through[] = { { "link/canary", FILE_TYPE, "x" }, { 0 } };
	const struct entry over[] = { { "link", FILE_TYPE, "x" }, { "hard", FILE_TYPE, "x" },
		{ 0 } };

	assert_int_equal(symlink("..", link), 0);
	assert_int_equal(linkat(AT_FDCWD, canary, AT_FDCWD, hard, 0), 0);
	assert_int_not_equal(unpack("in", NULL, through), 0);
	assert_int_equal(unpack("in", NULL, over), 0);
	assert_content("canary", "untouched");
	assert_content("in/hard", "x");
	assert_content("in/link", "x");
}

/* Only what was asked for: "sbx cp box:/out ~" must not bring a .bashrc. */
static void test_other_names(void **state)
{
	const struct entry other[] = { { ".bashrc", FILE_TYPE, "x" }, { 0 } };
	const struct entry also[] = { { "out/a", FILE_TYPE, "x" }, { "./out2", FILE_TYPE, "x" },
		{ 0 } };

	assert_int_equal(unpack("in", "out", other), -EPROTO);
	assert_int_equal(unpack("in", "out", also), -EPROTO);
	assert_false(exists("in/.bashrc"));
	assert_false(exists("in/out2"));
}

static void test_special_files_are_skipped(void **state)
{
	const struct entry entries[] = { { "null", DEVICE, NULL, 0666 },
		{ "block", '4', NULL, 0666 }, { "fifo", FIFO, NULL }, { "a", FILE_TYPE, "a" },
		{ 0 } };
	cleanup_buf struct buf stream;
	struct archive_totals totals;

	put_stream(&stream, entries);
	assert_int_equal(
		send_stream("in", NULL, buf_head(&stream), buf_length(&stream), &totals), 0);
	assert_int_equal(totals.skipped, 3);
	assert_int_equal(totals.entries, 1);
	assert_false(exists("in/null"));
	assert_false(exists("in/fifo"));
	assert_content("in/a", "a");
}

static void test_modes(void **state)
{
	const struct entry entries[] = { { "suid", FILE_TYPE, "x", 06777 },
		{ "dir", DIRECTORY, NULL, 03000 }, { "dir/a", FILE_TYPE, "a", 0400 }, { 0 } };

	assert_int_equal(unpack("in", NULL, entries), 0);
	assert_int_equal(mode_of("in/suid"), S_IFREG | 0755);
	assert_int_equal(mode_of("in/dir"), S_IFDIR | 0700);
	assert_int_equal(mode_of("in/dir/a"), S_IFREG | 0400);
}

/* Headers that lie, and streams that end anywhere. */
static void test_broken_streams(void **state)
{
	const struct entry entries[] = { { "x/a", FILE_TYPE, "text" }, { "x/b", SYMLINK, "a" },
		{ 0 } };
	cleanup_buf struct buf stream;
	struct archive_totals totals;
	char *bytes;

	put_stream(&stream, entries);
	bytes = (char *)buf_head(&stream);
	assert_int_not_equal(send_stream("in", "x", "", 0, &totals), 0);
	assert_int_not_equal(send_stream("in", "x", "no tar", 6, &totals), 0);
	assert_int_not_equal(send_stream("in", "x", bytes, 515, &totals), 0);
	assert_int_not_equal(send_stream("new", "x", bytes, 515, &totals), 0);
	assert_false(exists("new"));
	put_octal(bytes + 124, 12, 077777777777);
	assert_int_not_equal(send_stream("new", "x", bytes, buf_length(&stream), &totals), 0);
	assert_int_equal(count_names(top), 2);
}

/* The name of a directory nested deeper than could be removed again. */
static void test_depth(void **state)
{
	char name[1200];
	struct entry entries[] = { { "././@LongLink", LONG_NAME, name }, { "x", FILE_TYPE, "x" },
		{ 0 } };

	for (size_t i = 0; i + 2 < sizeof(name); i += 2)
		memcpy(name + i, "d/", 3);
	assert_int_equal(unpack("in", "d", entries), -EPROTO);
}

static const struct entry one_file[] = { { "f", FILE_TYPE, "content" }, { 0 } };
static const struct entry one_directory[] = { { "d/", DIRECTORY, NULL, 0755 },
	{ "d/a", FILE_TYPE, "a" }, { "d/b", SYMLINK, "/etc" }, { 0 } };

/* Into a directory, onto a file, to a new name: as docker cp does. */
static void test_destinations(void **state)
{
	assert_int_equal(unpack("in", "f", one_file), 0);
	assert_content("in/f", "content");
	assert_int_equal(unpack("in/", "d", one_directory), 0);
	assert_content("in/d/a", "a");
	assert_true(S_ISLNK(mode_of("in/d/b")));
	assert_int_equal(unpack("in", "d", one_directory), 0);

	assert_int_equal(unpack("new", "f", one_file), 0);
	assert_content("new", "content");
	write_file("old", "old");
	assert_int_equal(unpack("old", "f", one_file), 0);
	assert_content("old", "content");
	assert_int_equal(unpack("renamed/", "d", one_directory), 0);
	assert_content("renamed/a", "a");
	assert_int_equal(mode_of("renamed"), S_IFDIR | 0755);
	assert_int_equal(unpack("contents", NULL, one_file), 0);
	assert_content("contents/f", "content");

	assert_int_equal(unpack("missing/", "f", one_file), -ENOTDIR);
	assert_int_equal(unpack("old", "d", one_directory), -EEXIST);
	assert_int_equal(unpack("old/", "f", one_file), -ENOTDIR);
	assert_int_equal(unpack("old", NULL, one_file), -ENOTDIR);
	assert_int_equal(unpack("no/such/place", "f", one_file), -ENOENT);
	assert_content("old", "content");
	assert_int_equal(count_names(top), 6);
}

/* When the first file is there, the child has long been confined. */
static void test_child_is_confined(void **state)
{
	cleanup_free char *path = path_of("in"), *status = NULL, *proc = NULL, *fds = NULL;
	cleanup_close int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int watch = inotify_init1(IN_CLOEXEC);
	struct pollfd wait = { .fd = watch, .events = POLLIN };
	cleanup_err struct err err = ERR_INIT;
	struct archive_child child;
	struct archive_totals totals;
	cleanup_buf struct buf stream;
	int fd;

	put_stream(&stream, one_file);
	assert_true(inotify_add_watch(watch, path, IN_CREATE) >= 0);
	assert_int_equal(archive_child_start(&child, true, root, "f", NULL, &fd, &err), 0);
	assert_int_equal(io_write_full(fd, buf_head(&stream), BLOCK + BLOCK / 2), 0);
	assert_int_equal(poll(&wait, 1, 20000), 1);
	proc = xasprintf("/proc/%d/status", child.pid);
	fds = xasprintf("/proc/%d/fd", child.pid);
	assert_int_equal(io_read_file(AT_FDCWD, proc, 10000, &status, NULL), 0);
	assert_non_null(strstr(status, "\nSeccomp:\t2\n"));
	assert_non_null(strstr(status, "\nNoNewPrivs:\t1\n"));
	/* /dev/null three times, stream, root, report, for the moment the file and its directory;
	 * a user may not look. */
	if (access(fds, R_OK) == 0)
		assert_true(count_names(fds) <= 8);
	close(fd);
	assert_int_equal(archive_child_finish(&child, false, &totals, &err), -EPROTO);
}

/* A cancelled copy leaves nothing. */
static void test_cancelled(void **state)
{
	cleanup_free char *path = path_of("new");
	cleanup_err struct err err = ERR_INIT;
	struct archive_totals totals;
	struct archive_job *job;
	cleanup_buf struct buf stream;
	int fd;

	put_stream(&stream, one_directory);
	assert_int_equal(archive_unpack(path, "d", &job, &fd, &err), 0);
	io_write_full(fd, buf_head(&stream), 1024);
	assert_int_equal(archive_finish(job, false, &totals, &err), 0);
	close(fd);
	assert_int_equal(count_names(top), 2);
}

/* Packs `source` and unpacks that to `destination`. */
static void round_trip(
	const char *source, const char *packed_name, const char *destination, bool follow)
{
	cleanup_free char *from = path_of(source), *to = path_of(destination);
	cleanup_err struct err err = ERR_INIT;
	struct archive_job *pack, *unpacking;
	struct archive_totals sent, received;
	char block[65536];
	int in, out;
	ssize_t n;

	assert_int_equal(archive_pack(from, packed_name, follow, &pack, &in, &err), 0);
	assert_int_equal(archive_unpack(to, packed_name, &unpacking, &out, &err), 0);
	while ((n = read(in, block, sizeof(block))) > 0)
		assert_int_equal(io_write_full(out, block, (size_t)n), 0);
	close(in);
	close(out);
	assert_int_equal(archive_finish(pack, true, &sent, &err), 0);
	assert_int_equal(archive_finish(unpacking, true, &received, &err), 0);
	assert_int_equal(sent.entries, received.entries);
	assert_int_equal(sent.bytes, received.bytes);
}

static void test_round_trip(void **state)
{
	static char big[300000];
	static const char name[] = "in/gr\303\274n \347\225\214";
	cleanup_free char *link = path_of("in/link"), *fifo = path_of("in/fifo");
	cleanup_free char *source = path_of("source"), *sparse = path_of("in/sparse");
	struct stat st;

	memset(big, 'b', sizeof(big) - 1);
	write_file("in/big", big);
	write_file(name, "utf-8");
	write_file("in/\377\376", "not utf-8");
	write_file("in/empty", "");
	write_file("in/sparse", "");
	assert_int_equal(truncate(sparse, 1 << 20), 0);
	assert_int_equal(symlink("../nowhere", link), 0);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("in", source), 0);

	round_trip("in", "in", "copy", false);
	assert_content("copy/gr\303\274n \347\225\214", "utf-8");
	assert_content("copy/\377\376", "not utf-8");
	assert_content("copy/empty", "");
	assert_true(S_ISLNK(mode_of("copy/link")));
	assert_false(exists("copy/fifo"));
	free(sparse);
	sparse = path_of("copy/sparse");
	assert_int_equal(stat(sparse, &st), 0);
	assert_int_equal(st.st_size, 1 << 20);

	round_trip("in/big", "renamed", "big", false);
	assert_int_equal(mode_of("big"), S_IFREG | 0600);
	round_trip("source", "source", "kept-link", false);
	assert_true(S_ISLNK(mode_of("kept-link")));
	round_trip("source", "source", "followed", true);
	assert_content("followed/empty", "");
	round_trip("in", NULL, "contents", false);
	assert_content("contents/empty", "");
}

static void test_sources_that_are_none(void **state)
{
	cleanup_free char *missing = path_of("missing"), *canary = path_of("canary");
	cleanup_err struct err err = ERR_INIT;
	struct archive_job *job;
	int fd;

	assert_int_equal(archive_pack(missing, "x", false, &job, &fd, &err), -ENOENT);
	assert_int_equal(archive_pack(canary, NULL, false, &job, &fd, &err), -ENOTDIR);
	assert_int_equal(archive_pack("/dev/null", "x", false, &job, &fd, &err), -EINVAL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_attacks_fail),
		TEST(test_links_are_replaced),
		TEST(test_existing_links),
		TEST(test_other_names),
		TEST(test_special_files_are_skipped),
		TEST(test_modes),
		TEST(test_broken_streams),
		TEST(test_depth),
		TEST(test_destinations),
		TEST(test_child_is_confined),
		TEST(test_cancelled),
		TEST(test_round_trip),
		TEST(test_sources_that_are_none),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
