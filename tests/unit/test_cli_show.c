/* SPDX-License-Identifier: Apache-2.0 */
/* What people see: widths, tables, paths; and that the manual knows every option. */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/complete.h"
#include "cli/show.h"
#include "cli/table.h"
#include "cli/width.h"
#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"

static void test_width(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} cases[] = { { "", 0 },     { "abc", 3 },	{ "grün", 4 },	   { "日本", 4 },
		      { "e\xcc\x81", 1 }, { "\xff\xfe", 2 }, { "a\x01", 2 }, { "👍", 2 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_int_equal(width_of(cases[i].text), cases[i].width);
	assert_int_equal(width_prefix("日本", 3), 3);
	assert_int_equal(width_prefix("abc", 10), 3);
	assert_int_equal(width_prefix("abc", 2), 2);
}

static void test_table(void **state)
{
	static const char *const heading[] = { "A", "LONG", "C" };
	static const char expected[] = "A     LONG  C\n"
				       "日本  x     1\n"
				       "b     \\x1b  2\n";
	cleanup_free char *text = NULL;
	struct table table;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	table_init(&table, heading, 3);
	table_add(&table, xstrdup("日本"));
	table_add(&table, xstrdup("x"));
	table_add(&table, xstrdup("1"));
	table_add(&table, xstrdup("b"));
	table_add(&table, xstrdup("\033"));
	table_add(&table, xstrdup("2"));
	table_print(&table, out);
	fclose(out);
	assert_string_equal(text, expected);
	table_finish(&table);
}

static void test_path(void **state)
{
	static const struct {
		const char *path, *shown;
	} cases[] = { { "/home/u/proj", "~/proj" }, { "/home/u", "~" },
		      { "/home/user2", "/home/user2" }, { "/srv", "/srv" } };

	setenv("HOME", "/home/u", 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *shown = show_path(cases[i].path);

		assert_string_equal(shown, cases[i].shown);
	}
}

static void test_completion(void **state)
{
	static const struct {
		const char *words[4];
		size_t count;
		const char *has; /* NULL: nothing at all */
	} cases[] = {
		{ { "ins" }, 1, "inspect\t" },
		{ { "image", "b" }, 2, "build\t" },
		{ { "run", "--ke" }, 2, "--keep\t" },
		{ { "run", "shell", "" }, 3, ":directory\n" },
		{ { "run", "--env-file", "" }, 3, ":file\n" },
		{ { "logs", "--stream", "k" }, 3, "keeper\t" },
		{ { "completion", "z" }, 2, "zsh\t" },
		{ { "exec", "box", "ls", "--k" }, 4, ":file\n" },
		{ { "nonsense", "" }, 2, NULL },
		{ { "__c" }, 1, NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		complete_words(out, cases[i].words, cases[i].count);
		fclose(out);
		if (cases[i].has)
			assert_non_null(strstr(text, cases[i].has));
		else
			assert_string_equal(text, "");
	}
}

static char *read_manual(const char *name)
{
	cleanup_free char *path = xasprintf("%s/sbx-%s.1.scd", MANUAL_DIRECTORY, name);
	char *text = NULL;

	if (io_read_file(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		fail_msg("%s is missing", path);
	return text;
}

static void check_options(const char *manual, const struct command *command)
{
	for (const struct option_spec *s = command->options; s && s->name; s++) {
		cleanup_free char *name = xasprintf("--%s*", s->name);
		cleanup_free char *letter = xasprintf("*-%c*", s->letter);

		if (!strstr(manual, name))
			fail_msg("sbx-%s(1) does not name %s", command->name, name);
		if (s->letter && !strstr(manual, letter))
			fail_msg("sbx-%s(1) does not name %s", command->name, letter);
	}
}

static void test_manual_has_all_options(void **state)
{
	for (const struct command *const *c = commands; *c; c++) {
		cleanup_free char *manual = NULL;

		if ((*c)->hidden)
			continue;
		manual = read_manual((*c)->name);
		check_options(manual, *c);
		for (const struct command *const *s = (*c)->subcommands; s && *s; s++) {
			cleanup_free char *words = xasprintf("%s %s", (*c)->name, (*s)->name);

			if (!strstr(manual, words))
				fail_msg("sbx-%s(1) does not name 'sbx %s'", (*c)->name, words);
			check_options(manual, *s);
		}
	}
}

/* Two commands of one name, or options that take each other's letter, would never be noticed. */
static void test_tables_are_sound(void **state)
{
	for (const struct command *const *c = commands; *c; c++) {
		assert_ptr_equal(command_find(commands, (*c)->name), *c);
		assert_true((*c)->run || (*c)->subcommands);
		for (const struct option_spec *s = (*c)->options; s && s->name; s++) {
			assert_true(s->kind == OPTION_FLAG ? !s->value : s->value != NULL);
			assert_true(s->offset < (*c)->options_size);
			for (const struct option_spec *t = s + 1; t->name; t++) {
				assert_string_not_equal(s->name, t->name);
				assert_true(!s->letter || s->letter != t->letter);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_completion),
		cmocka_unit_test(test_manual_has_all_options),
		cmocka_unit_test(test_tables_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
