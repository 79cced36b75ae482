/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups without NSS. */
#include "guest/users.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/io.h"
#include "common/mem.h"
#include "common/text.h"

enum { MAX_LINE = 4096, PASSWD_FIELDS = 7, GROUP_FIELDS = 4 };

/* Copies the next line of *text into `line` and moves on. False at the end. */
static bool next_line(const char **text, char line[MAX_LINE])
{
	while (**text) {
		size_t length = strcspn(*text, "\n");
		const char *start = *text;

		*text += length + ((*text)[length] == '\n');
		if (length >= MAX_LINE)
			continue;
		memcpy(line, start, length);
		line[length] = '\0';
		return true;
	}
	return false;
}

static bool split(char *line, char **fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fields[i] = strsep(&line, ":");
		if (!fields[i])
			return false;
	}
	return true;
}

static int parse_id(const char *s, uint32_t *ret_id)
{
	uint64_t value;

	/* The all-ones id means "leave it" to the set*id calls. */
	if (text_parse_u64(s, UINT32_MAX - 1, &value) < 0)
		return -EINVAL;
	*ret_id = (uint32_t)value;
	return 0;
}

static void fill(struct user *user, const char *name, const char *home, const char *shell)
{
	snprintf(user->name, sizeof(user->name), "%s", name);
	snprintf(user->home, sizeof(user->home), "%s", *home ? home : "/");
	snprintf(user->shell, sizeof(user->shell), "%s", *shell ? shell : "/bin/sh");
}

/* Looks for a name, or for `uid` when name is NULL. */
static int find_passwd(const char *passwd, const char *name, uid_t uid, struct user *user)
{
	char line[MAX_LINE], *f[PASSWD_FIELDS];

	while (next_line(&passwd, line)) {
		if (!split(line, f, PASSWD_FIELDS) || parse_id(f[2], &user->uid) < 0 ||
			parse_id(f[3], &user->gid) < 0)
			continue;
		if (name ? strcmp(f[0], name) != 0 : user->uid != uid)
			continue;
		fill(user, f[0], f[5], f[6]);
		return 0;
	}
	return -ENOENT;
}

static bool is_member(char *members, const char *name)
{
	char *member;

	while ((member = strsep(&members, ",")))
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

static void find_groups(const char *group, struct user *user)
{
	char line[MAX_LINE], *f[GROUP_FIELDS];

	user->groups[0] = user->gid;
	user->group_count = 1;
	while (user->group_count < USERS_MAX_GROUPS && next_line(&group, line)) {
		gid_t gid;

		if (!split(line, f, GROUP_FIELDS) || parse_id(f[2], &gid) < 0)
			continue;
		if (gid != user->gid && is_member(f[3], user->name))
			user->groups[user->group_count++] = gid;
	}
}

/* "uid[:gid]" */
static int find_number(const char *passwd, const char *spec, struct user *user)
{
	const char *colon = strchr(spec, ':');
	char number[16] = "";
	uint32_t uid, gid = 0;

	snprintf(number, sizeof(number), "%.*s", colon ? (int)(colon - spec) : (int)strlen(spec),
		spec);
	if (parse_id(number, &uid) < 0 || (colon && parse_id(colon + 1, &gid) < 0))
		return -EINVAL;
	if (find_passwd(passwd, NULL, uid, user) < 0) {
		user->uid = uid;
		user->gid = 0;
		fill(user, number, "/", "");
	}
	if (colon)
		user->gid = gid;
	return 0;
}

int users_find_in(const char *passwd, const char *group, const char *spec, struct user *ret)
{
	struct user user = { 0 };
	int r = find_passwd(passwd, spec, 0, &user);

	if (r < 0 && *spec >= '0' && *spec <= '9')
		r = find_number(passwd, spec, &user);
	if (r < 0)
		return r;
	find_groups(group, &user);
	*ret = user;
	return 0;
}

struct cached_file {
	const char *path;
	struct stat st;
	char *text;
};

static struct cached_file passwd_file = { .path = "/etc/passwd" };
static struct cached_file group_file = { .path = "/etc/group" };

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* A file that is not there, too large or no file at all (a fifo would block us) reads as empty. */
static const char *file_text(struct cached_file *file)
{
	struct stat st = { 0 };
	char *text = NULL;

	if (stat(file->path, &st) == 0 && file->text && same_file(&st, &file->st))
		return file->text;
	if (!S_ISREG(st.st_mode) ||
		io_read_file(AT_FDCWD, file->path, USERS_MAX_FILE, &text, NULL) < 0)
		text = xstrdup("");
	free(file->text);
	file->text = text;
	file->st = st;
	return text;
}

int users_find(const char *spec, struct user *ret)
{
	return users_find_in(file_text(&passwd_file), file_text(&group_file), spec, ret);
}

gid_t users_group(const char *name, gid_t fallback)
{
	const char *text = file_text(&group_file);
	char line[MAX_LINE], *f[GROUP_FIELDS];
	gid_t gid;

	while (next_line(&text, line))
		if (split(line, f, GROUP_FIELDS) && strcmp(f[0], name) == 0 &&
			parse_id(f[2], &gid) == 0)
			return gid;
	return fallback;
}
