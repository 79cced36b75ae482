/* SPDX-License-Identifier: Apache-2.0 */
/* What can stand at the cursor of a command line that is being typed. */
#include "cli/complete.h"

#include <dirent.h>
#include <string.h>

#include "cli/api.h"
#include "cli/command.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/paths.h"
#include "common/text.h"

struct completion {
	FILE *out;
	const char *typed;
};

static void offer(const struct completion *at, const char *word, const char *description)
{
	if (text_has_prefix(word, at->typed))
		fprintf(at->out, "%s\t%s\n", word, description);
}

static void offer_commands(const struct completion *at, const struct command *const *table)
{
	for (; *table; table++)
		if (!(*table)->hidden)
			offer(at, (*table)->name, (*table)->summary);
}

static void offer_options(const struct completion *at, const struct option_spec *specs)
{
	for (; specs && specs->name; specs++) {
		cleanup_free char *word = xasprintf("--%s", specs->name);

		offer(at, word, specs->help);
	}
	offer(at, "--help", "show help");
}

/* Never starts a daemon: pressing a key changes nothing. Without one there are no names. */
static void offer_from_daemon(const struct completion *at, const char *path, const char *list,
	const char *key, const char *description_key, const char *suffix)
{
	struct api_request request = { .method = "GET", .path = path, .no_start = true };
	cleanup_json json_t *answer = NULL;
	cleanup_err struct err none = ERR_INIT;
	const json_t *item;
	size_t i;

	if (api_call(&request, &answer, &none) < 0)
		return;
	json_array_foreach(json_object_get(answer, list), i, item) {
		cleanup_free char *word = xasprintf("%s%s", api_text(item, key), suffix);

		offer(at, word, api_text(item, description_key));
	}
}

static void offer_sandboxes(const struct completion *at, const char *suffix)
{
	offer_from_daemon(at, "/v1/sandboxes", "sandboxes", "name", "state", suffix);
}

static void offer_agents(const struct completion *at)
{
	cleanup_free char *path = NULL;
	cleanup_dir DIR *directory = NULL;
	struct dirent *entry;

	if (paths_agents(&path, NULL) < 0)
		return;
	directory = opendir(path);
	while (directory && (entry = readdir(directory))) {
		char *suffix = strstr(entry->d_name, ".yaml");

		if (!suffix || suffix[5])
			continue;
		*suffix = '\0';
		offer(at, entry->d_name, "agent");
	}
}

static void offer_list(const struct completion *at, const char *const *words)
{
	for (; *words; words++)
		offer(at, *words, "");
}

static void offer_kind(const struct completion *at, enum complete kind)
{
	static const char *const shells[] = { "bash", "zsh", "fish", NULL };
	static const char *const streams[] = { "console", "keeper", NULL };

	switch (kind) {
	case COMPLETE_NOTHING:
		break;
	case COMPLETE_AGENT_OR_SANDBOX:
		offer_agents(at);
		offer_sandboxes(at, "");
		break;
	case COMPLETE_SANDBOX:
		offer_sandboxes(at, "");
		break;
	case COMPLETE_AGENT:
		offer_agents(at);
		break;
	case COMPLETE_SANDBOX_OR_FILE:
		offer_sandboxes(at, ":");
		fputs(":file\n", at->out);
		break;
	case COMPLETE_FILE:
		fputs(":file\n", at->out);
		break;
	case COMPLETE_DIRECTORY:
		fputs(":directory\n", at->out);
		break;
	case COMPLETE_IMAGE:
		offer_from_daemon(at, "/v1/images", "images", "digest", "agent", "");
		break;
	case COMPLETE_SHELL:
		offer_list(at, shells);
		break;
	case COMPLETE_STREAM:
		offer_list(at, streams);
		break;
	case COMPLETE_COMMAND:
		offer_commands(at, commands);
		break;
	}
}

/* The option whose value is the word behind this one, or NULL. */
static const struct option_spec *awaiting_value(const struct option_spec *specs, const char *word)
{
	size_t length = strlen(word);

	if (length < 2 || *word != '-')
		return NULL;
	for (; specs && specs->name; specs++) {
		bool is_long = word[1] == '-' && strcmp(word + 2, specs->name) == 0;
		bool is_short = word[1] != '-' && word[length - 1] == specs->letter;

		if (specs->kind != OPTION_FLAG && (is_long || is_short))
			return specs;
	}
	return NULL;
}

/* The words of one command; the last one is being typed. */
static void complete_command(const struct completion *at, const struct command *command,
	const char *const *words, size_t count)
{
	size_t operands = 0;

	for (size_t i = 0; i + 1 < count; i++) {
		const struct option_spec *spec = awaiting_value(command->options, words[i]);

		if (strcmp(words[i], "--") == 0) {
			offer_kind(at, COMPLETE_FILE);
			return;
		}
		if (words[i][0] != '-') {
			operands++;
			if (command->order == OPTIONS_FIRST) {
				operands += count - 2 - i;
				break;
			}
		} else if (spec && i + 2 == count) {
			offer_kind(at, spec->complete);
			return;
		} else if (spec) {
			i++;
		}
	}
	if (*at->typed == '-' && !(command->order == OPTIONS_FIRST && operands))
		offer_options(at, command->options);
	else if (operands < command->most)
		offer_kind(at, command->complete[operands < 3 ? operands : 2]);
}

void complete_words(FILE *out, const char *const *words, size_t count)
{
	struct completion at = { out, count ? words[count - 1] : "" };
	const struct command *command;

	if (count <= 1) {
		offer_commands(&at, commands);
		return;
	}
	command = command_find(commands, words[0]);
	words++;
	count--;
	if (command && command->subcommands) {
		if (count == 1) {
			offer_commands(&at, command->subcommands);
			return;
		}
		command = command_find(command->subcommands, words[0]);
		words++;
		count--;
	}
	if (command)
		complete_command(&at, command, words, count);
}
