/* SPDX-License-Identifier: Apache-2.0 */
/* The API's table of routes (docs/api.md) and the handlers it names. */
#ifndef DAEMON_API_H
#define DAEMON_API_H

#include "daemon/http.h"

/* Finds the route of METHOD and URL and runs its handler. */
enum api_code api_dispatch(struct request *request, const char *method, const char *url);

/* api_sandboxes.c */
enum api_code api_list_sandboxes(struct request *request);
enum api_code api_create_sandbox(struct request *request);
enum api_code api_find_sandbox(struct request *request);
enum api_code api_inspect_sandbox(struct request *request);
enum api_code api_remove_sandbox(struct request *request);
enum api_code api_start_sandbox(struct request *request);
enum api_code api_stop_sandbox(struct request *request);

/* api_log.c */
enum api_code api_read_log(struct request *request);

/* api_images.c */
enum api_code api_list_images(struct request *request);
enum api_code api_build_image(struct request *request);
enum api_code api_remove_image(struct request *request);
enum api_code api_list_agents(struct request *request);

#endif
