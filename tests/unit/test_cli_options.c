/* SPDX-License-Identifier: Apache-2.0 */
/* Options of the command line: parsing by table, suggestions, environment, the prune filter. */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/agents.h"
#include "cli/copy_place.h"
#include "cli/environment.h"
#include "cli/options.h"
#include "cli/prune_filter.h"
#include "cli/spec.h"
#include "cli/suggest.h"
#include "common/cleanup.h"
#include "common/io.h"

struct values {
	bool flag;
	bool other;
	const char *text;
	struct words list;
	uint64_t number;
	uint64_t size;
};

static const struct option_spec specs[] = {
	{ 'f', OPTION_FLAG, "flag", offsetof(struct values, flag), NULL, "", COMPLETE_NOTHING },
	{ 'o', OPTION_FLAG, "other", offsetof(struct values, other), NULL, "", COMPLETE_NOTHING },
	{ 't', OPTION_STRING, "text", offsetof(struct values, text), "TEXT", "", COMPLETE_NOTHING },
	{ 'e', OPTION_LIST, "env", offsetof(struct values, list), "X", "", COMPLETE_NOTHING },
	{ 0, OPTION_NUMBER, "number", offsetof(struct values, number), "N", "", COMPLETE_NOTHING },
	{ 0, OPTION_SIZE, "size", offsetof(struct values, size), "SIZE", "", COMPLETE_NOTHING },
	{ 0 },
};

/* Words joined by '|'; what is expected of the call as one line. */
struct parse_case {
	const char *words;
	enum options_order order;
	const char *expected; /* NULL: refused */
};

static const struct parse_case parse_cases[] = {
	{ "", OPTIONS_ANYWHERE, "f0 o0 t- e: n0 s0 w: a: h0" },
	{ "-f|a|--other|b", OPTIONS_ANYWHERE, "f1 o1 t- e: n0 s0 w:a,b, a: h0" },
	{ "-fo", OPTIONS_ANYWHERE, "f1 o1 t- e: n0 s0 w: a: h0" },
	{ "-fox", OPTIONS_ANYWHERE, NULL },
	{ "-tvalue|-t|later", OPTIONS_ANYWHERE, "f0 o0 tlater e: n0 s0 w: a: h0" },
	{ "-ftvalue", OPTIONS_ANYWHERE, "f1 o0 tvalue e: n0 s0 w: a: h0" },
	{ "--text=", OPTIONS_ANYWHERE, "f0 o0 t e: n0 s0 w: a: h0" },
	{ "--text=a=b", OPTIONS_ANYWHERE, "f0 o0 ta=b e: n0 s0 w: a: h0" },
	{ "--text|--flag", OPTIONS_ANYWHERE, "f0 o0 t--flag e: n0 s0 w: a: h0" },
	{ "-e|A=1|--env|B=2|--env=C", OPTIONS_ANYWHERE, "f0 o0 t- e:A=1,B=2,C, n0 s0 w: a: h0" },
	{ "--number=4", OPTIONS_ANYWHERE, "f0 o0 t- e: n4 s0 w: a: h0" },
	{ "--size|8g", OPTIONS_ANYWHERE, "f0 o0 t- e: n0 s8589934592 w: a: h0" },
	{ "a|--|-f|--", OPTIONS_ANYWHERE, "f0 o0 t- e: n0 s0 w:a, a:-f,--, h0" },
	{ "-|-f", OPTIONS_ANYWHERE, "f1 o0 t- e: n0 s0 w:-, a: h0" },
	{ "-f|box|-t|x|--|y", OPTIONS_FIRST, "f1 o0 t- e: n0 s0 w:box,-t,x,--,y, a: h0" },
	{ "--|box|-t", OPTIONS_FIRST, "f0 o0 t- e: n0 s0 w: a:box,-t, h0" },
	{ "--help|--nonsense", OPTIONS_ANYWHERE, "f0 o0 t- e: n0 s0 w: a: h1" },
	{ "-h", OPTIONS_ANYWHERE, "f0 o0 t- e: n0 s0 w: a: h1" },
	{ "--number=-1", OPTIONS_ANYWHERE, NULL },
	{ "--number=many", OPTIONS_ANYWHERE, NULL },
	{ "--number=99999999999", OPTIONS_ANYWHERE, NULL },
	{ "--size=big", OPTIONS_ANYWHERE, NULL },
	{ "--flag=1", OPTIONS_ANYWHERE, NULL },
	{ "--text", OPTIONS_ANYWHERE, NULL },
	{ "-t", OPTIONS_ANYWHERE, NULL },
	{ "--tex", OPTIONS_ANYWHERE, NULL },
	{ "-x", OPTIONS_ANYWHERE, NULL },
};

