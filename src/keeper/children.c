/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's child processes. */
#include "keeper/children.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"

static const char *const names[] = {
	[CHILD_VMM] = "qemu",
	[CHILD_VSOCK] = "sbx-vsock",
	[CHILD_SHARE] = "the file server",
};

void children_init(struct children *children, struct loop *loop,
	void (*ended)(struct children *children, enum child_kind kind, int status))
{
	*children = (struct children){ .loop = loop, .ended = ended };
}

static void pidfd_ready(struct watch *watch, uint32_t events)
{
	struct child *child = container_of(watch, struct child, watch);
	struct children *all = child->all;
	char text[32];
	int status = 0;

	if (waitpid(child->pid, &status, WNOHANG) != child->pid)
		return;
	children_describe(status, text, sizeof(text));
	log_info("%s[%d] ended: %s", names[child->kind], (int)child->pid, text);
	loop_close(all->loop, watch);
	child->alive = false;
	all->alive--;
	all->ended(all, child->kind, status);
}

int children_add(struct children *children, enum child_kind kind, pid_t pid, int pidfd)
{
	for (struct child *c = children->table; c < children->table + CHILDREN_MAX; c++) {
		int r;

		if (c->alive)
			continue;
		*c = (struct child){
			.watch = { .fd = pidfd, .ready = pidfd_ready },
			.all = children,
			.kind = kind,
			.pid = pid,
			.alive = true,
		};
		children->alive++;
		r = loop_add(children->loop, &c->watch, EPOLLIN);
		log_info("%s[%d] started", names[kind], (int)pid);
		return r;
	}
	close(pidfd);
	return -ENOSPC;
}

void children_kill(struct children *children)
{
	for (struct child *c = children->table; c < children->table + CHILDREN_MAX; c++)
		if (c->alive)
			syscall(SYS_pidfd_send_signal, c->watch.fd, SIGKILL, NULL, 0);
}

void children_describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d", WTERMSIG(status));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}
