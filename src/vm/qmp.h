/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The QEMU Machine Protocol, as little of it as the keeper needs: JSON objects, one a line
 * (docs/interop/qmp-spec in QEMU).
 *
 * The monitor runs the guest and may be compromised: a line is at most QMP_LINE_MAX bytes, one
 * wakeup reads a bounded number of bytes, and whatever is no message of the protocol is -EPROTO,
 * after which the caller ends the monitor. Nothing of a message's text reaches a person.
 */
#ifndef VM_QMP_H
#define VM_QMP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

enum { QMP_LINE_MAX = 64 * 1024 };

struct qmp {
	int fd; /* non-blocking stream socket; owned */
	struct buf in;
};

enum qmp_event {
	QMP_EVENT_OTHER, /* greeting, return, error, or an event nobody here waits for */
	QMP_EVENT_SHUTDOWN,
	QMP_EVENT_RESET, /* the guest asked for a reset; with -no-reboot QEMU ends */
	QMP_EVENT_PANIC,
	QMP_EVENT_DISK_FULL, /* the host has no room for a disk's block: the machine stopped */
};

/* Takes the descriptor. */
void qmp_init(struct qmp *qmp, int fd);
void qmp_finish(struct qmp *qmp);

/* Sends a command without arguments. Returns 0 or -errno; the answer comes as any other line. */
int qmp_command(struct qmp *qmp, const char *name);

/* Reads once. Returns the number of bytes, 0 at end of stream, -EAGAIN, or another -errno. */
ssize_t qmp_read(struct qmp *qmp);

/* Takes the next complete line. Returns 1 and its event, 0 if there is none yet, or -EPROTO. */
int qmp_next(struct qmp *qmp, enum qmp_event *ret_event);

#endif
