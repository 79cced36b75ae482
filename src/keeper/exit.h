/* SPDX-License-Identifier: Apache-2.0 */
/* exit.json (docs/protocol/keeper.md): why the last run ended. */
#ifndef KEEPER_EXIT_H
#define KEEPER_EXIT_H

enum exit_reason {
	EXIT_NONE, /* not ended yet */
	EXIT_IDLE,
	EXIT_STOP,
	EXIT_KILL,
	EXIT_POWEROFF,
	EXIT_VMM_DIED,
	EXIT_VSOCK_DIED,
	EXIT_SHARE_DIED,
	EXIT_BOOT_TIMEOUT,
	EXIT_START_FAILED,
	EXIT_KERNEL_FAILED, /* the guest's, before it served sessions: worth another try */
};

const char *exit_reason_name(enum exit_reason reason);

/* Writes the file so that it survives a crash. Returns 0 or -errno. */
int exit_write(int dir_fd, enum exit_reason reason, const char *message, const char *hint);

#endif
