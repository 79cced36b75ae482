/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs one session between descriptors of this process and the guest: moves bytes both ways,
 * window size, signals, detach keys, and restores the terminal whatever happens.
 */
#ifndef CLI_SESSION_LOOP_H
#define CLI_SESSION_LOOP_H

#include <stdbool.h>

#include "cli/detach_keys.h"
#include "cli/session_client.h"
#include "common/err.h"

struct session_io {
	int input;   /* -1: none is sent */
	int output;
	int errors;
	bool tty;	      /* the session has a terminal, and `input` is ours: raw mode */
	bool pass_title;      /* let the guest set the title of the terminal */
	bool pass_clipboard;  /* let the guest write the clipboard */
	struct detach_keys keys;
};

enum session_end {
	SESSION_END_EXIT,     /* the program ended: status */
	SESSION_END_DETACHED, /* left by the detach keys or because the guest said so: text */
	SESSION_END_LEFT,     /* a signal, or the other end of `output`, made us leave: status */
	SESSION_END_REFUSED,  /* the guest could not do it: status (errno), text */
	SESSION_END_BROKEN,   /* the stream ended or made no sense */
};

struct session_outcome {
	enum session_end end;
	int status;	/* 0..255, or a Linux errno */
	bool started;	/* the guest had said STARTED */
	bool attached;	/* to a session that was there already */
	char text[256]; /* escaped */
};

/*
 * Runs the session whose request is queued in `client` over `fd`. Returns 0 and the outcome, or
 * -errno if this process failed (terminal, descriptors).
 */
int session_loop(struct session_client *client, int fd, const struct session_io *io,
	struct session_outcome *ret, struct err *err);

/* What SBX_TERMINAL_PASS ("title,clipboard") allows. */
void session_io_pass_from_environment(struct session_io *io);

#endif
