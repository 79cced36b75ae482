/* SPDX-License-Identifier: Apache-2.0 */
/* What a new daemon does with what the last one left (lifecycle.c has the whole picture). */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/lifecycle_internal.h"

enum { HEAR_MS = 300 /* for all keepers together */ };

struct leftover {
	struct daemon *daemon;
	struct sandbox *sandbox; /* busy, with a reference */
};

static void *leftover_main(void *argument)
{
	struct leftover *leftover = argument;
	struct sandbox *sandbox = leftover->sandbox;
	cleanup_err struct err err = ERR_INIT;

	if (lifecycle_remove_marked(leftover->daemon, sandbox, &err) != API_OK)
		log_error("sandbox %s: finish its removal: %s", sandbox->id, err.message);
	pthread_mutex_lock(&sandbox->lock);
	sandbox->removing = false;
	sandbox_end(sandbox);
	pthread_mutex_unlock(&sandbox->lock);
	sandbox_release(&leftover->daemon->sandboxes, sandbox);
	free(leftover);
	return NULL;
}

static void remove_leftover(struct daemon *daemon, const struct record *record)
{
	struct leftover *leftover = xcalloc(1, sizeof(*leftover));
	pthread_t thread;
	bool alive;

	log_info("sandbox %s (%s) was left half %s: removed", record->spec.name, record->id,
		record->state == RECORD_CREATING ? "made" : "removed");
	leftover->daemon = daemon;
	leftover->sandbox = sandbox_get(&daemon->sandboxes, record->id);
	sandbox_adopt(&daemon->sandboxes, leftover->sandbox);
	pthread_mutex_lock(&leftover->sandbox->lock);
	alive = leftover->sandbox->alive;
	leftover->sandbox->busy = true;
	leftover->sandbox->removing = true;
	pthread_mutex_unlock(&leftover->sandbox->lock);
	/* Its keeper may have to be waited for: not while clients wait for this daemon. */
	if (alive && pthread_create(&thread, NULL, leftover_main, leftover) == 0)
		pthread_detach(thread);
	else
		leftover_main(leftover);
}

/* The first client should see what the last one saw: gives the keepers a moment to say it. */
static void wait_heard(struct sandbox *sandbox, uint64_t deadline)
{
	pthread_mutex_lock(&sandbox->lock);
	while (sandbox->alive && !sandbox->heard && sandbox_wait(sandbox, deadline))
		;
	pthread_mutex_unlock(&sandbox->lock);
}

int lifecycle_adopt_all(struct daemon *daemon, struct err *err)
{
	struct sandbox **adopted;
	struct record *records;
	size_t count, adopted_count = 0;
	uint64_t deadline;
	int r = registry_list(daemon->registry, &records, &count, err);

	if (r < 0)
		return r;
	adopted = xcalloc(count + 1, sizeof(struct sandbox *));
	for (size_t i = 0; i < count; i++) {
		if (records[i].state != RECORD_READY) {
			remove_leftover(daemon, &records[i]);
			continue;
		}
		adopted[adopted_count] = sandbox_get(&daemon->sandboxes, records[i].id);
		sandbox_adopt(&daemon->sandboxes, adopted[adopted_count++]);
	}
	deadline = sandbox_deadline(HEAR_MS);
	for (size_t i = 0; i < adopted_count; i++) {
		wait_heard(adopted[i], deadline);
		sandbox_release(&daemon->sandboxes, adopted[i]);
	}
	free(adopted);
	record_free_list(records, count);
	return 0;
}
