/* SPDX-License-Identifier: Apache-2.0 */
/* What the attach filter lets through, decided on whole sequences; used by filter.c alone. */
#ifndef CLI_FILTER_RULES_H
#define CLI_FILTER_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* ESC INTERMEDIATE FINAL; the intermediate is 0 if there is none. */
bool filter_passes_escape(unsigned char intermediate, unsigned char final);

/*
 * Appends what may pass of the CSI sequence `bytes` (from the byte after "ESC [" to its final
 * byte, 0x20-0x7e only): all, nothing, or a mode sequence without the modes that may not.
 */
void filter_put_csi(const unsigned char *bytes, size_t length, bool pass_title, struct buf *out);

/*
 * The same for an OSC's content, without introducer. The terminator is the program's (BEL or ST),
 * because terminals end their answers with the same.
 */
void filter_put_osc(const unsigned char *bytes, size_t length, bool pass_title,
	const char *terminator, struct buf *out);

#endif
