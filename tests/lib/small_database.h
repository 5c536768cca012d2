/* SPDX-License-Identifier: MIT */
#ifndef TESTS_LIB_SMALL_DATABASE_H
#define TESTS_LIB_SMALL_DATABASE_H

/* A database that a test or a fuzz target writes for itself: of one unit, for a 64-bit machine. */

#include "symdb/writer.h"

struct small_database {
	const char *path;
	uint16_t language;         /* of the unit: DW_LANG_* */
	const char *const *texts;  /* the names; the first is "" */
	size_t count;
	uint32_t *ranks;           /* COUNT numbers of them, filled in before `fill` is called */
	void (*fill)(struct sdb_writer *writer); /* adds types, functions, variables, code */
};

/* Writes and opens it; ends the program when that fails. */
struct sdb_db *small_database_make(const struct small_database *what);
/* Ends the program with the message of ERROR, unless that is NULL. */
void small_database_must(struct sdb_error *error);

#endif
