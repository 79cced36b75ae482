/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the keeper: the transitions of keeper.c, and the events (events.c) that cause them. What
 * others may ask for is in keeper.h.
 */
#ifndef KEEPER_TRANSITIONS_H
#define KEEPER_TRANSITIONS_H

#include <stdbool.h>

#include "keeper/keeper.h"

/* Sets up everything the loop watches but the sockets. Returns 0 or -errno. */
int events_init(struct keeper *keeper);

/* Enters a state and tells those who watch. */
void keeper_set_state(struct keeper *keeper, enum keeper_state state);

/* The end, for this reason unless there is one already; all are killed. */
void keeper_end(struct keeper *keeper, enum exit_reason reason, const char *message,
	const char *hint);

/* Kills all; goes on with what is due when they are gone, at once if they are. */
void keeper_kill_all(struct keeper *keeper);

/* Whether this boot may be followed by another, under TCG; and does so, for the reason given. */
bool keeper_may_boot_again(const struct keeper *keeper);
void keeper_boot_again(struct keeper *keeper, const char *why);

/* No child will be started any more: gives up the rights to do so, once. */
void keeper_lock_down(struct keeper *keeper);

void keeper_apply_idle(struct keeper *keeper, enum idle_action action);

#endif
