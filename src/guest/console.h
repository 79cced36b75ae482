/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines on the guest's console, "sbx-init: TEXT". The keeper keeps the console's last part and
 * shows it when a sandbox does not come up, so a failed boot must say here what failed. Each line
 * costs time (a serial port), so an ordinary boot says nothing.
 */
#ifndef GUEST_CONSOLE_H
#define GUEST_CONSOLE_H

#include <stdbool.h>

/* Lets console_debug() speak. */
void console_set_debug(bool debug);

void console_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void console_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
