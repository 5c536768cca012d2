/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_ASK_H
#define TESTS_FUZZ_ASK_H

#include <stackdb/db.h>

/*
 * Asks DB every kind of question. Any answer and any error is right; a crash, a leak or no end
 * is not. The number of questions is bounded, whatever totals the file claims to have.
 */
void ask_everything(struct sdb_db *db);

/* A directory of this process on a file system in memory, made on first use. */
const char *scratch_directory(void);

/* Writes SIZE bytes to the file NAME there; its path is static. Exits when it cannot. */
const char *scratch_file(const char *name, const void *data, size_t size);

#endif
