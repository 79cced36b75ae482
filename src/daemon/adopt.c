/* SPDX-License-Identifier: Apache-2.0 */
/* What a new daemon does with what the last one left (lifecycle.c has the whole picture). */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/lifecycle_internal.h"

struct leftover {
	struct daemon *daemon;
	struct sandbox *sandbox; /* busy, with a reference */
};

/* Removing may have to wait for a keeper to die: not while clients wait for the daemon. */
static void *leftover_main(void *argument)
{
	struct leftover *leftover = argument;
	struct sandbox *sandbox = leftover->sandbox;
	cleanup_err struct err err = ERR_INIT;

	if (lifecycle_remove_marked(leftover->daemon, sandbox, &err) != API_OK)
		log_error("sandbox %s: finish its removal: %s", sandbox->id, err.message);
	pthread_mutex_lock(&sandbox->lock);
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

	log_info("sandbox %s (%s) was left half %s: removed", record->spec.name, record->id,
		record->state == RECORD_CREATING ? "made" : "removed");
	leftover->daemon = daemon;
	leftover->sandbox = sandbox_get(&daemon->sandboxes, record->id);
	sandbox_adopt(&daemon->sandboxes, leftover->sandbox);
	pthread_mutex_lock(&leftover->sandbox->lock);
	leftover->sandbox->busy = true;
	pthread_mutex_unlock(&leftover->sandbox->lock);
	if (pthread_create(&thread, NULL, leftover_main, leftover) == 0)
		pthread_detach(thread);
	else
		leftover_main(leftover);
}

int lifecycle_adopt_all(struct daemon *daemon, struct err *err)
{
	struct record *records;
	size_t count;
	int r = registry_list(daemon->registry, &records, &count, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct sandbox *sandbox;

		if (records[i].state != RECORD_READY) {
			remove_leftover(daemon, &records[i]);
			continue;
		}
		sandbox = sandbox_get(&daemon->sandboxes, records[i].id);
		sandbox_adopt(&daemon->sandboxes, sandbox);
		sandbox_release(&daemon->sandboxes, sandbox);
	}
	record_free_list(records, count);
	return 0;
}
