/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: each lives in a file cmd_NAME.c that ends with its `struct command`; commands.c has
 * the table of them all.
 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/options.h"
#include "common/err.h"

/* Exit statuses; else it is the status of the program inside the sandbox. */
enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_NOT_STARTED = 125 };

enum { ANY_NUMBER = 1 << 30 };

struct command;

/* One parsed call of a command. */
struct call {
	const struct command *command;
	const struct command *parent; /* of a subcommand, else NULL */
	void *options;		      /* the command's own struct */
	struct operands operands;
};

struct command {
	const char *name;
	const char *synopsis; /* what follows the name: "[-f] NAME..." */
	const char *summary;  /* one line for the list of commands */
	const char *details;  /* more for --help, lines of at most 80 columns; may be NULL */
	const struct option_spec *options;
	size_t options_size;
	enum options_order order;
	bool takes_after; /* words behind "--" mean something of their own */
	size_t least, most; /* operands */
	enum complete complete[3]; /* of the operands; the last one goes for those that follow */
	const struct command *const *subcommands; /* NULL-terminated; NULL: none */
	bool hidden;

	/*
	 * Does it. Returns an exit status, or -errno for STATUS_FAILED. A set `err` is printed in
	 * either case.
	 */
	int (*run)(const struct call *call, struct err *err);
};

/* All commands, NULL-terminated, in the order in which help lists them. */
extern const struct command *const commands[];

/* The command of that name in a table, or NULL. */
const struct command *command_find(const struct command *const *table, const char *name);

/* Sets the error for wrong words, with the usage line as its hint. Returns STATUS_USAGE. */
int command_usage(const struct call *call, struct err *err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Parses the words of a call (without "sbx") and runs the command. Returns an exit status. */
int command_main(char **argv);

/* "sbx image build [AGENT...]"; the caller frees. */
char *help_usage(const struct command *command, const struct command *parent);

/* The text of `sbx --help` and of `sbx COMMAND --help`. */
void help_overview(FILE *out);
void help_command(FILE *out, const struct command *command, const struct command *parent);

#endif
