/* SPDX-License-Identifier: Apache-2.0 */
/* Seccomp filters compiled in one process and installed in its child. */
#include "confine/filter.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

static int compile(scmp_filter_ctx context, struct filter *ret_filter, struct err *err)
{
	cleanup_close int fd = memfd_create("filter", MFD_CLOEXEC);
	cleanup_free struct sock_filter *instructions = NULL;
	struct stat st;
	int r;

	if (fd < 0)
		return err_errno(err, errno, "memfd_create");
	r = seccomp_export_bpf(context, fd);
	if (r < 0)
		return err_errno(err, -r, "compile the system call filter");
	if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(err, errno, "read the system call filter");
	if (st.st_size / (off_t)sizeof(*instructions) > BPF_MAXINSNS)
		return err_set(err, E2BIG, "the system call filter is too long");
	instructions = xmalloc((size_t)st.st_size);
	if (io_read_full(fd, instructions, (size_t)st.st_size) != st.st_size)
		return err_errno(err, EIO, "read the system call filter");
	ret_filter->instructions = take_ptr(instructions);
	ret_filter->count = (unsigned short)((size_t)st.st_size / sizeof(*instructions));
	return 0;
}

int filter_build(int (*const *rules)(scmp_filter_ctx context), struct filter *ret_filter,
	struct err *err)
{
	scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
	int r = 0;

	if (!context)
		return err_set(err, ENOMEM, "libseccomp: no memory");
	while (r == 0 && *rules)
		r = (*rules++)(context);
	if (r < 0)
		err_errno(err, -r, "libseccomp");
	else
		r = compile(context, ret_filter, err);
	seccomp_release(context);
	return r;
}

int filter_install(const struct filter *filter)
{
	struct sock_fprog program = { .len = filter->count, .filter = filter->instructions };

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return -errno;
	return 0;
}

void filter_finish(struct filter *filter)
{
	free(filter->instructions);
	filter->instructions = NULL;
	filter->count = 0;
}
