/* SPDX-License-Identifier: Apache-2.0 */
/* keeper/config: start.json and sbx.conf. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/mem.h"
#include "keeper/config.h"

static const char good[] =
	"{\"id\":\"0123456789abcdef\",\"name\":\"claude-proj\",\"accel\":\"auto\",\"cpus\":2,"
	"\"memory_mib\":4096,\"kernel\":\"/k\",\"initrd_parts\":[\"/a\",\"/b\"],"
	"\"disks\":[{\"serial\":\"base\",\"path\":\"/base\",\"readonly\":true},"
	"{\"serial\":\"disk\",\"path\":\"/disk\",\"readonly\":false}],"
	"\"shares\":[{\"tag\":\"ws0\",\"path\":\"/home/a b\\n\\u00e4\",\"readonly\":false},"
	"{\"tag\":\"ws1\",\"path\":\"/ro\",\"readonly\":true}],"
	"\"guest\":[\"hostname claude-proj\",\"env A=b%20c\"],"
	"\"idle_timeout_s\":30,\"boot_timeout_s\":120}";

/* `from` in the good text becomes `to`; the parser has to refuse that, naming `message`. */
static const struct {
	const char *from, *to, *message;
} bad[] = {
	{ "{\"id\"", "[\"id\"", "line 1" },
	{ "}", "", "line 1" },
	{ "\"name\":\"claude-proj\",", "", "name is missing" },
	{ "\"accel\"", "\"more\":1,\"accel\"", "not known" },
	{ "\"cpus\":2", "\"cpus\":2,\"cpus\":3", "line 1" },
	{ "\"cpus\":2", "\"cpus\":0", "cpus" },
	{ "\"cpus\":2", "\"cpus\":\"2\"", "cpus" },
	{ "\"cpus\":2", "\"cpus\":2.5", "cpus" },
	{ "\"cpus\":2", "\"cpus\":99999999999999999999", "line 1" },
	{ "4096", "-1", "memory_mib" },
	{ "auto", "fast", "accel" },
	{ "claude-proj\"", "a,b\"", "name" },
	{ "0123456789abcdef", "", "id" },
	{ "\"/k\"", "\"k\"", "kernel" },
	{ "\"/k\"", "\"/k\\u0000x\"", "line 1" },
	{ "[\"/a\",\"/b\"]", "\"/a\"", "initrd_parts" },
	{ "[\"/a\",\"/b\"]", "[\"/a\",1]", "initrd_parts" },
	{ "\"base\"", "\"base,readonly=off\"", "serial" },
	{ "\"base\"", "\"123456789012345678901\"", "serial" },
	{ "\"readonly\":true", "\"readonly\":1", "readonly" },
	{ "{\"serial\":\"base\",", "{", "disks: serial is missing" },
	{ "\"ws0\"", "\"ws 0\"", "tag" },
	{ "\"env A=b%20c\"", "\"env A=b\\nshare x / rw\"", "guest" },
	{ "\"env A=b%20c\"", "5", "guest" },
	{ "\"idle_timeout_s\":30", "\"idle_timeout_s\":-30", "idle_timeout_s" },
};

static char *replaced(const char *from, const char *to)
{
	const char *at = strstr(good, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
}

static void test_good(void **state)
{
	cleanup_err struct err err = ERR_INIT;
	struct config config;

	assert_int_equal(config_parse(good, strlen(good), &config, &err), 0);
	assert_string_equal(config.id, "0123456789abcdef");
	assert_int_equal(config.accel, VM_ACCEL_AUTO);
	assert_int_equal(config.cpus, 2);
	assert_int_equal(config.initrd_part_count, 2);
	assert_int_equal(config.disk_count, 2);
	assert_false(config.disks[1].readonly);
	assert_int_equal(config.share_count, 2);
	assert_true(config.shares[1].readonly);
	assert_int_equal(config.idle_timeout_s, 30);
	assert_int_equal(config.boot_timeout_s, 120);
	config_finish(&config);
}

static void test_guest_text(void **state)
{
	cleanup_err struct err err = ERR_INIT;
	cleanup_free char *text = NULL;
	struct config config;

	assert_int_equal(config_parse(good, strlen(good), &config, &err), 0);
	text = config_guest_text(&config);
	assert_string_equal(text, "share ws0 /home/a%20b%0A%C3%A4 rw\n"
				  "share ws1 /ro ro\n"
				  "hostname claude-proj\n"
				  "env A=b%20c\n");
	config_finish(&config);
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		cleanup_free char *text = replaced(bad[i].from, bad[i].to);
		cleanup_err struct err err = ERR_INIT;
		struct config config;

		if (config_parse(text, strlen(text), &config, &err) == 0)
			fail_msg("accepted: %s", text);
		if (!strstr(err.message, bad[i].message))
			fail_msg("case %zu: %s", i, err.message);
	}
}

static void test_too_many(void **state)
{
	cleanup_free char *text = NULL;
	cleanup_err struct err err = ERR_INIT;
	struct config config;

	text = replaced("[\"/a\",\"/b\"]",
		"[\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\",\"/7\",\"/8\",\"/9\"]");
	assert_int_equal(config_parse(text, strlen(text), &config, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_guest_text),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
