/* SPDX-License-Identifier: Apache-2.0 */
/* exit.json: why the last run ended. */
#include "keeper/exit.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "keeper/loop.h"

static const char *const names[] = {
	[EXIT_NONE] = "",
	[EXIT_IDLE] = "idle",
	[EXIT_STOP] = "stop",
	[EXIT_KILL] = "kill",
	[EXIT_POWEROFF] = "poweroff",
	[EXIT_VMM_DIED] = "vmm-died",
	[EXIT_VSOCK_DIED] = "vsock-died",
	[EXIT_SHARE_DIED] = "share-died",
	[EXIT_BOOT_TIMEOUT] = "boot-timeout",
	[EXIT_START_FAILED] = "start-failed",
	[EXIT_KERNEL_FAILED] = "kernel-failed",
};

const char *exit_reason_name(enum exit_reason reason)
{
	return names[reason];
}

int exit_write(int dir_fd, enum exit_reason reason, const char *message, const char *hint)
{
	/* "s%" would refuse a path that is not UTF-8; such a message is replaced, not lost. */
	json_t *text = json_string(message);
	json_t *object = json_pack("{s:s,s:o,s:s,s:I}", "reason", names[reason], "message",
		text ? text : json_string("see keeper.log"), "hint", hint ? hint : "", "when_ns",
		(json_int_t)realtime_ns());
	cleanup_free char *bytes = object ? json_dumps(object, JSON_COMPACT) : NULL;

	json_decref(object);
	if (!bytes)
		return -ENOMEM;
	return io_replace_file(dir_fd, "exit.json", bytes, strlen(bytes));
}
