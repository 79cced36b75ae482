/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seccomp filters compiled in one process and installed in its child.
 *
 * libseccomp allocates, a child between clone and exec must not. So a filter is compiled to BPF
 * before and installed with two system calls after. seccomp(2), struct sock_filter.
 */
#ifndef CONFINE_FILTER_H
#define CONFINE_FILTER_H

#include <linux/filter.h>
#include <seccomp.h>

#include "common/err.h"

struct filter {
	struct sock_filter *instructions;
	unsigned short count;
};

/*
 * A filter that allows all but what the rules refuse. Each function of the NULL-terminated list adds
 * some rules and returns 0 or libseccomp's negative error. Returns 0 or -errno.
 */
int filter_build(int (*const *rules)(scmp_filter_ctx context), struct filter *ret_filter,
	struct err *err);

/* Installs on the calling thread, for good. Needs no_new_privs. Async-signal-safe. 0 or -errno. */
int filter_install(const struct filter *filter);

void filter_finish(struct filter *filter);

#endif
