/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the layer of an agent.
 *
 * Theory of operation. npm, as the caller and with the caller's configuration, fetches the package
 * with --ignore-scripts: it unpacks archives and runs nothing of them. What the packages want to
 * run at their installation runs afterwards by `npm rebuild` under image/sandboxed.h, without
 * network and without the caller's rights, and so does the test call of the finished command.
 * Whatever is read of the tree for the manifest is read before foreign code had its hands on it.
 */
#include "image/layer.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/builder.h"
#include "image/report.h"
#include "image/sandboxed.h"
#include "image/tool.h"

enum { NEED_MIB = 1536, MAX_PACKAGE_JSON = 4 << 20, MAX_VERSION = 80 };

/* The date npm gives to all files of a package, so that a refresh without news changes nothing. */
static const char npm_epoch[] = "499162500";

struct layer {
	struct builder builder;
	const struct agent *agent;
	char *inside;	 /* /opt/sbx/agents/NAME */
	char *directory; /* the same in the tree that is built */
	char *tmp;
	char *version; /* of the package */
};

static void layer_finish(struct layer *layer)
{
	free(layer->inside);
	free(layer->directory);
	free(layer->tmp);
	free(layer->version);
}

static void on_npm_line(void *arg, const char *line)
{
	(void)arg;
	if (isalnum((unsigned char)*line))
		report_step("fetch", line, 0, 0);
}

/* Node.js brings its own list of authorities; npm is to trust those that this machine trusts. */
static void trust_system_authorities(void)
{
	static const char bundle[] = "/etc/ssl/certs/ca-certificates.crt";

	if (access(bundle, R_OK) == 0)
		setenv("NODE_EXTRA_CA_CERTS", bundle, 0);
}

static int fetch(struct layer *layer, struct err *err)
{
	const char *const argv[] = { "npm", "install", "--ignore-scripts", "--omit=dev",
		"--no-audit", "--no-fund", "--no-update-notifier", "--prefix", layer->directory,
		"--", layer->agent->package, NULL };
	struct tool tool = { .argv = argv,
			     .cwd = layer->directory,
			     .log_fd = layer->builder.log_fd,
			     .on_line = on_npm_line };
	cleanup_free char *text = xasprintf("fetch %s", layer->agent->package);
	int r = paths_mkdirs(layer->directory, 0755);

	if (r < 0)
		return err_errno(err, -r, "create %s", layer->directory);
	report_step("fetch", text, 0, 0);
	trust_system_authorities();
	return tool_run(&tool, err);
}

static int load_json(const char *path, json_t **ret_json, struct err *err)
{
	cleanup_free char *text = NULL;
	size_t length;
	json_t *json;
	int r = io_read_file(AT_FDCWD, path, MAX_PACKAGE_JSON, &text, &length);

	if (r < 0)
		return err_errno(err, -r, "read %s", path);
	json = json_loadb(text, length, 0, NULL);
	if (!json)
		return err_set(err, EBADMSG, "%s is no JSON", path);
	*ret_json = json;
	return 0;
}

static void cleanup_json(json_t **json)
{
	json_decref(*json);
}

/*
 * The version that npm chose. The package's own name is what npm entered as the only dependency:
 * the definition may give a version, a range or a file.
 */
static int read_version(struct layer *layer, struct err *err)
{
	__attribute__((cleanup(cleanup_json))) json_t *project = NULL;
	__attribute__((cleanup(cleanup_json))) json_t *package = NULL;
	cleanup_free char *project_path = paths_join(layer->directory, "package.json");
	cleanup_free char *package_path = NULL;
	const char *version;
	void *first;
	int r = load_json(project_path, &project, err);

	if (r < 0)
		return r;
	first = json_object_iter(json_object_get(project, "dependencies"));
	if (!first)
		return err_set(err, EBADMSG, "npm installed nothing for %s", layer->agent->package);
	package_path = xasprintf("%s/node_modules/%s/package.json", layer->directory,
		json_object_iter_key(first));
	r = load_json(package_path, &package, err);
	if (r < 0)
		return r;
	version = json_string_value(json_object_get(package, "version"));
	layer->version = xstrndup(version ? version : "unknown", MAX_VERSION);
	return 0;
}

/* npm's notes on where each archive came from are of no use inside. */
static int drop_lockfiles(struct layer *layer, struct err *err)
{
	static const char *const names[] = { "package-lock.json",
		"node_modules/.package-lock.json" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		cleanup_free char *path = paths_join(layer->directory, names[i]);

		if (unlink(path) < 0 && errno != ENOENT)
			return err_errno(err, errno, "remove %s", path);
	}
	return 0;
}

static int check_command(const struct layer *layer, struct err *err)
{
	cleanup_free char *path = xasprintf("%s/node_modules/.bin/%s", layer->directory,
		layer->agent->command);
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_set(err, ENOENT, "%s %s has no command %s", layer->agent->package,
			layer->version, layer->agent->command);
	return 0;
}

