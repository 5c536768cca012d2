/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_UNWIND_H
#define SYMDB_UNWIND_H

/*
 * Unwind rows, one part for each source (three ranges of addresses that know nothing of each
 * other), in blocks by address. What rows have in common - everything but their addresses - is a
 * rule set, stored once in PART_UNWIND_RULES. A block:
 *     ULEB128 count of rows, ULEB128 size of each of the first three streams
 *     UNWIND_GROUPS   for each group of 128 rows: address minus that of the group before, bytes of
 *                     UNWIND_LENGTHS, of UNWIND_HOLES and of UNWIND_SETS that the group has
 *     UNWIND_LENGTHS  length of each row
 *     UNWIND_HOLES    how far the rows that say so are from the end of the row before
 *     UNWIND_SETS     each row: rule set * 4 + 2 when a description entry begins + 1 when there is
 *                     a hole before the row
 * The first row of a group has its address. All numbers are ULEB128.
 *
 * A rule set, by number from 0: ULEB128 size of the rest, flags, type of ORC entry, return
 * column, count of rules, the CFA rule, the rules. A rule: a byte kind + 16 when it has a
 * register, 32 an offset, 64 an expression; column minus that of the rule before (not for the
 * CFA); register; offset (signed); size and bytes of the expression.
 */

#include "records.h"

enum unwind_stream { UNWIND_GROUPS, UNWIND_LENGTHS, UNWIND_HOLES, UNWIND_SETS, UNWIND_STREAMS };

enum {
	UNWIND_BLOCK_ROWS = 8192,
	UNWIND_GROUP_ROWS = 128,

	UNWIND_SET_HOLE = 1,
	UNWIND_SET_START = 2,
	UNWIND_SET_SHIFT = 2,

	UNWIND_RULE_REGISTER = 16,
	UNWIND_RULE_OFFSET = 32,
	UNWIND_RULE_EXPRESSION = 64,
};

/* The part of SOURCE; PART_COUNT when there is no such source. */
static inline enum part unwind_part(enum sdb_unwind_source source)
{
	switch (source) {
	case SDB_UNWIND_EH_FRAME: return PART_UNWIND_EH_FRAME;
	case SDB_UNWIND_DEBUG_FRAME: return PART_UNWIND_DEBUG_FRAME;
	case SDB_UNWIND_ORC: return PART_UNWIND_ORC;
	}
	return PART_COUNT;
}

/* unwind_rules.c: codes what ROW has beside addresses. */
void unwind_set_put(struct buffer *to, const struct sdb_unwind_row *row);
/* Rule set NUMBER as a row without addresses; sdb_unwind_row_free(). */
struct sdb_error *unwind_set_get(struct sdb_db *db, uint32_t number, struct sdb_unwind_row **row_ret);
/* A copy in one allocation. */
struct sdb_unwind_row *unwind_row_copy(const struct sdb_unwind_row *row);

#endif
