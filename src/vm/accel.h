/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the accelerator's choice that a unit test can feed with text. */
#ifndef VM_ACCEL_H
#define VM_ACCEL_H

#include <stdbool.h>

/* Whether the text of /proc/cpuinfo has the word in its first "flags" line. */
bool accel_has_flag(const char *cpuinfo, const char *flag);

#endif
