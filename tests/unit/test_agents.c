/* SPDX-License-Identifier: Apache-2.0 */
/* image/agents: what a definition may say, and that those of the repository say it. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "image/agents.h"

#define REST "description: d\ncommand: c\n"

static const struct {
	const char *text;
	const char *message; /* part of it; NULL: well-formed */
} cases[] = {
	{ "name: x\n" REST, NULL },
	{ "name: x\n" REST "package: '@a/b'\naliases: [y, z]\nargs: [--a, 'b c']\nenv: [A=b]\n", NULL },
	{ "name: x\n" REST "files:\n  - path: a/.b\n    content: |\n      text\n", NULL },
	{ "", "nothing" },
	{ "name: x\n", "" },
	{ "name: x\ndescription: d\n", "command" },
	{ "name: x\n" REST "colour: red\n", "colour" },
	{ "name: x\n" REST "args: --a\n", "" },
	{ "name: x\n" REST "name: x\n", "" },
	{ "name: [x]\n" REST, "" },
	{ "[1, 2]\n", "" },
	{ "name: x\n\tbad", "" },
	{ "name: y\n" REST, "not the file's" },
	{ "name: x\ndescription: d\ncommand: /bin/sh\n", "plain program" },
	{ "name: x\ndescription: d\ncommand: -c\n", "plain program" },
	{ "name: x\n" REST "package: --global\n", "package" },
	{ "name: x\n" REST "aliases: [Y]\n", "alias" },
	{ "name: x\n" REST "env: [A]\n", "NAME=VALUE" },
	{ "name: x\n" REST "env: [=b]\n", "NAME=VALUE" },
	{ "name: x\n" REST "files:\n  - path: ../b\n    content: c\n", "home directory" },
	{ "name: x\n" REST "files:\n  - path: a/../b\n    content: c\n", "home directory" },
	{ "name: x\n" REST "files:\n  - path: /b\n    content: c\n", "home directory" },
	{ "name: x\n" REST "files:\n  - path: b/\n    content: c\n", "home directory" },
	{ "name: x\n" REST "files:\n  - path: b\n", "content" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_err struct err err = ERR_INIT;
		struct agent *agent = NULL;
		int r = agent_parse(cases[i].text, strlen(cases[i].text), "x", &agent, &err);

		if (r != (cases[i].message ? -EINVAL : 0) ||
			(cases[i].message && !strstr(err.message, cases[i].message)))
			fail_msg("case %zu: %d %s", i, r, err.message ? err.message : "");
		agent_free(agent);
	}
}

static void test_values(void **state)
{
	static const char text[] = "name: x\ndescription: d e\ncommand: c\npackage: p@1\n"
		"aliases: [y]\nargs: [-a, 'b c']\nenv: [A=b=c]\n"
		"files:\n  - path: .x/y\n    content: |\n      one\n      two\n";
	cleanup_err struct err err = ERR_INIT;
	struct agent *agent;
	json_t *json;

	assert_int_equal(agent_parse(text, strlen(text), "x", &agent, &err), 0);
	assert_string_equal(agent->description, "d e");
	assert_int_equal(agent->args_count, 2);
	assert_string_equal(agent->args[1], "b c");
	assert_string_equal(agent->env[0], "A=b=c");
	assert_string_equal(agent->files[0].content, "one\ntwo\n");
	json = agent_to_json(agent);
	assert_string_equal(json_string_value(json_object_get(json, "package")), "p@1");
	assert_int_equal(json_array_size(json_object_get(json, "aliases")), 1);
	json_decref(json);
	agent_free(agent);
}

static void test_repository(void **state)
{
	static const char *const names[] = { "claude", "codex", "copilot", "gemini", "opencode",
		"shell" };
	cleanup_err struct err err = ERR_INIT;
	cleanup_agents struct agents agents = { 0 };
	const struct agent *agent;

	if (agents_load_directory(AGENTS_DIRECTORY, &agents, &err) < 0)
		fail_msg("%s", err.message);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		assert_non_null(agents_find(&agents, names[i]));
	assert_ptr_equal(agents_find(&agents, "claude-code"), agents_find(&agents, "claude"));
	assert_null(agents_find(&agents, "shell")->package);
	assert_int_equal(agents_require(&agents, "claude", &agent, &err), 0);
	assert_string_equal(agent->command, "claude");
	assert_int_equal(agents_require(&agents, "clade", &agent, &err), -ENOENT);
	assert_non_null(strstr(err.hint, "claude, codex"));
}

static void write_definition(const char *directory, const char *name, const char *alias)
{
	cleanup_free char *path = xasprintf("%s/%s.yaml", directory, name);
	cleanup_free char *text = xasprintf("name: %s\naliases: [%s]\n" REST, name, alias);
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_unique(void **state)
{
	char directory[] = "/tmp/sbx-test-agents-XXXXXX";
	cleanup_err struct err err = ERR_INIT;
	struct agents agents;

	assert_non_null(mkdtemp(directory));
	write_definition(directory, "one", "uno");
	write_definition(directory, "two", "one");
	assert_int_equal(agents_load_directory(directory, &agents, &err), -EEXIST);
	assert_non_null(strstr(err.message, "two.yaml"));
	assert_int_equal(io_remove_tree(AT_FDCWD, directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_repository),
		cmocka_unit_test(test_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
