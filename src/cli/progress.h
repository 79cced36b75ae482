/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of long work on stderr: on a terminal one line that is rewritten (what, how much of how
 * much, how long), elsewhere one plain line per step.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool terminal;
	bool shown;	    /* a line stands on the terminal */
	uint64_t start_ns;
	uint64_t drawn_ns;
	uint64_t done, total; /* total 0: unknown */
	char *step;
	char *text;
};

/* `text`: what is done, for example "start claude-proj". */
void progress_init(struct progress *progress, const char *text);

/* A step with its text and count. Strings are copied, and escaped when shown. */
void progress_step(struct progress *progress, const char *step, const char *text, uint64_t done,
	uint64_t total);

/* Redraws the time; for the `tick` of struct http_request. */
void progress_tick(void *progress);

/* Takes the line away. */
void progress_clear(struct progress *progress);

/* Takes the line away and frees. */
void progress_finish(struct progress *progress);

/* "42 s", "3 min 07 s". The caller frees. */
char *progress_time(uint64_t ns);

uint64_t progress_now(void);

#endif
