/* SPDX-License-Identifier: Apache-2.0 */
/* Parser of sbx.conf. */
#include "guest/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

enum { MAX_FIELDS = 3 };

/* One parsed line: decoded fields after the key. */
struct line {
	char *fields[MAX_FIELDS];
	size_t count;
};

static int set_string(char **target, const char *value)
{
	free(*target);
	*target = xstrdup(value);
	return 0;
}

static int list_add(struct config_list *list, const char *value)
{
	if (list->count == CONFIG_MAX_STRINGS)
		return -E2BIG;
	list->items[list->count++] = xstrdup(value);
	return 0;
}

static int parse_hostname(struct guest_config *config, const struct line *line)
{
	return set_string(&config->hostname, line->fields[0]);
}

static int parse_workdir(struct guest_config *config, const struct line *line)
{
	return line->fields[0][0] == '/' ? set_string(&config->workdir, line->fields[0]) : -EINVAL;
}

static int parse_env(struct guest_config *config, const struct line *line)
{
	return strchr(line->fields[0], '=') ? list_add(&config->env, line->fields[0]) : -EINVAL;
}

static int parse_command(struct guest_config *config, const struct line *line)
{
	return list_add(&config->command, line->fields[0]);
}

static int parse_loglevel(struct guest_config *config, const struct line *line)
{
	config->debug = strcmp(line->fields[0], "debug") == 0;
	return 0;
}

static int parse_share(struct guest_config *config, const struct line *line)
{
	struct config_share *share = &config->shares[config->share_count];
	bool readonly = strcmp(line->fields[2], "ro") == 0;

	if (config->share_count == CONFIG_MAX_SHARES)
		return -E2BIG;
	if (line->fields[1][0] != '/' || (!readonly && strcmp(line->fields[2], "rw") != 0))
		return -EINVAL;
	config->share_count++;
	*share = (struct config_share){ xstrdup(line->fields[0]), xstrdup(line->fields[1]),
		readonly };
	return 0;
}

static const struct {
	const char *key;
	size_t fields;
	int (*parse)(struct guest_config *config, const struct line *line);
} keys[] = {
	{ "hostname", 1, parse_hostname }, { "share", 3, parse_share },
	{ "workdir", 1, parse_workdir },   { "env", 1, parse_env },
	{ "command", 1, parse_command },   { "loglevel", 1, parse_loglevel },
};

static int split_fields(char *text, struct line *line)
{
	char *field;

	line->count = 0;
	while (text && (field = strsep(&text, " "))) {
		if (line->count == MAX_FIELDS || text_percent_decode(field) < 0)
			return -EINVAL;
		line->fields[line->count++] = field;
	}
	return 0;
}

static int parse_line(struct guest_config *config, char *text)
{
	char *key = strsep(&text, " ");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct line line;

		if (strcmp(key, keys[i].key) != 0)
			continue;
		if (split_fields(text, &line) < 0 || line.count != keys[i].fields)
			return -EINVAL;
		return keys[i].parse(config, &line);
	}
	return 0;
}

int config_parse(struct guest_config *config, char *text, struct err *err)
{
	unsigned number = 0;
	char *line;

	*config = (struct guest_config){ 0 };
	while ((line = strsep(&text, "\n"))) {
		int r = parse_line(config, line);

		number++;
		if (r < 0) {
			config_finish(config);
			return err_errno(err, -r, "sbx.conf line %u", number);
		}
	}
	return 0;
}

int config_read(struct guest_config *config, const char *path, struct err *err)
{
	cleanup_free char *text = NULL;
	int r = io_read_file(AT_FDCWD, path, CONFIG_MAX_SIZE, &text, NULL);

	if (r < 0)
		return err_errno(err, -r, "%s", path);
	return config_parse(config, text, err);
}

static void list_finish(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
}

void config_finish(struct guest_config *config)
{
	for (size_t i = 0; i < config->share_count; i++) {
		free(config->shares[i].tag);
		free(config->shares[i].path);
	}
	list_finish(&config->env);
	list_finish(&config->command);
	free(config->hostname);
	free(config->workdir);
	*config = (struct guest_config){ 0 };
}
