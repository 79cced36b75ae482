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
	X(IMAGE_BEFORE_RENAME, "image.before-rename")                                              \
	X(IMAGE_AFTER_RENAME, "image.after-rename")                                                \
	X(IMAGE_BEFORE_CURRENT, "image.before-current")                                            \
	X(IMAGE_AFTER_CURRENT, "image.after-current")                                              \
	X(IMAGE_BEFORE_REMOVE, "image.before-remove")                                              \
	X(IMAGE_AFTER_REMOVE, "image.after-remove")                                                \
	X(KEEPER_BEFORE_SPAWN_VSOCK, "keeper.before-spawn-vsock")                                  \
	X(KEEPER_AFTER_SPAWN_VSOCK, "keeper.after-spawn-vsock")                                    \
	X(KEEPER_BEFORE_SPAWN_SHARE, "keeper.before-spawn-share")                                  \
	X(KEEPER_AFTER_SPAWN_SHARE, "keeper.after-spawn-share")                                    \
	X(KEEPER_BEFORE_SPAWN_VMM, "keeper.before-spawn-vmm")                                      \
	X(KEEPER_AFTER_SPAWN_VMM, "keeper.after-spawn-vmm")                                        \
	X(KEEPER_BEFORE_RUNNING, "keeper.before-running")                                          \
	X(KEEPER_AFTER_RUNNING, "keeper.after-running")                                            \
	X(KEEPER_BEFORE_STOPPING, "keeper.before-stopping")                                        \
	X(KEEPER_AFTER_STOPPING, "keeper.after-stopping")                                          \
	X(KEEPER_BEFORE_GONE, "keeper.before-gone")                                                \
	X(KEEPER_AFTER_GONE, "keeper.after-gone")                                                  \
	X(REPLACE_BEFORE_RENAME, "replace.before-rename")                                          \
	X(REPLACE_AFTER_RENAME, "replace.after-rename")                                            \
	X(SCHEMA_BEFORE_COMMIT, "schema.before-commit")                                            \
	X(SCHEMA_AFTER_COMMIT, "schema.after-commit")                                              \
	X(REGISTRY_BEFORE_COMMIT, "registry.before-commit")                                        \
	X(REGISTRY_AFTER_COMMIT, "registry.after-commit")                                          \
	X(DAEMON_CREATE_BEFORE_INSERT, "daemon.create.before-insert")                              \
	X(DAEMON_CREATE_AFTER_INSERT, "daemon.create.after-insert")                                \
	X(DAEMON_CREATE_BEFORE_MKDIR, "daemon.create.before-mkdir")                                \
	X(DAEMON_CREATE_AFTER_MKDIR, "daemon.create.after-mkdir")                                  \
	X(DAEMON_CREATE_BEFORE_MKFS, "daemon.create.before-mkfs")                                  \
	X(DAEMON_CREATE_AFTER_MKFS, "daemon.create.after-mkfs")                                    \
	X(DAEMON_CREATE_BEFORE_READY, "daemon.create.before-ready")                                \
	X(DAEMON_CREATE_AFTER_READY, "daemon.create.after-ready")                                  \
	X(DAEMON_START_BEFORE_CONFIG, "daemon.start.before-config")                                \
	X(DAEMON_START_AFTER_CONFIG, "daemon.start.after-config")                                  \
	X(DAEMON_START_BEFORE_SPAWN, "daemon.start.before-spawn")                                  \
	X(DAEMON_START_AFTER_SPAWN, "daemon.start.after-spawn")                                    \
	X(DAEMON_START_BEFORE_WAIT, "daemon.start.before-wait")                                    \
	X(DAEMON_START_AFTER_WAIT, "daemon.start.after-wait")                                      \
	X(DAEMON_STOP_BEFORE_REQUEST, "daemon.stop.before-request")                                \
	X(DAEMON_STOP_AFTER_REQUEST, "daemon.stop.after-request")                                  \
	X(DAEMON_REMOVE_BEFORE_MARK, "daemon.remove.before-mark")                                  \
	X(DAEMON_REMOVE_AFTER_MARK, "daemon.remove.after-mark")                                    \
	X(DAEMON_REMOVE_BEFORE_KILL, "daemon.remove.before-kill")                                  \
	X(DAEMON_REMOVE_AFTER_KILL, "daemon.remove.after-kill")                                    \
	X(DAEMON_REMOVE_BEFORE_TREE, "daemon.remove.before-tree")                                  \
	X(DAEMON_REMOVE_AFTER_TREE, "daemon.remove.after-tree")                                    \
	X(DAEMON_REMOVE_BEFORE_DELETE, "daemon.remove.before-delete")                              \
	X(DAEMON_REMOVE_AFTER_DELETE, "daemon.remove.after-delete")

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
