/* SPDX-License-Identifier: Apache-2.0 */
/* When a running VM is idle. */
#include "keeper/idle.h"

enum idle_action idle_update(struct idle *idle)
{
	bool wanted = idle->running && idle->timeout_s > 0 && idle->streams == 0 &&
		idle->detached == 0;

	/* A timer that runs is left alone: repeated reports of "nothing" must not postpone it. */
	if (wanted == idle->armed)
		return IDLE_NOTHING;
	idle->armed = wanted;
	return wanted ? IDLE_ARM : IDLE_DISARM;
}

enum idle_action idle_set_timeout(struct idle *idle, uint64_t timeout_s)
{
	bool was_armed = idle->armed;
	enum idle_action action;

	idle->timeout_s = timeout_s;
	idle->armed = false;
	action = idle_update(idle);
	return action == IDLE_NOTHING && was_armed ? IDLE_DISARM : action;
}
