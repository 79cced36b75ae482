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
#include <unistd.h>

#include "common/cleanup.h"
#include "guest/console.h"

#define DIRECTORY     "lib/modules/early"
#define SIGNATURE_END "~Module signature appended~\n"

/* "NN-" and ".ko" around the name. */
enum { PREFIX = 3, SUFFIX = 3 };

/* What stands before SIGNATURE_END (include/linux/module_signature.h). */
struct signature_info {
	uint8_t algorithm, hash, id_type;
	uint8_t signer_length, key_id_length;
	uint8_t padding[3];
	uint32_t signature_length; /* big endian */
};

static const char *const late_modules[] = {
	"virtio_balloon", "virtio-rng", "virtio_rng", "failover", "net_failover", "virtio_net",
};

static bool is_late(const char *file)
{
	size_t length = strlen(file) - PREFIX - SUFFIX;

	for (size_t i = 0; i < sizeof(late_modules) / sizeof(late_modules[0]); i++)
		if (strlen(late_modules[i]) == length &&
			memcmp(file + PREFIX, late_modules[i], length) == 0)
			return true;
	return false;
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
	struct signature_info info;
	size_t tail;

	if (length < end + sizeof(info) || memcmp(bytes + length - end, SIGNATURE_END, end) != 0)
		return length;
	memcpy(&info, bytes + length - end - sizeof(info), sizeof(info));
	tail = end + sizeof(info) + info.signer_length + info.key_id_length +
	       ntohl(info.signature_length);
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

int modules_load(int rootfd, bool late, struct err *err)
{
	cleanup_close int fd = openat(rootfd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent **entries;
	int result = 0;
	int count;

	if (fd < 0)
		return errno == ENOENT ? 0 : err_errno(err, errno, "/" DIRECTORY);
	count = scandirat(fd, ".", &entries, is_module, alphasort);
	for (int i = 0; i < count; i++) {
		if (is_late(entries[i]->d_name) == late) {
			int r = load(fd, entries[i]->d_name, result == 0 ? err : NULL);

			result = result == 0 ? r : result;
		}
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return result;
}
