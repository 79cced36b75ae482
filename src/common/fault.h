/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill points for the crash-safety tests.
 *
 * Each rename, commit, spawn and transition of the lifecycle has a named point before and after
 * it. In a build made with -Dfault=true, a process that reaches the point named by the file
 * $SBX_FAULT_FILE kills itself with SIGKILL and removes that file first, so that the restarted
 * process passes. In every other build a point is nothing.
 *
 * FAULT_POINTS is the whole list: tests/e2e/test_faults.py reads it from here, kills at each, and
 * fails if one is never reached.
 */
#ifndef COMMON_FAULT_H
#define COMMON_FAULT_H

#define FAULT_POINTS(X)                                                                            \
	X(REPLACE_BEFORE_RENAME, "replace.before-rename")                                          \
	X(REPLACE_AFTER_RENAME, "replace.after-rename")

enum fault {
#define FAULT_ENUM(id, name) FAULT_##id,
	FAULT_POINTS(FAULT_ENUM)
#undef FAULT_ENUM
};

#ifdef SBX_FAULT
void fault_point(enum fault fault);
#else
static inline void fault_point(enum fault fault)
{
	(void)fault;
}
#endif

#endif
