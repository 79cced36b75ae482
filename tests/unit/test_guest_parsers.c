/* SPDX-License-Identifier: Apache-2.0 */
/* The guest's small parsers: configuration, users, requests, build id, module signatures. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "guest/config.h"
#include "guest/info.h"
#include "guest/modules.h"
#include "guest/request.h"
#include "guest/users.h"

static void test_config(void **state)
{
	cleanup_free char *text = xstrdup("hostname box\n"
					  "share ws0 /home/u/my%20proj rw\n"
					  "share ws1 /data%0a2 ro\n"
					  "workdir /home/u/my%20proj\n"
					  "env A=b%20c\nenv EMPTY=\n"
					  "command claude\ncommand --flag\n"
					  "something-new with many more fields than any\n"
					  "loglevel debug\n");
	struct guest_config config;

	assert_int_equal(config_parse(&config, text, NULL), 0);
	assert_string_equal(config.hostname, "box");
	assert_string_equal(config.workdir, "/home/u/my proj");
	assert_int_equal(config.share_count, 2);
	assert_string_equal(config.shares[0].tag, "ws0");
	assert_string_equal(config.shares[0].path, "/home/u/my proj");
	assert_false(config.shares[0].readonly);
	assert_string_equal(config.shares[1].path, "/data\n2");
	assert_true(config.shares[1].readonly);
	assert_int_equal(config.env.count, 2);
	assert_string_equal(config.env.items[0], "A=b c");
	assert_string_equal(config.command.items[1], "--flag");
	assert_null(config.command.items[2]);
	assert_true(config.debug);
	config_finish(&config);
}

static void test_config_refused(void **state)
{
	static const char *const lines[] = { "share ws0 /x", "share ws0 relative rw",
		"share ws0 /x wr", "share ws0 /x rw more", "workdir here", "env NOVALUE",
		"hostname", "workdir /a%zz", "workdir /a%00b" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		cleanup_free char *text = xasprintf("hostname box\n%s\n", lines[i]);
		cleanup_err struct err err = ERR_INIT;
		struct guest_config config;

		assert_true(config_parse(&config, text, &err) < 0);
		assert_non_null(strstr(err.message, "line 2"));
		assert_null(config.hostname);
	}
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/bash\n"
			     "broken line\n"
			     "big:x:4294967295:0::/:/bin/sh\n"
			     "agent:x:1000:1000:,,,:/home/agent:/bin/bash\n"
			     "1234:x:7:7::/seven:\n"
			     "bare:x:1001:1002:::\n";
static const char group[] = "root:x:0:\nsudo:x:27:agent\n:::\ndocker:x:102:other,agent\n"
			    "agent:x:1000:agent\nnot:x:5:agents";

static const struct {
	const char *spec;
	int result;
	uid_t uid;
	gid_t gid;
	const char *name, *home, *shell;
	size_t groups;
} users[] = {
	{ "root", 0, 0, 0, "root", "/root", "/bin/bash", 1 },
	{ "agent", 0, 1000, 1000, "agent", "/home/agent", "/bin/bash", 3 },
	{ "1000", 0, 1000, 1000, "agent", "/home/agent", "/bin/bash", 3 },
	{ "1000:27", 0, 1000, 27, "agent", "/home/agent", "/bin/bash", 3 },
	{ "1234", 0, 7, 7, "1234", "/seven", "/bin/sh", 1 },
	{ "bare", 0, 1001, 1002, "bare", "/", "/bin/sh", 1 },
	{ "4000", 0, 4000, 0, "4000", "/", "/bin/sh", 1 },
	{ "4000:4001", 0, 4000, 4001, "4000", "/", "/bin/sh", 1 },
	{ "nobody", -ENOENT },
	{ "", -ENOENT },
	{ "big", -ENOENT },
	{ "4294967295", -EINVAL },
	{ "10x", -EINVAL },
	{ "10:", -EINVAL },
	{ "10:x", -EINVAL },
	{ "1:2:3", -EINVAL },
	{ "99999999999999999999", -EINVAL },
};

static void test_users(void **state)
{
	for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
		struct user user;

		assert_int_equal(users_find_in(passwd, group, users[i].spec, &user),
			users[i].result);
		if (users[i].result < 0)
			continue;
		assert_int_equal(user.uid, users[i].uid);
		assert_int_equal(user.gid, users[i].gid);
		assert_string_equal(user.name, users[i].name);
		assert_string_equal(user.home, users[i].home);
		assert_string_equal(user.shell, users[i].shell);
		assert_int_equal(user.group_count, users[i].groups);
		assert_int_equal(user.groups[0], user.gid);
	}
}

static void test_more_groups_than_fit(void **state)
{
	char many[USERS_MAX_GROUPS * 40] = "";
	struct user user;

	for (unsigned i = 0; i < USERS_MAX_GROUPS * 2; i++)
		sprintf(many + strlen(many), "g%u:x:%u:agent\n", i, 2000 + i);
	assert_int_equal(users_find_in(passwd, many, "agent", &user), 0);
	assert_int_equal(user.group_count, USERS_MAX_GROUPS);
}

static void test_list_set(void **state)
{
	struct request_list list = { 0 };
	char *first[] = { (char *)"one", (char *)"two", NULL };

	assert_int_equal(request_list_set(&list, "A=1"), 0);
	assert_int_equal(request_list_set(&list, "AB=2"), 0);
	assert_int_equal(request_list_set(&list, "A=3"), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0], "A=3");
	assert_int_equal(request_list_prepend(&list, first), 0);
	assert_int_equal(list.count, 4);
	assert_string_equal(list.items[1], "two");
	assert_string_equal(list.items[3], "AB=2");
	assert_null(list.items[4]);
	request_list_finish(&list);
}

/* A note of another kind, padded, then the build id. */
static const unsigned char notes[] = "\x6\0\0\0\x1\0\0\0\x6\0\0\0Linux\0\0\0\x9\0\0\0"
				     "\x4\0\0\0\x4\0\0\0\x3\0\0\0GNU\0\xde\xad\xbe\xef";

static void test_build_id(void **state)
{
	char id[INFO_BUILD_ID];

	info_find_build_id(notes, sizeof(notes) - 1, id);
	assert_string_equal(id, "deadbeef");
	for (size_t n = 0; n < sizeof(notes) - 1; n++) {
		info_find_build_id(notes, n, id);
		assert_string_equal(id, "");
	}
}

static const struct {
	const char *bytes;
	size_t length, kept;
} modules[] = {
	{ "module", 6, 6 },
	{ "moduleSSSS\0\0\0\0\0\0\0\0\0\0\0\4~Module signature appended~\n", 50, 6 },
	{ "moduleNKSSS\0\0\0\1\1\0\0\0\0\0\0\3~Module signature appended~\n", 51, 6 },
	{ "module\0\0\0\0\0\0\0\0\0\0\0\7~Module signature appended~\n", 46, 46 },
	{ "m\0\0\0\0\0\0\0\0\xff\xff\xff\xff~Module signature appended~\n", 41, 41 },
	{ "~Module signature appended~\n", 28, 28 },
};

static void test_module_signature(void **state)
{
	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		assert_int_equal(modules_unsigned_length((const unsigned char *)modules[i].bytes,
					 modules[i].length),
			modules[i].kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config),
		cmocka_unit_test(test_config_refused),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_more_groups_than_fit),
		cmocka_unit_test(test_list_set),
		cmocka_unit_test(test_build_id),
		cmocka_unit_test(test_module_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
