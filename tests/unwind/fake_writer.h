/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNWIND_FAKE_WRITER_H
#define TESTS_UNWIND_FAKE_WRITER_H

/*
 * A writer that prints records as lines of text instead of storing them, and checks what every
 * writer is promised: dense numbers, references that exist, names that were interned.
 */

#include <symdb/writer.h>

#include <stdio.h>

/* OUT may be NULL: checks only. */
struct sdb_writer *fake_writer_create(FILE *out);
/* What went wrong, or NULL. */
const char *fake_writer_problem(const struct sdb_writer *writer);
void fake_writer_destroy(struct sdb_writer *writer);

#endif
