/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes a running sandbox consists of. */
#include "daemon/processes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

enum { MAX_LIST = 4096 };

static char *read_proc(pid_t pid, const char *name)
{
	cleanup_free char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	char *text;

	return io_read_file(AT_FDCWD, path, MAX_LIST, &text, NULL) == 0 ? text : NULL;
}

static void add_child(json_t *list, pid_t pid, pid_t vmm, unsigned *shares)
{
	cleanup_free char *comm = read_proc(pid, "comm");
	char role[16] = "";

	if (!comm)
		return;
	if (pid == vmm)
		snprintf(role, sizeof(role), "vmm");
	else if (strcmp(comm, "sbx-vsock\n") == 0)
		snprintf(role, sizeof(role), "vsock");
	else if (strcmp(comm, "virtiofsd\n") == 0)
		snprintf(role, sizeof(role), "share%u", (*shares)++);
	if (*role)
		json_object_set_new(list, role, json_integer(pid));
}

json_t *processes_of_keeper(pid_t keeper, pid_t vmm)
{
	json_t *list = json_object();
	cleanup_free char *children = NULL;
	cleanup_free char *name = NULL;
	char *rest, *word;
	unsigned shares = 0;

	if (keeper <= 0)
		return list;
	json_object_set_new(list, "keeper", json_integer(keeper));
	name = xasprintf("task/%d/children", (int)keeper);
	children = read_proc(keeper, name);
	rest = children;
	while (rest && (word = strsep(&rest, " \n")))
		if (*word)
			add_child(list, (pid_t)strtol(word, NULL, 10), vmm, &shares);
	return list;
}
