/* SPDX-License-Identifier: Apache-2.0 */
/* The image store: finding what is there. */
#include "image/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/io.h"
#include "common/mem.h"
#include "common/paths.h"
#include "image/publish.h"

enum { MAX_MANIFEST = 4 << 20 };

bool store_digest_is_valid(const char *digest)
{
	return strlen(digest) == STORE_DIGEST &&
	       strspn(digest, "0123456789abcdef") == STORE_DIGEST;
}

bool store_agent_is_valid(const char *agent)
{
	size_t n = strlen(agent);

	return n > 0 && n <= 32 && *agent != '-' &&
	       strspn(agent, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

int store_init(struct store *ret_store, struct err *err)
{
	const char *system = getenv("SBX_IMAGE_STORE");
	cleanup_free char *cache = NULL;
	int r = paths_dir(PATHS_CACHE, &cache, err);

	if (r < 0)
		return r;
	ret_store->own = paths_join(cache, "images");
	ret_store->system = xstrdup(system && *system == '/' ? system : "/var/lib/sbx/images");
	return 0;
}

void store_finish(struct store *store)
{
	free(store->own);
	free(store->system);
	*store = (struct store){ 0 };
}

void store_image_finish(struct store_image *image)
{
	free(image->agent);
	free(image->directory);
	json_decref(image->manifest);
	*image = (struct store_image){ 0 };
}

void store_images_free(struct store_image *images, size_t count)
{
	for (size_t i = 0; i < count; i++)
		store_image_finish(&images[i]);
	free(images);
}

char *store_image_file(const struct store_image *image, const char *name)
{
	return paths_join(image->directory, name);
}

/* ROOT/base or ROOT/agents/AGENT: the directory that holds digests and "current". */
static char *kind_dir(const char *root, const char *agent)
{
	return agent ? xasprintf("%s/agents/%s", root, agent) : paths_join(root, "base");
}

/* The digest that ROOT's "current" names; -ENOENT if there is none or it names nothing. */
static int read_current(const char *root, const char *agent, char ret_digest[STORE_DIGEST + 1])
{
	cleanup_free char *dir = kind_dir(root, agent);
	cleanup_free char *link = paths_join(dir, "current");
	char digest[STORE_DIGEST + 2];
	ssize_t n = readlink(link, digest, sizeof(digest) - 1);

	if (n < 0)
		return -ENOENT;
	digest[n] = '\0';
	if (!store_digest_is_valid(digest) || access(link, F_OK) < 0)
		return -ENOENT;
	memcpy(ret_digest, digest, STORE_DIGEST + 1);
	return 0;
}

static int read_manifest(int fd, json_t **ret_manifest)
{
	cleanup_free char *text = NULL;
	size_t length;
	json_t *manifest;
	int r = io_read_file(fd, "manifest.json", MAX_MANIFEST, &text, &length);

	if (r < 0)
		return r;
	manifest = json_loadb(text, length, 0, NULL);
	if (!json_is_object(manifest)) {
		json_decref(manifest);
		return -EBADMSG;
	}
	*ret_manifest = manifest;
	return 0;
}

static uint64_t directory_size(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_dir DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	uint64_t size = 0;

	while (dir && (entry = readdir(dir))) {
		struct stat st;

		if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode))
			size += (uint64_t)st.st_blocks * 512;
	}
	return size;
}

static int load(const struct store *store, bool system, const char *agent, const char *digest,
	struct store_image *ret_image)
{
	const char *root = system ? store->system : store->own;
	cleanup_free char *parent = kind_dir(root, agent);
	cleanup_free char *directory = paths_join(parent, digest);
	cleanup_close int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char current[STORE_DIGEST + 1];
	json_t *manifest;
	int r;

	if (fd < 0)
		return -errno;
	r = read_manifest(fd, &manifest);
	if (r < 0)
		return r;
	*ret_image = (struct store_image){
		.agent = agent ? xstrdup(agent) : NULL,
		.directory = take_ptr(directory),
		.manifest = manifest,
		.size = directory_size(fd),
		.current = read_current(root, agent, current) == 0 && strcmp(current, digest) == 0,
		.system = system,
	};
	memcpy(ret_image->digest, digest, STORE_DIGEST);
	return 0;
}

