/* SPDX-License-Identifier: Apache-2.0 */
/* How values are shown to people: JSON, paths, ages, workspaces. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include <stdint.h>

#include <jansson.h>

/* Prints JSON with a newline on stdout; on a terminal nothing but ASCII, so nothing can hide. */
void show_json(const json_t *json);

/* Prints that member of each object of a list, one a line. */
void show_texts(const json_t *list, const char *key);

/* A path with the home directory as ~. The caller frees. */
char *show_path(const char *path);

/* "~/proj, ~/lib (read-only)" of a sandbox. The caller frees. */
char *show_workspaces(const json_t *sandbox);

/* "3 hours ago" of a CLOCK_REALTIME in nanoseconds. The caller frees. */
char *show_age(json_int_t when_ns);

/* "2026-11-24 08:15:02" in local time. The caller frees. */
char *show_time(json_int_t when_ns);

#endif
