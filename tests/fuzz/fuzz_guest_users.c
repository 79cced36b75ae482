/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/passwd and /etc/group as a guest may leave them: "SPEC NUL PASSWD NUL GROUP". */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "guest/users.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	char *text = calloc(1, size + 3);
	const char *passwd, *group;
	struct user user;

	memcpy(text, data, size);
	passwd = text + strlen(text) + 1;
	group = passwd + strlen(passwd) + 1;
	if (group > text + size + 2)
		group = "";
	if (users_find_in(passwd, group, text, &user) == 0) {
		assert(user.uid != (uid_t)-1 && user.gid != (gid_t)-1);
		assert(user.group_count >= 1 && user.group_count <= USERS_MAX_GROUPS);
		assert(user.home[0] && user.shell[0]);
	}
	free(text);
	return 0;
}
