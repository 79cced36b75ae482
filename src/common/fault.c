/* SPDX-License-Identifier: Apache-2.0 */
/* Kill points for the crash-safety tests. */
#include "common/fault.h"

#ifdef SBX_FAULT
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define FAULT_NAME(id, name) [FAULT_##id] = name,
	FAULT_POINTS(FAULT_NAME)
#undef FAULT_NAME
};

void fault_point(enum fault fault)
{
	const char *path = getenv("SBX_FAULT_FILE");
	char wanted[128];
	ssize_t n;
	int fd;

	if (!path)
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, wanted, sizeof(wanted) - 1);
	close(fd);
	if (n <= 0)
		return;
	wanted[n] = '\0';
	wanted[strcspn(wanted, "\n")] = '\0';
	if (strcmp(wanted, names[fault]) != 0)
		return;
	if (unlink(path) == 0)
		kill(getpid(), SIGKILL);
}
#else
typedef int fault_is_compiled_out;
#endif
