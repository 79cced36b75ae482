/* SPDX-License-Identifier: Apache-2.0 */
/* What the base image is made of: data only. */
#ifndef IMAGE_RECIPE_H
#define IMAGE_RECIPE_H

#define RECIPE_SUITE "trixie"

struct recipe_file {
	const char *path; /* below the root */
	unsigned mode;
	const char *content;
};

/* Packages besides those of the minimal variant. */
extern const char *const recipe_packages[];

/* Modules the guest's init loads before it has a root file system. */
extern const char *const recipe_modules[];

/* Patterns that dpkg leaves out, while building and inside: "path-exclude=…" lines. */
extern const char *const recipe_dpkg_options[];

/* Files that are written once the packages are in. */
extern const struct recipe_file recipe_files[];

/* What the build leaves behind and no image should have. */
extern const char *const recipe_remove[];

/* The shell script that mmdebstrap runs last, outside of the root it gets as $1. */
extern const char recipe_hook[];

#endif
