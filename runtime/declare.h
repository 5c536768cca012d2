/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_DECLARE_H
#define RUNTIME_DECLARE_H

/* Types in C or C++, as gdb writes them: `struct point *`, `int (*)(int)`, `char [8]`. */

#include "text.h"
#include "types.h"

/*
 * Appends type TYPE of DB, with NAME where a declaration has it (NULL: none). DIMENSION of an array
 * type is the first that counts.
 */
struct sdb_error *declare(struct types *types, struct sdb_db *db, sdb_type_id type,
			  unsigned dimension, const char *name, struct buffer *to);
/*
 * The same as a malloc'ed text. COUNTS (NULL: none) has the lengths of the dimensions of array type
 * COUNTED where that does not say them.
 */
struct sdb_error *declare_text(struct types *types, struct sdb_db *db, sdb_type_id type,
			       unsigned dimension, const char *name, const uint64_t *counts,
			       sdb_type_id counted, char **text_ret);

#endif
