/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the host gets its Debian packages from: the base image comes from the same place, by the
 * same way. apt itself is asked, so both forms of source files and every apt.conf count.
 */
#ifndef IMAGE_MIRROR_H
#define IMAGE_MIRROR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum { MIRROR_MAX_OPTIONS = 64 };

struct mirror {
	char *main;	/* URI of the archive, without user and password in `shown` */
	char *security; /* URI of the security archive, NULL if the host uses none */
	bool updates;	/* the host uses the -updates suite */
	char *options[MIRROR_MAX_OPTIONS]; /* Acquire:: lines of apt.conf: proxies and the like */
	size_t option_count;
};

/* SBX_DEBIAN_MIRROR, a URI, goes before what apt is configured for. */
int mirror_find(struct mirror *ret_mirror, struct err *err);
void mirror_finish(struct mirror *mirror);

/* Takes in a line "URI|SUITE|COMPONENT|ORIGIN" of apt-get indextargets. */
void mirror_add_target(struct mirror *mirror, const char *line);

/* Takes in a line of apt-config dump, if it says how to fetch. */
void mirror_add_option(struct mirror *mirror, const char *line);

/* sources.list lines of the suite for building; one per line. The caller frees. */
char *mirror_build_sources(const struct mirror *mirror, const char *suite);

/* A deb822 file for the image, without the user and password a URI may hold. The caller frees. */
char *mirror_image_sources(const struct mirror *mirror, const char *suite);

#endif
