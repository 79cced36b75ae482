/* SPDX-License-Identifier: Apache-2.0 */
/* daemon/spec, name, workspace: what a sandbox may be. */
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "daemon/name.h"
#include "daemon/spec.h"
#include "daemon/workspace.h"

#include <fcntl.h>

static char home[] = "/tmp/sbx-test-spec-XXXXXX";

static int set_up(void **state)
{
	static const char *const made[] = { "state/sbx", "cache/sbx", "config/sbx", "work/a",
		"work/sp ace", "work/new\nline", "work/\xc3\xbc", "work/bad\xff", "store",
		NULL };
	cleanup_free char *path = NULL;

	if (!mkdtemp(home))
		return -1;
	for (const char *const *name = made; *name; name++) {
		cleanup_free char *directory = paths_join(home, *name);

		if (paths_mkdirs(directory, 0700) < 0)
			return -1;
	}
	path = xasprintf("%s/work/file", home);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < 3; i++) {
		static const char *const variables[][2] = { { "XDG_STATE_HOME", "state" },
			{ "XDG_CACHE_HOME", "cache" }, { "XDG_CONFIG_HOME", "config" } };
		cleanup_free char *value = paths_join(home, variables[i][1]);

		setenv(variables[i][0], value, 1);
	}
	free(path);
	path = paths_join(home, "store");
	setenv("SBX_IMAGE_STORE", path, 1);
	return 0;
}

