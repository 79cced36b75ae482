/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper's child processes, by pidfd. A child is in the table from its start until it has been
 * reaped; a table of fixed size, since what runs is known beforehand.
 */
#ifndef KEEPER_CHILDREN_H
#define KEEPER_CHILDREN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "keeper/loop.h"
#include "vm/vm.h"

enum child_kind { CHILD_VMM, CHILD_VSOCK, CHILD_SHARE };

enum { CHILDREN_MAX = 2 + VM_MAX_SHARES };

struct children;

struct child {
	struct watch watch; /* the pidfd */
	struct children *all;
	enum child_kind kind;
	pid_t pid;
	bool alive;
};

struct children {
	struct loop *loop;
	struct child table[CHILDREN_MAX];
	size_t alive;
	/* Called once a child is reaped. `status` as waitpid(2) gives it. */
	void (*ended)(struct children *children, enum child_kind kind, int status);
};

void children_init(struct children *children, struct loop *loop,
	void (*ended)(struct children *children, enum child_kind kind, int status));

/* Takes the pidfd. Returns 0 or -errno. */
int children_add(struct children *children, enum child_kind kind, pid_t pid, int pidfd);

/* SIGKILL to all that live. Does not wait. */
void children_kill(struct children *children);

/* "exit status 1", "signal 9". `text` holds at least 32 bytes. */
void children_describe(int status, char *text, size_t size);

#endif
