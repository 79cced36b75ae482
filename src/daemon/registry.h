/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry: which sandboxes there are. SQLite in WAL mode with synchronous=FULL, so that a
 * function that returned 0 is durable.
 *
 * It says what exists, not what runs: that is asked of keeper.lock. A row's state is one of
 *
 *	creating	its directory may be half made; removed by the next start of the daemon
 *	ready		it can be started
 *	removing	it is going away; finished by the next start of the daemon
 *
 * All functions may be called from any thread; one lock, held for one short transaction. Functions
 * return 0 or -errno with the reason in err: -ENOENT no such row, -EEXIST the name is taken,
 * -ENOSPC disk full, -EIO anything else SQLite says.
 */
#ifndef DAEMON_REGISTRY_H
#define DAEMON_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "daemon/spec.h"

enum { RECORD_ID_LENGTH = 16 };

enum record_state { RECORD_CREATING, RECORD_READY, RECORD_REMOVING };

struct record {
	char id[RECORD_ID_LENGTH + 1]; /* 16 hex digits, never reused */
	enum record_state state;
	struct spec spec; /* spec.name is never NULL here */
	uint64_t created_ns;
	char *base;  /* digests of the images it was made with */
	char *layer; /* NULL: the agent has none */
};

struct registry;

/*
 * Opens PATH, makes or upgrades the schema. Refuses, with a hint and without touching the file,
 * one that is damaged, of another program, or made by a newer sbx.
 */
int registry_open(const char *path, struct registry **ret_registry, struct err *err);
void registry_close(struct registry *registry);

/*
 * Inserts a record in state creating. With spec.name NULL the first free default name is taken
 * and stored in record->spec.name; one transaction, so two callers never get the same. -EEXIST
 * fills *ret_holder (if not NULL) with the sandbox that holds the name, or, for a default name,
 * the one of the same agent and first workspace.
 */
int registry_insert(struct registry *registry, struct record *record, struct record *ret_holder,
	struct err *err);

int registry_set_state(struct registry *registry, const char *id, enum record_state state,
	struct err *err);
int registry_set_images(struct registry *registry, const char *id, const char *base,
	const char *layer, struct err *err);
int registry_delete(struct registry *registry, const char *id, struct err *err);

/* Fills *ret_record, which the caller finishes. */
int registry_get(struct registry *registry, const char *name, struct record *ret_record,
	struct err *err);

/* The oldest sandbox of this agent and first workspace that is not going away. */
int registry_find(struct registry *registry, const char *agent, const char *workspace,
	struct record *ret_record, struct err *err);

/* All records, ordered by name. */
int registry_list(struct registry *registry, struct record **ret_records, size_t *ret_count,
	struct err *err);

void record_finish(struct record *record);
void record_free_list(struct record *records, size_t count);

static inline void cleanup_record_(struct record *record)
{
	record_finish(record);
}

#define cleanup_record __attribute__((cleanup(cleanup_record_)))

#endif
