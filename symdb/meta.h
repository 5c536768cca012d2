/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_META_H
#define SYMDB_META_H

/*
 * The table `meta`: identity, provenance and totals, as text that a person can read with any SQL
 * program. The row `checksum` covers all others.
 */

#include "block.h"
#include <sqlite3.h>
#include <stackdb/db.h>

/* What `meta` says of a part, row `part.NAME`: `BLOCKS FIRST RAW STORED`. */
struct part_totals {
	uint64_t blocks, first, raw, stored;
};

struct meta {
	char **keys, **values; /* in order of key */
	size_t count;
	struct sdb_db_info info; /* strings point into VALUES, build_id is malloc'ed */
	struct part_totals parts[PART_COUNT];
	uint64_t sections_checksum, segments_checksum;
};

/* A hash over the rows, in their order, without the one that holds it. */
uint64_t meta_checksum(char *const *keys, char *const *values, size_t count);

/* Takes the rows apart into INFO and PARTS; false with what is wrong in *WHAT_RET. */
bool meta_parse(struct meta *meta, const char **what_ret);
const char *meta_value(const struct meta *meta, const char *key);
void meta_deinit(struct meta *meta);

#endif