static void join(char *out, const struct words *words)
{
	for (size_t i = 0; i < words->count; i++) {
		strcat(out, words->items[i]);
		strcat(out, ",");
	}
}

static void describe(char *out, size_t size, const struct values *values,
	const struct operands *operands)
{
	char list[128] = "", words[128] = "", after[128] = "";

	join(list, &values->list);
	join(words, &operands->words);
	join(after, &operands->after);
	snprintf(out, size, "f%d o%d t%s e:%s n%llu s%llu w:%s a:%s h%d", values->flag,
		values->other, values->text ? values->text : "-", list,
		(unsigned long long)values->number, (unsigned long long)values->size, words, after,
		operands->help);
}

static void test_parse(void **state)
{
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];
		cleanup_free char *copy = strdup(c->words);
		char *argv[16] = { 0 };
		char text[512];
		size_t argc = 0;
		struct values values = { 0 };
		struct operands operands = { 0 };
		cleanup_err struct err err = ERR_INIT;
		int r;

		for (char *word = strtok(copy, "|"); word; word = strtok(NULL, "|"))
			argv[argc++] = word;
		r = options_parse(specs, c->order, argv, &values, &operands, &err);
		if (c->expected) {
			assert_int_equal(r, 0);
			describe(text, sizeof(text), &values, &operands);
			assert_string_equal(text, c->expected);
		} else {
			assert_int_equal(r, -EINVAL);
			assert_non_null(err.message);
		}
		options_finish(specs, &values, &operands);
	}
}

static void test_suggest(void **state)
{
	static const char *const known[] = { "run",  "create", "ls", "inspect",
					     "exec", "stop",   "rm" };
	static const struct {
		const char *word, *best;
	} cases[] = { { "rnu", "run" },	     { "creat", "create" }, { "inpsect", "inspect" },
		      { "execute", "exec" }, { "frobnicate", NULL }, { "l", "ls" },
		      { "", NULL } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct suggest suggest;

		suggest_init(&suggest, cases[i].word);
		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			suggest_offer(&suggest, known[k]);
		if (cases[i].best)
			assert_string_equal(suggest.best, cases[i].best);
		else
			assert_null(suggest.best);
	}
}

static void test_environment(void **state)
{
	static const struct {
		const char *text, *item; /* item NULL: refused; "": left out */
	} cases[] = { { "A=b c", "A=b c" },   { "A=", "A=" },	 { "_x1=é", "_x1=é" },
		      { "SBX_SET", "SBX_SET=here" }, { "SBX_NOT_SET", "" }, { "=x", NULL },
		      { "1A=x", NULL },	      { "A B=x", NULL }, { "", NULL } };

	setenv("SBX_SET", "here", 1);
	unsetenv("SBX_NOT_SET");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct environment environment = { 0 };
		int r = environment_add(&environment, cases[i].text, NULL);

		assert_int_equal(r, cases[i].item ? 0 : -EINVAL);
		assert_int_equal(environment.count, cases[i].item && *cases[i].item ? 1 : 0);
		if (environment.count)
			assert_string_equal(environment.items[0], cases[i].item);
		environment_finish(&environment);
	}
}

static void write_file(const char *path, const char *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fwrite(bytes, 1, length, file);
	fclose(file);
}

static void test_environment_file(void **state)
{
	static const char good[] = "# comment\n\nA=1\r\nB=x # kept\n  \nSBX_SET";
	char path[] = "/tmp/sbx-env-XXXXXX";
	struct environment environment = { 0 };
	cleanup_err struct err err = ERR_INIT;
	int fd = mkstemp(path);

	close(fd);
	setenv("SBX_SET", "here", 1);
	write_file(path, "A=1\r\n# c\n\nB=x # kept\nSBX_SET", 28);
	assert_int_equal(environment_add_file(&environment, path, &err), 0);
	assert_int_equal(environment.count, 3);
	assert_string_equal(environment.items[0], "A=1");
	assert_string_equal(environment.items[1], "B=x # kept");
	assert_string_equal(environment.items[2], "SBX_SET=here");
	write_file(path, good, sizeof(good) - 1);
	assert_int_equal(environment_add_file(&environment, path, &err), -EINVAL);
	assert_non_null(strstr(err.message, ":5: "));
	write_file(path, "A=1\0B", 5);
	assert_int_equal(environment_add_file(&environment, path, &err), -EINVAL);
	unlink(path);
	assert_int_equal(environment_add_file(&environment, path, &err), -ENOENT);
	environment_finish(&environment);
}

