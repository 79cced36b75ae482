/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a command as a table. */
#include "cli/options.h"

#include <errno.h>
#include <string.h>

#include "cli/suggest.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"

void words_add(struct words *words, const char *word)
{
	words->items = xreallocarray(words->items, words->count + 1, sizeof(*words->items));
	words->items[words->count++] = word;
}

void words_finish(struct words *words)
{
	free(words->items);
	*words = (struct words){ 0 };
}

static const struct option_spec *find_letter(const struct option_spec *specs, char letter)
{
	for (; specs->name; specs++)
		if (specs->letter == letter)
			return specs;
	return NULL;
}

static const struct option_spec *find_name(const struct option_spec *specs, const char *name,
	size_t length)
{
	for (; specs->name; specs++)
		if (strlen(specs->name) == length && memcmp(specs->name, name, length) == 0)
			return specs;
	return NULL;
}

static int store(const struct option_spec *spec, const char *value, void *values, struct err *err)
{
	void *to = (char *)values + spec->offset;
	int r = 0;

	switch (spec->kind) {
	case OPTION_FLAG:
		*(bool *)to = true;
		break;
	case OPTION_STRING:
		*(const char **)to = value;
		break;
	case OPTION_LIST:
		words_add(to, value);
		break;
	case OPTION_NUMBER:
		r = text_parse_u64(value, INT32_MAX, to);
		break;
	case OPTION_SIZE:
		r = text_parse_size(value, to);
		break;
	}
	if (r == 0)
		return 0;
	err_set(err, EINVAL, "--%s: '%s' is not a %s", spec->name, value,
		spec->kind == OPTION_SIZE ? "size" : "number");
	if (spec->kind == OPTION_SIZE)
		err_hint(err, "write a size as 512m or 8g");
	return -EINVAL;
}

static int unknown_name(const struct option_spec *specs, const char *name, size_t length,
	struct err *err)
{
	cleanup_free char *word = xstrndup(name, length);
	struct suggest suggest;

	suggest_init(&suggest, word);
	for (; specs->name; specs++)
		suggest_offer(&suggest, specs->name);
	suggest_offer(&suggest, "help");
	err_set(err, EINVAL, "unknown option --%s", word);
	if (suggest.best)
		err_hint(err, "did you mean --%s?", suggest.best);
	return -EINVAL;
}

/* "--name", "--name=value" or "--name" "value". Moves *argv to the last word it used. */
static int parse_long(const struct option_spec *specs, char ***argv, void *values, struct err *err)
{
	const char *name = **argv + 2;
	size_t length = strcspn(name, "=");
	const struct option_spec *spec = find_name(specs, name, length);
	const char *value = name[length] ? name + length + 1 : NULL;

	if (!spec)
		return unknown_name(specs, name, length, err);
	if (spec->kind == OPTION_FLAG && value)
		return err_set(err, EINVAL, "option --%s takes no value", spec->name);
	if (spec->kind != OPTION_FLAG && !value) {
		value = *++*argv;
		if (!value)
			return err_set(err, EINVAL, "option --%s needs a value (%s)", spec->name,
				spec->value);
	}
	return store(spec, value, values, err);
}

/* "-x", "-xyz", "-xVALUE" or "-x" "VALUE". Sets *ret_help at an 'h' that no option claims. */
static int parse_letters(const struct option_spec *specs, char ***argv, void *values,
	bool *ret_help, struct err *err)
{
	for (const char *p = **argv + 1; *p; p++) {
		const struct option_spec *spec = find_letter(specs, *p);
		const char *value = NULL;
		int r;

		if (!spec && *p == 'h') {
			*ret_help = true;
			return 0;
		}
		if (!spec)
			return err_set(err, EINVAL, "unknown option -%c", *p);
		if (spec->kind != OPTION_FLAG) {
			value = p[1] ? p + 1 : *++*argv;
			if (!value)
				return err_set(err, EINVAL, "option -%c needs a value (%s)", *p,
					spec->value);
		}
		r = store(spec, value, values, err);
		if (r < 0 || value)
			return r;
	}
	return 0;
}

int options_parse(const struct option_spec *specs, enum options_order order, char **argv,
	void *values, struct operands *ret, struct err *err)
{
	static const struct option_spec none[] = { { 0 } };
	struct operands operands = { 0 };
	int r = 0;

	specs = specs ? specs : none;
	for (; *argv && r == 0 && !operands.help; argv++) {
		const char *word = *argv;

		if (strcmp(word, "--") == 0) {
			operands.dashes = true;
			while (*++argv)
				words_add(&operands.after, *argv);
			break;
		}
		if (word[0] != '-' || !word[1]) {
			words_add(&operands.words, word);
			if (order == OPTIONS_FIRST) {
				while (*++argv)
					words_add(&operands.words, *argv);
				break;
			}
		} else if (strcmp(word, "--help") == 0) {
			operands.help = true;
		} else if (word[1] == '-') {
			r = parse_long(specs, &argv, values, err);
		} else {
			r = parse_letters(specs, &argv, values, &operands.help, err);
		}
	}
	if (r < 0) {
		words_finish(&operands.words);
		words_finish(&operands.after);
		return r;
	}
	*ret = operands;
	return 0;
}

void options_finish(const struct option_spec *specs, void *values, struct operands *operands)
{
	for (; specs && specs->name; specs++)
		if (specs->kind == OPTION_LIST)
			words_finish((struct words *)((char *)values + specs->offset));
	words_finish(&operands->words);
	words_finish(&operands->after);
}
