/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host gets its Debian packages from. */
#include "image/mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/mem.h"
#include "common/text.h"
#include "image/tool.h"

#define KEYRING "/usr/share/keyrings/debian-archive-keyring.gpg"

enum { MAX_SOURCES = 16384 };

void mirror_finish(struct mirror *mirror)
{
	free(mirror->main);
	free(mirror->security);
	for (size_t i = 0; i < mirror->option_count; i++)
		free(mirror->options[i]);
	*mirror = (struct mirror){ 0 };
}

static bool is_debian_suite(const char *suite, size_t length)
{
	static const char *const suites[] = { "bullseye", "bookworm", "trixie", "forky", "duke",
		"sid", "oldstable", "stable", "testing", "unstable", NULL };

	for (const char *const *s = suites; *s; s++)
		if (strlen(*s) == length && strncmp(*s, suite, length) == 0)
			return true;
	return false;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/*
 * Foreign archives use Debian's suite names too. apt knows the origin once it has fetched the
 * lists; before that the archive's customary path has to do.
 */
static bool is_debian(const char *uri, const char *origin)
{
	if (*origin)
		return strcmp(origin, "Debian") == 0;
	return ends_with(uri, "/debian/") || ends_with(uri, "/debian-security/");
}

void mirror_add_target(struct mirror *mirror, const char *line)
{
	cleanup_free char *copy = xstrdup(line);
	char *rest = copy;
	const char *uri = strsep(&rest, "|");
	const char *suite = strsep(&rest, "|");
	const char *component = strsep(&rest, "|");
	const char *origin = rest;
	const char *pocket;

	if (!origin || strcmp(component, "main") != 0 || !is_debian(uri, origin))
		return;
	pocket = strchrnul(suite, '-');
	if (!is_debian_suite(suite, (size_t)(pocket - suite)))
		return;
	if (*pocket == '\0' && !mirror->main)
		mirror->main = xstrdup(uri);
	if (strcmp(pocket, "-security") == 0 && !mirror->security)
		mirror->security = xstrdup(uri);
	if (strcmp(pocket, "-updates") == 0)
		mirror->updates = true;
}

void mirror_add_option(struct mirror *mirror, const char *line)
{
	static const char *const wanted[] = { "Acquire::http::", "Acquire::https::",
		"Acquire::Retries", "Acquire::Check-", "Acquire::ForceIPv", NULL };
	size_t length = strlen(line);

	/* "Name::Of::Option "value";" */
	if (!ends_with(line, "\";") || ends_with(line, " \"\";") ||
		mirror->option_count == MIRROR_MAX_OPTIONS)
		return;
	for (const char *const *w = wanted; *w; w++) {
		if (text_has_prefix(line, *w)) {
			mirror->options[mirror->option_count++] = xstrndup(line, length - 1);
			return;
		}
	}
}

static void on_target(void *arg, const char *line)
{
	mirror_add_target(arg, line);
}

static void on_option(void *arg, const char *line)
{
	mirror_add_option(arg, line);
}

int mirror_find(struct mirror *ret_mirror, struct err *err)
{
	const char *const targets[] = { "apt-get", "indextargets", "--format",
		"$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(ORIGIN)", "Created-By: Packages", NULL };
	const char *const options[] = { "apt-config", "dump", NULL };
	const char *chosen = getenv("SBX_DEBIAN_MIRROR");
	struct mirror mirror = { 0 };
	struct tool tool = { .argv = options, .log_fd = -1, .on_line = on_option, .arg = &mirror };
	int r = tool_run(&tool, err);

	if (chosen && *chosen) {
		mirror.main = xstrdup(chosen);
	} else if (r == 0) {
		tool.argv = targets;
		tool.on_line = on_target;
		r = tool_run(&tool, err);
	}
	if (r == 0 && !mirror.main) {
		r = err_set(err, ENOENT, "this machine's apt has no Debian archive in its sources");
		err_hint(err, "set SBX_DEBIAN_MIRROR to the address of a Debian mirror");
	}
	if (r < 0) {
		mirror_finish(&mirror);
		return r;
	}
	*ret_mirror = mirror;
	return 0;
}

char *mirror_build_sources(const struct mirror *mirror, const char *suite)
{
	static const char form[] = "deb [signed-by=" KEYRING "] %s %s%s main\n";
	cleanup_buf struct buf buf = { 0 };

	buf_init(&buf, MAX_SOURCES);
	buf_appendf(&buf, form, mirror->main, suite, "");
	if (mirror->updates)
		buf_appendf(&buf, form, mirror->main, suite, "-updates");
	if (mirror->security)
		buf_appendf(&buf, form, mirror->security, suite, "-security");
	return xstrndup((char *)buf_head(&buf), buf_length(&buf));
}

/* The URI without "user:password@". */
static char *public_uri(const char *uri)
{
	const char *host = strstr(uri, "://");
	const char *at;

	if (!host)
		return xstrdup(uri);
	host += 3;
	at = memchr(host, '@', strcspn(host, "/"));
	return xasprintf("%.*s%s", (int)(host - uri), uri, at ? at + 1 : host);
}

static void append_stanza(struct buf *buf, const char *uri, const char *suite, const char *pocket)
{
	cleanup_free char *shown = public_uri(uri);

	buf_appendf(buf, "Types: deb\nURIs: %s\nSuites: %s%s\nComponents: main\nSigned-By: "
		KEYRING "\n\n", shown, suite, pocket);
}

char *mirror_image_sources(const struct mirror *mirror, const char *suite)
{
	cleanup_buf struct buf buf = { 0 };

	buf_init(&buf, MAX_SOURCES);
	append_stanza(&buf, mirror->main, suite, "");
	if (mirror->updates)
		append_stanza(&buf, mirror->main, suite, "-updates");
	if (mirror->security)
		append_stanza(&buf, mirror->security, suite, "-security");
	return xstrndup((char *)buf_head(&buf), buf_length(&buf));
}