static int tear_down(void **state)
{
	return io_remove_tree(AT_FDCWD, home);
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool valid;
	} cases[] = {
		{ "ab", true },
		{ "a1", true },
		{ "1a", true },
		{ "claude-proj.x-2", true },
		{ "a", false },
		{ "", false },
		{ "-a", false },
		{ ".a", false },
		{ "a b", false },
		{ "a/b", false },
		{ "a_b", false },
		{ "\xc3\xbc" "ber", false },
		{ "default", false },
		{ "Default", true },
		{ "..", false },
		{ "123456789012345678901234567890123456789012345678901234567890123", true },
		{ "1234567890123456789012345678901234567890123456789012345678901234", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(name_valid(cases[i].name), cases[i].valid);
}

static void test_made_names(void **state)
{
	static const struct {
		const char *agent, *workspace;
		unsigned number;
		const char *name;
	} cases[] = {
		{ "claude", "/home/u/proj", 1, "claude-proj" },
		{ "claude", "/home/u/proj", 2, "claude-proj-2" },
		{ "claude", "/home/u/my proj (1)", 1, "claude-my-proj-1" },
		{ "claude", "/home/u/\xc3\xbc" "ber", 1, "claude-ber" },
		{ "claude", "/home/u/\xe6\x97\xa5\xe6\x9c\xac", 1, "claude" },
		{ "claude", "/home/u/\xe6\x97\xa5\xe6\x9c\xac", 3, "claude-3" },
		{ "shell", "/a_b/.hidden.", 1, "shell-.hidden" },
		{ "shell", "/x/new\nline", 1, "shell-new-line" },
		{ "shell",
			"/0123456789012345678901234567890123456789012345678901234567890123456", 12,
			"shell-012345678901234567890123456789012345678901234567890123-12" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *name =
			name_make(cases[i].agent, cases[i].workspace, cases[i].number);

		assert_string_equal(name, cases[i].name);
		assert_true(name_valid(name));
	}
}

static void test_workspaces(void **state)
{
	/* A path that does not begin with '/' is below the test's home. */
	static const struct {
		const char *path;
		const char *complaint; /* NULL: allowed */
	} cases[] = {
		{ "work/a", NULL },
		{ "work/sp ace", NULL },
		{ "work/new\nline", NULL },
		{ "work/\xc3\xbc", NULL },
		{ "work/a/../a/.", NULL },
		{ "work", NULL },
		{ "work/bad\xff", "not UTF-8" },
		{ "work/file", "not a directory" },
		{ "work/none", "No such file" },
		{ "", "where sbx keeps" },
		{ "state", "where sbx keeps" },
		{ "state/sbx", "where sbx keeps" },
		{ "cache/sbx", "where sbx keeps" },
		{ "config", "where sbx keeps" },
		{ "store", "where sbx keeps" },
		{ "work/link-to-state", "where sbx keeps" },
		{ "work/link-to-root", "whole host" },
		{ "/", "whole host" },
		{ "/usr", "own system" },
		{ "/usr/lib", "own system" },
		{ "/usr/bin", "own system" },
		{ "/etc", "own system" },
		{ "/proc/self", "own system" },
		{ "/dev", "own system" },
		{ "/tmp", "where sbx keeps" },
		{ "/home", "own system" },
		{ "/boot", "own system" },
	};
	cleanup_free char *to_state = paths_join(home, "work/link-to-state");
	cleanup_free char *to_root = paths_join(home, "work/link-to-root");

	assert_int_equal(symlink("../state/sbx", to_state), 0);
	assert_int_equal(symlink("/", to_root), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *path = *cases[i].path == '/' ? xstrdup(cases[i].path)
								: paths_join(home, cases[i].path);
		cleanup_err struct err err = ERR_INIT;
		cleanup_free char *resolved = NULL;
		int r = workspace_resolve(path, &resolved, &err);

		if (!cases[i].complaint) {
			assert_int_equal(r, 0);
			assert_int_equal(*resolved, '/');
			assert_int_equal(workspace_recheck(resolved, NULL), 0);
			continue;
		}
		assert_true(r < 0);
		if (!strstr(err.message, cases[i].complaint))
			fail_msg("%s: %s", path, err.message);
	}
	assert_true(workspace_resolve("work/a", &(char *){ NULL }, NULL) < 0);
}

/* A workspace that was checked and then replaced by a link must not be followed. */
static void test_replaced_workspace(void **state)
{
	cleanup_free char *path = paths_join(home, "work/swapped");
	cleanup_err struct err err = ERR_INIT;

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(workspace_recheck(path, NULL), 0);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/root", path), 0);
	assert_true(workspace_recheck(path, &err) < 0);
	assert_non_null(strstr(err.message, "become a link"));
	unlink(path);
}

static void test_within(void **state)
{
	assert_true(workspace_path_within("/a/b", "/a"));
	assert_true(workspace_path_within("/a", "/a"));
	assert_true(workspace_path_within("/a", "/"));
	assert_false(workspace_path_within("/ab", "/a"));
	assert_false(workspace_path_within("/a", "/a/b"));
}

/* In the bodies, '@' stands for the workspace and "'" for '"'. */
static json_t *make_body(const char *text)
{
	cleanup_free char *full = xcalloc(strlen(text) + 200, 1);
	char *o = full;
	json_t *body;

	for (; *text; text++) {
		if (*text == '@')
			o += sprintf(o, "[{\"path\":\"%s/work/a\"}]", home);
		else
			*o++ = (char)(*text == '\'' ? '"' : *text);
	}
	body = json_loads(full, 0, NULL);
	assert_non_null(body);
	return body;
}

static const struct spec_limits limits = { .cpus = 4, .memory_mib = 8192 };

static void test_refused_specs(void **state)
{
	static const struct {
		const char *body;
		enum api_code code;
		const char *complaint;
	} cases[] = {
		{ "{}", API_BAD_REQUEST, "agent" },
		{ "{'agent':''}", API_BAD_REQUEST, "agent" },
		{ "{'agent':5}", API_BAD_REQUEST, "agent" },
		{ "{'agent':'shell'}", API_BAD_REQUEST, "workspaces" },
		{ "{'agent':'shell','workspaces':[]}", API_BAD_REQUEST, "workspaces" },
		{ "{'agent':'shell','workspaces':['/x']}", API_BAD_REQUEST, "object" },
		{ "{'agent':'shell','workspaces':[{}]}", API_BAD_REQUEST, "path" },
		{ "{'agent':'shell','workspaces':[{'path':'/nope'}]}", API_WORKSPACE, "/nope" },
		{ "{'agent':'shell','workspaces':[{'path':'/','ro':true}]}", API_BAD_REQUEST,
			"unknown member" },
		{ "{'agent':'shell','workspaces':[{'path':'/','readonly':1}]}", API_BAD_REQUEST,
			"true or false" },
		{ "{'agent':'shell','workspaces':@,'cpu':1}", API_BAD_REQUEST, "unknown member" },
		{ "{'agent':'shell','workspaces':@,'name':'x'}", API_BAD_REQUEST, "2 to 63" },
		{ "{'agent':'shell','workspaces':@,'cpus':5}", API_BAD_REQUEST, "between 1 and 4" },
		{ "{'agent':'shell','workspaces':@,'cpus':-1}", API_BAD_REQUEST, "between" },
		{ "{'agent':'shell','workspaces':@,'cpus':1.5}", API_BAD_REQUEST, "whole number" },
		{ "{'agent':'shell','workspaces':@,'memory_mib':255}", API_BAD_REQUEST, "256" },
		{ "{'agent':'shell','workspaces':@,'memory_mib':8193}", API_BAD_REQUEST, "8192" },
		{ "{'agent':'shell','workspaces':@,'disk_mib':1023}", API_BAD_REQUEST, "1024" },
		{ "{'agent':'shell','workspaces':@,'disk_mib':99999999}", API_BAD_REQUEST,
			"disk_mib" },
		{ "{'agent':'shell','workspaces':@,'idle_timeout_s':'30'}", API_BAD_REQUEST,
			"idle_timeout_s" },
		{ "{'agent':'shell','workspaces':@,'env':{}}", API_BAD_REQUEST, "env" },
		{ "{'agent':'shell','workspaces':@,'env':['A']}", API_BAD_REQUEST, "NAME=VALUE" },
		{ "{'agent':'shell','workspaces':@,'env':['=b']}", API_BAD_REQUEST, "NAME=VALUE" },
		{ "{'agent':'shell','workspaces':@,'env':['1A=b']}", API_BAD_REQUEST,
			"NAME=VALUE" },
		{ "{'agent':'shell','workspaces':@,'env':['A-B=b']}", API_BAD_REQUEST,
			"NAME=VALUE" },
		{ "{'agent':'shell','workspaces':@,'env':[7]}", API_BAD_REQUEST, "NAME=VALUE" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_err struct err err = ERR_INIT;
		json_t *body = make_body(cases[i].body);
		struct spec spec;

		assert_int_equal(spec_parse(body, &limits, &spec, &err), cases[i].code);
		if (!strstr(err.message, cases[i].complaint))
			fail_msg("%s: %s", cases[i].body, err.message);
		json_decref(body);
	}
}

static void test_twice_the_same_workspace(void **state)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *text = xasprintf("{'agent':'shell','workspaces':[{'path':'%s/work/a'},"
					    "{'path':'%s/work/../work/a'}]}", home, home);
	json_t *body = make_body(text);
	struct spec spec;

	assert_int_equal(spec_parse(body, &limits, &spec, &err), API_WORKSPACE);
	assert_non_null(strstr(err.message, "twice"));
	json_decref(body);
}

static void test_defaults(void **state)
{
	json_t *body = make_body("{'agent':'shell','workspaces':@,'cpus':0,'memory_mib':0}");
	cleanup_spec struct spec spec = { 0 };

	assert_int_equal(spec_parse(body, &limits, &spec, NULL), API_OK);
	assert_null(spec.name);
	assert_int_equal(spec.cpus, 4);
	assert_int_equal(spec.memory_mib, 4096);
	assert_int_equal(spec.disk_mib, 20480);
	assert_int_equal(spec.idle_timeout_s, 30);
	assert_int_equal(spec.workspace_count, 1);
	assert_false(spec.workspaces[0].readonly);
	json_decref(body);
}

static void test_large_host(void **state)
{
	static const struct spec_limits large = { .cpus = 128, .memory_mib = 512 << 10 };
	json_t *body = make_body("{'agent':'shell','workspaces':@,'idle_timeout_s':0,"
				 "'name':'mine','env':['A=','B_2=x=y']}");
	cleanup_spec struct spec spec = { 0 };

	assert_int_equal(spec_parse(body, &large, &spec, NULL), API_OK);
	assert_string_equal(spec.name, "mine");
	assert_int_equal(spec.memory_mib, 32 << 10);
	assert_int_equal(spec.idle_timeout_s, 0);
	assert_int_equal(spec.env_count, 2);
	assert_string_equal(spec.env[1], "B_2=x=y");
	json_decref(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_made_names),
		cmocka_unit_test(test_workspaces),
		cmocka_unit_test(test_replaced_workspace),
		cmocka_unit_test(test_within),
		cmocka_unit_test(test_refused_specs),
		cmocka_unit_test(test_twice_the_same_workspace),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_large_host),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