static void test_prune_filter(void **state)
{
	static const time_t now = 1800000000;
	static const struct {
		const char *text;
		int64_t seconds; /* -1: refused */
	} cases[] = { { "until=1h", 1800000000 - 3600 },
		      { "until=7d", 1800000000 - 604800 },
		      { "until=90", 1800000000 - 90 },
		      { "until=1700000000", 1700000000 },
		      { "until=2026-01-31", 1769817600 },
		      { "until=2026-01-31T12:00:00Z", 1769860800 },
		      { "until=2026-01-31T12:00:00+02:00", 1769853600 },
		      { "until=", -1 },
		      { "until=soon", -1 },
		      { "until=2026-01-31T12", -1 },
		      { "since=1h", -1 },
		      { "", -1 } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t ns = 0;
		int r = prune_filter_parse(cases[i].text, now, &ns, NULL);

		assert_int_equal(r, cases[i].seconds < 0 ? -EINVAL : 0);
		if (r == 0)
			assert_int_equal(ns / 1000000000, cases[i].seconds);
	}
}

static void test_path(void **state)
{
	static const struct {
		const char *text, *path;
		bool readonly;
	} cases[] = { { "/no/such", "/no/such", false },
		      { "/no/such:ro", "/no/such", true },
		      { "/no/such:rw", "/no/such", false },
		      { "/no/such:ro:rw", "/no/such:ro", false },
		      { "/", "/", false },
		      { "/tmp/..", "/", false },
		      { ":ro", "/tmp/:ro", false } };

	assert_int_equal(chdir("/tmp"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *path = NULL;
		bool readonly = false;

		assert_int_equal(spec_parse_path(cases[i].text, &path, &readonly, NULL), 0);
		assert_string_equal(path, cases[i].path);
		assert_int_equal(readonly, cases[i].readonly);
	}
}

static void test_copy_place(void **state)
{
	static const struct {
		const char *word, *path;
		size_t sandbox_length;
		const char *directory, *name; /* name NULL: the content */
	} cases[] = {
		{ "box:/a/b", "/a/b", 3, "/a/", "b" },	  { "box:/a/b/", "/a/b/", 3, "/a/", "b" },
		{ "box:/a/.", "/a/.", 3, "/a/.", NULL },  { "box:/", "/", 3, "/", NULL },
		{ "box:/x", "/x", 3, "/", "x" },	  { "./a:b", "./a:b", 0, "./", "a:b" },
		{ "/a:b", "/a:b", 0, "/", "a:b" },	  { "file", "file", 0, ".", "file" },
		{ "-", "-", 0, ".", "-" },		  { ".", ".", 0, ".", NULL },
		{ ":/x", ":/x", 0, ":/", "x" },		  { "box:", "", 3, ".", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *directory = NULL;
		cleanup_free char *name = NULL;
		struct copy_place place;

		copy_place_parse(cases[i].word, &place);
		assert_string_equal(place.path, cases[i].path);
		assert_int_equal(place.sandbox_length, cases[i].sandbox_length);
		copy_place_split(place.path, &directory, &name);
		assert_string_equal(directory, cases[i].directory);
		if (cases[i].name)
			assert_string_equal(name, cases[i].name);
		else
			assert_null(name);
	}
}

static void test_arguments_rule(void **state)
{
	static const struct {
		const char *agent, *first, *second, *expected;
		bool defaults;
	} cases[] = {
		{ "claude", NULL, NULL, "", true },
		{ "claude", "--continue", NULL, "--continue,", true },
		{ "claude", "--model", "x", "--model,x,", true },
		{ "claude", "fix it", NULL, "claude,fix it,", false },
		{ "claude", "mcp", "list", "claude,mcp,list,", false },
		{ "shell", "-c", "id", "-c,id,", true },
		{ "shell", "uname", "-r", "uname,-r,", false },
		{ "claude", "", NULL, "claude,,", false },
	};
	json_t *agents = json_pack("[{s:s,s:s,s:s,s:[s]},{s:s,s:s,s:n}]", "name", "claude",
		"command", "claude", "package", "p", "aliases", "claude-code", "name", "shell",
		"command", "bash", "package");

	assert_ptr_equal(agents_pick(agents, "claude-code"), json_array_get(agents, 0));
	assert_null(agents_pick(agents, "none"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *items[] = { cases[i].first, cases[i].second };
		size_t count = (cases[i].first != NULL) + (cases[i].second != NULL);
		struct words after = { items, count };
		struct words command = { 0 };
		char text[128] = "";
		bool defaults;

		agents_command(agents_pick(agents, cases[i].agent), &after, &command, &defaults);
		join(text, &command);
		assert_string_equal(text, cases[i].expected);
		assert_int_equal(defaults, cases[i].defaults);
		words_finish(&command);
	}
	json_decref(agents);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_environment_file),
		cmocka_unit_test(test_prune_filter),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_copy_place),
		cmocka_unit_test(test_arguments_rule),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
