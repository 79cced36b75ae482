/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of src/confine attack: files, sockets and secrets of a caller, and programs
 * confined among them. Run by root, everything is tested twice: as root and as a normal user.
 */
#ifndef TESTS_CONFINE_WORLD_H
#define TESTS_CONFINE_WORLD_H

#include "confine/confine.h"

enum { NORMAL_UID = 12345, DEADLINE_MS = 10000 };

/*
 * The directory of the test:
 *	attacker	the program
 *	secret		the caller's, bound nowhere
 *	ro, ro/sub	bound read-only; sub is a mount of its own if root runs the test
 *	rw		bound writable, everybody's
 *	owned		the caller's, bound writable
 *	link		a symbolic link to the directory itself
 */
struct world {
	char *dir;
	char name[32]; /* of an abstract socket, of a key in the session keyring */
	char port[16]; /* of a TCP listener on 127.0.0.1 */
	char own_pid[16];
	char own_root[64]; /* a file by way of /proc/PID/root of the test */
	char host_name[256];
};

extern struct world world;

#define WORLD_SECRET "SBX_TEST_SECRET" /* in the environment */

/* A program with everything in it that a spec may give, in the same place as outside. */
struct confined {
	struct confine_spec spec;
	struct confine_bind binds[5];
	char *argv[4];
};

void confined_init(struct confined *c, const char *attack, const char *argument);
void confined_finish(struct confined *c);

/* These return the attacker's exit status, 128 + n for a signal. */
int confined_run(struct confined *c);
int run_confined(const char *attack, const char *argument);
int run_plainly(const char *attack, const char *argument);
int in_child(int (*run)(void));

char *in_dir(const char *name);

/* Makes the world, runs the tests in it as each user, removes it. For main(). */
int world_run(const char *own_path, int (*run_group)(void));

#endif
