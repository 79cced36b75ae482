/* SPDX-License-Identifier: Apache-2.0 */
/* start.json (docs/protocol/keeper.md): what this start of the keeper is to run. */
#ifndef KEEPER_CONFIG_H
#define KEEPER_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "vm/vm.h"

enum { CONFIG_MAX_BYTES = 1024 * 1024, CONFIG_MAX_PARTS = 8, CONFIG_MAX_LINES = 1024 };

struct config_share {
	char *tag;
	char *path;
	bool readonly;
};

struct config {
	char *id;
	char *name;
	enum vm_accel accel;
	unsigned cpus;
	unsigned memory_mib;
	char *kernel;
	char *initrd_parts[CONFIG_MAX_PARTS];
	size_t initrd_part_count;
	struct vm_disk disks[VM_MAX_DISKS];
	size_t disk_count;
	struct config_share shares[VM_MAX_SHARES];
	size_t share_count;
	char **guest_lines; /* encoded lines of sbx.conf */
	size_t guest_line_count;
	uint64_t idle_timeout_s;
	uint64_t boot_timeout_s;
};

/*
 * Parses the text strictly: every field there and of its type and range, no unknown one, no string
 * that could become something else on a command line or in sbx.conf. Fills *ret_config only on
 * success; config_finish() frees it.
 */
int config_parse(const char *text, size_t length, struct config *ret_config, struct err *err);
void config_finish(struct config *config);

/* The text of sbx.conf (docs/protocol/guest-config.md): the shares, then the lines of start.json.
 * The caller frees it. */
char *config_guest_text(const struct config *config);

#endif
