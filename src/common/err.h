/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The error a person reads: what failed and why, and where it helps what to do about it.
 *
 * A fallible function whose failure a person will read takes `struct err *err` last, returns
 * -errno and fills err; on success it leaves err alone. While the stack unwinds, the error may be
 * wrapped once with the name of the object it is about. The top level prints it once:
 *
 *	sbx: MESSAGE
 *	hint: HINT
 *
 * Errors own their strings: err_finish() frees them. An err is initialised with `= ERR_INIT`.
 * A NULL err is accepted everywhere and drops the text.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

struct err {
	int code; /* positive errno value, 0 while there is no error */
	char *message;
	char *hint;
};

#define ERR_INIT { 0, NULL, NULL }

/*
 * Sets the error to a formatted message. `code` is a positive errno value. An earlier message and
 * hint are dropped. Returns -code, so that callers can `return err_set(...)`.
 */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set(), with ": " and the text of `code` appended. Returns -code. */
int err_errno(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "PREFIX: " in front of the message. Returns -err->code (or -EIO if err is NULL). */
int err_wrap(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets or replaces the hint: one line that says what to do. */
void err_hint(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints the error on stderr as "PROGRAM: MESSAGE" and the hint line. Control bytes are escaped. */
void err_print(const struct err *err, const char *program);

/* Frees the strings and resets the error. */
void err_finish(struct err *err);

static inline void cleanup_err_(struct err *err)
{
	err_finish(err);
}

#define cleanup_err __attribute__((cleanup(cleanup_err_)))

#endif