int store_find_current(const struct store *store, const char *agent, struct store_image *ret_image,
	struct err *err)
{
	char digest[STORE_DIGEST + 1];

	if (agent && !store_agent_is_valid(agent))
		return err_set(err, EINVAL, "%s is no name of an agent", agent);
	for (int system = 0; system < 2; system++) {
		const char *root = system ? store->system : store->own;

		if (read_current(root, agent, digest) == 0 &&
			load(store, system, agent, digest, ret_image) == 0)
			return 0;
	}
	if (agent)
		err_set(err, ENOENT, "there is no image of %s yet", agent);
	else
		err_set(err, ENOENT, "there is no base image yet");
	err_hint(err, "sbx image build%s%s", agent ? " " : "", agent ? agent : "");
	return -ENOENT;
}

int store_find(const struct store *store, const char *agent, const char *digest,
	struct store_image *ret_image, struct err *err)
{
	int r = -EINVAL;

	if (!store_digest_is_valid(digest) || (agent && !store_agent_is_valid(agent)))
		return err_set(err, EINVAL, "%s is no image", digest);
	for (int system = 0; r < 0 && system < 2; system++)
		r = load(store, system, agent, digest, ret_image);
	if (r < 0)
		return err_errno(err, -r, "image %s of %s", digest, agent ? agent : "the base");
	return 0;
}

struct list {
	struct store_image *images;
	size_t count;
};

/* Names below a directory, sorted; directories only need the right form of name. */
static int read_names(const char *path, bool (*is_valid)(const char *), char ***ret_names,
	size_t *ret_count)
{
	struct dirent **entries;
	char **names;
	int n = scandir(path, &entries, NULL, alphasort);
	size_t count = 0;

	if (n < 0)
		return -errno;
	names = xcalloc((size_t)n + 1, sizeof(*names));
	for (int i = 0; i < n; i++) {
		if (is_valid(entries[i]->d_name))
			names[count++] = xstrdup(entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

static void free_names(char **names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

static void list_kind(const struct store *store, bool system, const char *agent, struct list *list)
{
	cleanup_free char *dir = kind_dir(system ? store->system : store->own, agent);
	char **digests = NULL;
	size_t count = 0;

	if (read_names(dir, store_digest_is_valid, &digests, &count) < 0)
		return;
	for (size_t i = 0; i < count; i++) {
		list->images = xreallocarray(list->images, list->count + 1, sizeof(*list->images));
		if (load(store, system, agent, digests[i], &list->images[list->count]) == 0)
			list->count++;
	}
	free_names(digests, count);
}

void store_list(const struct store *store, struct store_image **ret_images, size_t *ret_count)
{
	struct list list = { 0 };

	for (int system = 0; system < 2; system++) {
		const char *root = system ? store->system : store->own;
		cleanup_free char *agents = paths_join(root, "agents");
		char **names = NULL;
		size_t count = 0;

		list_kind(store, system, NULL, &list);
		if (read_names(agents, store_agent_is_valid, &names, &count) < 0)
			continue;
		for (size_t i = 0; i < count; i++)
			list_kind(store, system, names[i], &list);
		free_names(names, count);
	}
	*ret_images = list.images;
	*ret_count = list.count;
}

int store_remove(const struct store *store, const char *digest, struct err *err)
{
	struct store_image *images;
	const struct store_image *found = NULL;
	size_t count;
	int r;

	if (!store_digest_is_valid(digest)) {
		err_set(err, EINVAL, "%s is no digest", digest);
		err_hint(err, "sbx image ls shows them");
		return -EINVAL;
	}
	store_list(store, &images, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(images[i].digest, digest) == 0 && (!found || found->system))
			found = &images[i];
	if (!found)
		r = err_set(err, ENOENT, "there is no image %s", digest);
	else if (found->system)
		r = err_set(err, EROFS, "image %s is in the system's store %s", digest,
			store->system);
	else
		r = publish_remove(store->own, found->agent, digest, err);
	store_images_free(images, count);
	return r;
}