static int run_scripts(struct layer *layer, struct err *err)
{
	const char *const command[] = { "npm", "rebuild", "--prefix", layer->inside, NULL };
	struct sandboxed run = {
		.directory = layer->directory,
		.target = layer->inside,
		.tmp = layer->tmp,
		.command = command,
		.log_fd = layer->builder.log_fd,
	};
	cleanup_free char *text = xasprintf("set up %s %s", layer->agent->name, layer->version);

	report_step("scripts", text, 0, 0);
	return sandboxed_run(&run, err);
}

struct answer {
	const char *version;
	char *line;
};

/* Warnings may come before the line that counts. */
static void on_version_line(void *arg, const char *line)
{
	struct answer *answer = arg;

	if (!answer->line && strstr(line, answer->version))
		answer->line = xstrndup(line, MAX_VERSION);
}

/*
 * What the command says of its version, NULL if it does not run here. That is no error: the host's
 * Node.js may be older than the image's.
 */
static char *ask_version(struct layer *layer)
{
	const char *const command[] = { layer->agent->command, "--version", NULL };
	struct answer answer = { .version = layer->version };
	struct sandboxed run = {
		.directory = layer->directory,
		.target = layer->inside,
		.tmp = layer->tmp,
		.command = command,
		.log_fd = layer->builder.log_fd,
		.on_line = on_version_line,
		.arg = &answer,
	};
	cleanup_free char *text = xasprintf("try %s --version", layer->agent->command);

	report_step("try", text, 0, 0);
	if (sandboxed_run(&run, NULL) == 0)
		return answer.line;
	free(answer.line);
	return NULL;
}

/* The home directory's files belong to its user, who has no name on the host. */
static int add_home(struct layer *layer, struct err *err)
{
	const struct agent *agent = layer->agent;
	cleanup_free char *home = paths_join(layer->builder.root, "home/agent");
	const char *const argv[] = { "chown", "--recursive", "1000:1000", home, NULL };
	struct tool tool = { .argv = argv, .in_userns = true, .log_fd = layer->builder.log_fd };
	int r = 0;

	for (unsigned i = 0; r == 0 && i < agent->files_count; i++) {
		cleanup_free char *path = paths_join("home/agent", agent->files[i].path);

		r = builder_write(&layer->builder, path, 0644, agent->files[i].content, err);
	}
	return r == 0 && agent->files_count > 0 ? tool_run(&tool, err) : r;
}

static int add_command(struct layer *layer, struct err *err)
{
	cleanup_free char *bin = paths_join(layer->builder.root, "usr/local/bin");
	cleanup_free char *link = paths_join(bin, layer->agent->command);
	cleanup_free char *target = xasprintf("%s/node_modules/.bin/%s", layer->inside,
		layer->agent->command);
	int r = paths_mkdirs(bin, 0755);

	if (r == 0 && symlink(target, link) < 0)
		r = -errno;
	return r < 0 ? err_errno(err, -r, "create %s", link) : 0;
}

static int build(struct layer *layer, json_t **ret_manifest, struct err *err)
{
	const struct agent *agent = layer->agent;
	cleanup_free char *answer = NULL;
	int r = fetch(layer, err);

	if (r == 0)
		r = read_version(layer, err);
	if (r == 0)
		r = check_command(layer, err);
	if (r == 0)
		r = drop_lockfiles(layer, err);
	if (r == 0 && mkdir(layer->tmp, 0700) < 0)
		r = err_errno(err, errno, "create %s", layer->tmp);
	if (r == 0)
		r = run_scripts(layer, err);
	if (r < 0)
		return r;
	answer = ask_version(layer);
	builder_set_epoch(npm_epoch);
	r = add_command(layer, err);
	if (r == 0)
		r = add_home(layer, err);
	if (r < 0)
		return r;
	return builder_finish(&layer->builder, "layer.erofs", agent->name,
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "kind", "agent", "agent", agent->name,
			"package", agent->package, "version", layer->version, "sbx_version",
			SBX_VERSION, "says", answer),
		ret_manifest, err);
}

int layer_build(const struct store *store, const struct agent *agent, json_t **ret_manifest,
	struct err *err)
{
	__attribute__((cleanup(layer_finish))) struct layer layer = { .agent = agent };
	int r;

	if (!agent->package)
		return err_set(err, EINVAL, "%s needs no image of its own", agent->name);
	r = builder_open(store, agent->name, NEED_MIB, &layer.builder, ret_manifest, err);
	if (r != 0)
		return r < 0 ? r : 0;
	layer.inside = xasprintf("/opt/sbx/agents/%s", agent->name);
	layer.directory = paths_join(layer.builder.root, layer.inside + 1);
	layer.tmp = paths_join(layer.builder.work, "tmp");
	r = build(&layer, ret_manifest, err);
	if (r < 0) {
		err_wrap(err, "%s", agent->name);
		builder_hint(&layer.builder, err);
	}
	builder_close(&layer.builder);
	return r;
}
