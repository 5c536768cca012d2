/* SPDX-License-Identifier: MIT */
#ifndef STACKDB_ABSENCE_H
#define STACKDB_ABSENCE_H

/**
 * @file
 * Why a value, or a part of it, does not exist.
 */

#pragma GCC visibility push(default)

/** Reasons for a value that is not there. */
enum sdb_absence {
	SDB_PRESENT = 0,          /**< it is there */
	SDB_ABSENT_OPTIMIZED_OUT, /**< the compiler says that it is nowhere here */
	SDB_ABSENT_ENTRY_VALUE,   /**< it was in a register at the function's entry, and the caller cannot tell */
	SDB_ABSENT_REGISTER,      /**< in a register that the frames below did not save */
	SDB_ABSENT_MEMORY,        /**< at an address that cannot be read */
	SDB_ABSENT_POINTER,       /**< a pointer to something without an address; it can be followed */
	SDB_ABSENT_FRAME,         /**< it needs a frame and there is none */
	SDB_ABSENT_TLS,           /**< thread-local storage that cannot be found */
	SDB_ABSENT_LENGTH,        /**< of a length that is not known */
	SDB_ABSENT_INCOMPLETE,    /**< of a type that is only declared */
	SDB_ABSENT_TOO_BIG,       /**< larger than the caller's limit */
	SDB_ABSENT_EXPRESSION,    /**< its description is damaged, or of an unknown kind */
};

/** ABSENCE in a few words: `optimized out`, `not saved`. Static. */
const char *sdb_absence_text(enum sdb_absence absence);

#pragma GCC visibility pop

#endif
