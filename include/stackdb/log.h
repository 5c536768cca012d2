/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_LOG_H
#define STACKDB_LOG_H

/**
 * @file
 * What the library can tell about its work. It never prints: messages go to a function of the
 * program that uses it, by area and level, and nowhere when there is none.
 */

#pragma GCC visibility push(default)

/** The part of the library that a message is about; a bit each. */
enum sdb_log_area {
	SDB_LOG_TARGET = 1 << 0, /**< attaching, stopping, threads */
	SDB_LOG_DRIVER = 1 << 1, /**< what a driver asks of the system */
	SDB_LOG_MODULE = 1 << 2, /**< modules, databases, indexing */
	SDB_LOG_UNWIND = 1 << 3, /**< stacks */
	SDB_LOG_PROBE = 1 << 4,  /**< breakpoints, watchpoints, events */
	SDB_LOG_VALUE = 1 << 5,  /**< values and expressions */
	SDB_LOG_ALL = (1 << 6) - 1, /**< all of them */
};

/** How much a message matters. */
enum sdb_log_level {
	SDB_LOG_ERROR = 0, /**< something failed */
	SDB_LOG_WARNING = 1, /**< something could not be had */
	SDB_LOG_INFO = 2,  /**< what is done */
	SDB_LOG_DEBUG = 3, /**< and above: more of it */
};

/** A program's function for messages: MESSAGE has no newline and is valid during the call. */
typedef void (*sdb_log_fn)(void *arg, enum sdb_log_area area, int level, const char *message);

/** Where messages go and which. All zero: nowhere. */
struct sdb_log {
	sdb_log_fn fn;  /**< called for each; NULL: nobody */
	void *arg;      /**< passed to `fn` */
	int level;      /**< messages up to this level */
	unsigned areas; /**< set of enum sdb_log_area; 0: all */
};

/** The area of NAME (`target`, `probe`, ..., `all`); 0 when there is none. */
unsigned sdb_log_area(const char *name);
/** The name of one area. */
const char *sdb_log_area_name(enum sdb_log_area area);

#pragma GCC visibility pop

#endif
