/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a command as a table.
 *
 * The table is the only place that knows an option: parsing, --help and the shell completions are
 * made from it, and a test holds the manual page against it. A value goes to the member of the
 * command's own struct that `offset` names, so a command reads typed members and no strings.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

/* What a word of the command line can be, for the completions. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_SANDBOX,
	COMPLETE_AGENT,
	COMPLETE_AGENT_OR_SANDBOX,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_SANDBOX_OR_FILE,
	COMPLETE_IMAGE,
	COMPLETE_SHELL,
	COMPLETE_STREAM,
	COMPLETE_COMMAND,
};

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *, NULL when not given */
	OPTION_LIST,   /* struct words; may be repeated */
	OPTION_NUMBER, /* uint64_t; 0 when not given */
	OPTION_SIZE,   /* uint64_t, bytes; 0 when not given */
};

/* Words in the order they were given; they point into argv. */
struct words {
	const char **items;
	size_t count;
};

struct option_spec {
	char letter; /* '\0': the long form only */
	enum option_kind kind;
	const char *name; /* NULL ends a table */
	size_t offset;
	const char *value; /* what --help calls the value; NULL for a flag */
	const char *help;
	enum complete complete;
};

enum options_order {
	OPTIONS_ANYWHERE, /* options and operands may mix */
	OPTIONS_FIRST,	  /* the first operand ends the options: what follows is a command */
};

/* What is left of the words when the options are taken out. */
struct operands {
	struct words words;
	struct words after; /* behind "--" */
	bool dashes;	    /* a "--" was there */
	bool help;	    /* --help or -h: nothing else was looked at */
};

/*
 * Parses argv (NULL-terminated, without the command's name). `values` is the command's zeroed
 * struct. Returns 0, or -EINVAL with an error that names the word and, for an unknown option, the
 * nearest known one.
 */
int options_parse(const struct option_spec *specs, enum options_order order, char **argv,
	void *values, struct operands *ret, struct err *err);

/* Frees the lists that options_parse() made in `values` and in the operands. */
void options_finish(const struct option_spec *specs, void *values, struct operands *operands);

void words_add(struct words *words, const char *word);
void words_finish(struct words *words);

#endif
