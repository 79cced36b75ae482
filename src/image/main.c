/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sbx-image: builds, lists and removes images. Speaks JSON lines on stdout
 * (docs/protocol/image-store.md); started by the daemon, usable by hand.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/err.h"
#include "common/paths.h"
#include "image/agents.h"
#include "image/base.h"
#include "image/layer.h"
#include "image/report.h"
#include "image/store.h"

enum { EXIT_USAGE = 2 };

static int build_layer(const struct store *store, const char *name, json_t **ret_manifest,
	struct err *err)
{
	cleanup_agents struct agents agents = { 0 };
	const struct agent *agent = NULL;
	int r = agents_load(&agents, err);

	if (r == 0)
		r = agents_require(&agents, name, &agent, err);
	return r < 0 ? r : layer_build(store, agent, ret_manifest, err);
}

static int run_build(const struct store *store, const char *agent, struct err *err)
{
	json_t *manifest = NULL;
	int r = agent ? build_layer(store, agent, &manifest, err)
		      : base_build(store, &manifest, err);

	if (r == 0)
		report_result(manifest);
	return r;
}

static int run_list(const struct store *store, const char *unused, struct err *err)
{
	struct store_image *images;
	size_t count;

	(void)unused;
	store_list(store, &images, &count);
	for (size_t i = 0; i < count; i++) {
		json_t *object = json_incref(images[i].manifest);

		json_object_set_new(object, "size", json_integer((json_int_t)images[i].size));
		json_object_set_new(object, "current", json_boolean(images[i].current));
		json_object_set_new(object, "system", json_boolean(images[i].system));
		json_object_set_new(object, "directory", json_string(images[i].directory));
		report_object(object);
	}
	store_images_free(images, count);
	return 0;
}

static int run_remove(const struct store *store, const char *digest, struct err *err)
{
	return store_remove(store, digest, err);
}

static const struct {
	const char *name;
	int min_arguments;
	int max_arguments;
	int (*run)(const struct store *store, const char *argument, struct err *err);
} commands[] = {
	{ "build", 0, 1, run_build },
	{ "ls", 0, 0, run_list },
	{ "rm", 1, 1, run_remove },
};

/* For the tools that are started here, and those that they start. */
static void set_environment(void)
{
	cleanup_free char *path = paths_search();

	setenv("PATH", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

static int run(int index, const char *argument)
{
	cleanup_store struct store store = { 0 };
	cleanup_err struct err err = ERR_INIT;
	int r = store_init(&store, &err);

	if (r == 0)
		r = commands[index].run(&store, argument, &err);
	if (r < 0)
		report_error(&err);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	/* A reader that goes away must not stop a build half way. */
	signal(SIGPIPE, SIG_IGN);
	/* An image's files are for every user of the guest, whatever the caller keeps for himself. */
	umask(022);
	set_environment();
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0 &&
			argc - 2 >= commands[i].min_arguments &&
			argc - 2 <= commands[i].max_arguments)
			return run((int)i, argc > 2 ? argv[2] : NULL);
	fprintf(stderr, "usage: sbx-image build [AGENT] | ls | rm DIGEST\n");
	return EXIT_USAGE;
}
