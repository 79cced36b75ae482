/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's request (docs/protocol/session.md, "Opening") as a struct. Every string is copied
 * out of the received bytes; one with a NUL inside is refused.
 */
#ifndef GUEST_REQUEST_H
#define GUEST_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

enum { REQUEST_MAX_STRINGS = 65536, REQUEST_MAX_NAME = 63 };

/* A growing NULL-terminated list of owned strings. */
struct request_list {
	char **items;
	size_t count;
	size_t room;
};

struct request {
	uint8_t type; /* SESSION_EXEC, ATTACH, LIST or INFO */
	struct request_list args;
	struct request_list env;
	char *user; /* NULL if not given, as directory and name */
	char *directory;
	char *name;
	bool terminal;
	uint16_t rows, columns;
	uint32_t flags; /* enum session_request_flag */
	uint64_t id;	/* 0: not given */
};

/* Returns 0, or -EPROTO for bytes that are not a request. */
int request_parse(struct request *request, uint8_t type, const unsigned char *bytes, size_t length);

void request_finish(struct request *request);

/* Appends a copy, keeping the list NULL-terminated. Returns 0, or -E2BIG at the maximum. */
int request_list_add(struct request_list *list, const char *bytes, size_t length);

/* As request_list_add() for "NAME=VALUE"; replaces an earlier value of that name. */
int request_list_set(struct request_list *list, const char *assignment);

/* Puts the strings of `first` (NULL-terminated) in front of the list. */
int request_list_prepend(struct request_list *list, char *const *first);

void request_list_finish(struct request_list *list);

#endif
