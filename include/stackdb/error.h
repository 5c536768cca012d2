/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_ERROR_H
#define STACKDB_ERROR_H

/**
 * @file
 * Errors. Every function of this library that can fail returns a
 * `struct sdb_error *`; NULL is success. The receiver owns the error and frees
 * it with sdb_error_free(). The library never prints and never exits.
 */

#pragma GCC visibility push(default)

/** What kind of failure it was, for programs that decide by it. */
enum sdb_error_code {
	SDB_ERROR_NOT_FOUND = 1, /**< what was asked for does not exist */
	SDB_ERROR_INVALID,       /**< the caller's argument makes no sense */
	SDB_ERROR_CORRUPT,       /**< the input or the database is damaged */
	SDB_ERROR_UNSUPPORTED,   /**< well-formed, but this version cannot read it */
	SDB_ERROR_SYSTEM,        /**< the operating system said no (I/O, permission) */
	SDB_ERROR_MEMORY,        /**< out of memory, or over a stated limit */
	SDB_ERROR_STOPPED,       /**< a callback asked to stop; its own code */
};

struct sdb_error;

/** The code of ERROR. */
enum sdb_error_code sdb_error_code(const struct sdb_error *error);

/** The message of ERROR: what, where and why. Owned by ERROR. */
const char *sdb_error_message(const struct sdb_error *error);

/** Frees ERROR; NULL is allowed. */
void sdb_error_free(struct sdb_error *error);

/**
 * Makes an error with a printf-style message. Never returns NULL: when memory
 * is short a static out-of-memory error is returned.
 */
struct sdb_error *sdb_error_new(enum sdb_error_code code, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** As sdb_error_new(), with code SYSTEM and `: strerror(ERRNUM)` appended. */
struct sdb_error *sdb_error_errno(int errnum, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/** Puts `CONTEXT: ` in front of the message of ERROR and returns it. */
struct sdb_error *sdb_error_prefix(struct sdb_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#pragma GCC visibility pop

#endif
