/* SPDX-License-Identifier: Apache-2.0 */
/* cli: what a daemon that is started on demand gets of its starter. */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cli/daemon_start.h"
#include "common/cleanup.h"

static const struct {
	const char *variable;
	bool passed;
} variables[] = {
	{ "HOME=/home/u", true },
	{ "PATH=/usr/bin", true },
	{ "XDG_STATE_HOME=/s", true },
	{ "SBX_IMAGE_STORE=/i", true },
	{ "LC_ALL=C.UTF-8", true },
	{ "https_proxy=http://proxy:3128", true },
	{ "ANTHROPIC_API_KEY=secret", false },
	{ "LD_PRELOAD=/home/u/project/x.so", false },
	{ "LD_LIBRARY_PATH=/home/u/project", false },
	{ "PERL5LIB=/home/u/project", false },
	{ "NODE_OPTIONS=--require=./x.js", false },
	{ "NPM_CONFIG_REGISTRY=https://registry", true },
	{ "npm_config_registry=https://another", false },
	{ "npm_config_script_shell=/home/u/project/sh", false },
	{ "HOMEBREW=1", false },
	{ "PATH", false },
	{ "=", false },
	{ "", false },
};

static void test_environment(void **state)
{
	const size_t count = sizeof(variables) / sizeof(*variables);
	char *all[sizeof(variables) / sizeof(*variables) + 1] = { NULL };
	cleanup_free char **list = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		all[i] = (char *)variables[i].variable;
	list = daemon_environment(all);
	for (size_t i = 0; i < count; i++)
		if (variables[i].passed)
			assert_string_equal(list[kept++], variables[i].variable);
	assert_null(list[kept]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
