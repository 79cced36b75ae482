/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outcome of an API operation: what docs/api.md calls "code".
 *
 * Operations that answer a request return one of these instead of an errno value, because the
 * client acts upon it (a missing image is built, an existing sandbox is started). API_OK is 0;
 * any other one comes with the text for a person in the `struct err` of the operation.
 */
#ifndef DAEMON_CODE_H
#define DAEMON_CODE_H

enum api_code {
	API_OK,
	API_BAD_REQUEST,
	API_NOT_FOUND,
	API_BAD_METHOD,
	API_TOO_LARGE,
	API_EXISTS,
	API_BUSY,
	API_NO_IMAGE,
	API_IN_USE,
	API_WORKSPACE,
	API_START_FAILED,
	API_FAILED,
};

/* The HTTP status and the word of docs/api.md for a code. */
unsigned api_code_status(enum api_code code);
const char *api_code_name(enum api_code code);

#endif
