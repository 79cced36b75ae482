/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of the long-running processes (daemon, keeper, vsock): one line per event on stderr,
 * "TIME PROGRAM[PID] LEVEL: TEXT". Whoever starts them points stderr at a file. Text is escaped, so
 * strings a guest chose may be logged.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Names the program (kept by reference) and sets the level from SBX_LOG (error…debug; info). */
void log_init(const char *program);

void log_write(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs an error and exits with status 1. Only in processes that serve one sandbox. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
