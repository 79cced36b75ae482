/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where things are: the user's directories (XDG Base Directory Specification 0.8) and the parts of
 * sbx itself.
 *
 *	state	$XDG_STATE_HOME/sbx	registry, sockets, one directory per sandbox
 *	cache	$XDG_CACHE_HOME/sbx	images
 *	config	$XDG_CONFIG_HOME/sbx	settings
 *
 * Nothing lives under XDG_RUNTIME_DIR: logout deletes it, sandboxes outlive the login. A relative
 * XDG value is ignored, as the specification says. Returned strings are the caller's to free.
 */
#ifndef COMMON_PATHS_H
#define COMMON_PATHS_H

#include "common/err.h"

enum paths_dir { PATHS_STATE, PATHS_CACHE, PATHS_CONFIG };

/* The directory's absolute path. It need not exist. Fails only if no home directory is known. */
int paths_dir(enum paths_dir which, char **ret_path, struct err *err);

/*
 * As paths_dir(), and creates it and its parents with mode 0700. Refuses one that belongs to
 * another user or that others may write to.
 */
int paths_make_dir(enum paths_dir which, char **ret_path, struct err *err);

/* mkdir -p with the given mode for what is missing. Returns 0 or -errno. */
int paths_mkdirs(const char *path, unsigned mode);

/* "A/B", one slash between. */
char *paths_join(const char *a, const char *b);

/*
 * The path of one of our programs ("sbxd", "sbx-keeper", …): beside the running program (build
 * tree), else in ../libexec/sbx/ of it.
 */
int paths_program(const char *name, char **ret_path, struct err *err);

/*
 * Where programs of the system are looked up, as a value for PATH: the system's directories, and
 * only then the user's PATH without its relative places. An activated virtual environment or npm
 * puts a directory of the workspace in front of PATH, where a guest can put programs.
 */
char *paths_search(void);

/* Finds a program there. Returns its path, to be freed, or NULL. */
char *paths_find_program(const char *name);

/* The directory of agent definitions: ../share/sbx/agents of the running program (of
 * ../../share/sbx/agents for one in libexec/sbx), else ../agents (build tree). */
int paths_agents(char **ret_path, struct err *err);

#endif
