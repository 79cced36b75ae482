/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel modules of the initramfs. */
#include "guest/modules.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "guest/console.h"

#define DIRECTORY     "lib/modules/early"
#define SIGNATURE_END "~Module signature appended~\n"

/* "NN-" and ".ko" around the name. */
enum { PREFIX = 3, SUFFIX = 3 };

/*
 * What stands before SIGNATURE_END (include/linux/module_signature.h): its size, and where in it
 * the lengths of signer, key id (bytes) and signature (big endian) are.
 */
enum { INFO_SIZE = 12, SIGNER_LENGTH = 3, KEY_ID_LENGTH = 4, SIGNATURE_LENGTH = 8 };

enum phase { FOR_DISKS, FOR_SYSTEM, LATE };

static const struct {
	const char *name;
	enum phase phase;
} phases[] = {
	{ "virtio_mmio", FOR_DISKS }, { "virtio_pci", FOR_DISKS }, { "virtio_blk", FOR_DISKS },
	{ "virtio_balloon", LATE },   { "virtio-rng", LATE },	   { "virtio_rng", LATE },
	{ "failover", LATE },	      { "net_failover", LATE },	   { "virtio_net", LATE },
};

static enum phase find_phase(const char *file)
{
	size_t length = strlen(file) - PREFIX - SUFFIX;

	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
		if (strlen(phases[i].name) == length &&
			memcmp(file + PREFIX, phases[i].name, length) == 0)
			return phases[i].phase;
	return FOR_SYSTEM;
}

static int is_module(const struct dirent *entry)
{
	const char *name = entry->d_name;
	size_t length = strlen(name);

	return length > PREFIX + SUFFIX && isdigit((unsigned char)name[0]) &&
	       isdigit((unsigned char)name[1]) && name[2] == '-' &&
	       strcmp(name + length - SUFFIX, ".ko") == 0;
}

size_t modules_unsigned_length(const unsigned char *bytes, size_t length)
{
	const size_t end = strlen(SIGNATURE_END);
	const unsigned char *info;
	uint32_t signature;
	size_t tail;

	if (length < end + INFO_SIZE || memcmp(bytes + length - end, SIGNATURE_END, end) != 0)
		return length;
	info = bytes + length - end - INFO_SIZE;
	memcpy(&signature, info + SIGNATURE_LENGTH, sizeof(signature));
	tail = end + INFO_SIZE + info[SIGNER_LENGTH] + info[KEY_ID_LENGTH] + ntohl(signature);
	return tail < length ? length - tail : length;
}

static int load(int dirfd, const char *name, struct err *err)
{
	cleanup_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *bytes;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, errno, "module %s", name);
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (bytes == MAP_FAILED)
		return err_errno(err, errno, "module %s", name);
	if (syscall(SYS_init_module, bytes, modules_unsigned_length(bytes, (size_t)st.st_size),
		    "") < 0 &&
		errno != EEXIST)
		r = err_errno(err, errno, "cannot load module %s", name);
	munmap(bytes, (size_t)st.st_size);
	console_debug("module %s", name);
	return r;
}

static int load_phase(int rootfd, enum phase phase, struct err *err)
{
	cleanup_close int fd = openat(rootfd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int result = 0;
	int count;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "/" DIRECTORY);
	count = scandirat(fd, ".", &entries, is_module, alphasort);
	for (int i = 0; i < count; i++) {
		if (find_phase(entries[i]->d_name) == phase) {
			int r = load(fd, entries[i]->d_name, result == 0 ? err : NULL);

			result = result == 0 ? r : result;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return result;
}

static void load_for_disks(int rootfd)
{
	cleanup_err struct err err = ERR_INIT;

	if (load_phase(rootfd, FOR_DISKS, &err) < 0)
		console_say("%s", err.message);
}

int modules_load_early(int rootfd, struct err *err)
{
	pid_t pid = fork();
	int r;

	if (pid <= 0)
		load_for_disks(rootfd);
	if (pid == 0)
		_exit(0);
	r = load_phase(rootfd, FOR_SYSTEM, err);
	/* A driver that failed has said so; without it a disk will be missing. */
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return r;
}

int modules_load_late(int rootfd, struct err *err)
{
	return load_phase(rootfd, LATE, err);
}
