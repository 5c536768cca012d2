/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_UNWIND_H
#define SYMDB_UNWIND_H

/*
 * Unwind rows, one part for each source (three ranges of addresses that know nothing of each
 * other), in blocks by address. What rows have in common - everything but their addresses - is a
 * rule set, stored once in PART_UNWIND_RULES. A row:
 *     ULEB128 rule set * 4 + 2 when a description entry begins + 1 when there is a hole before it
 *     ULEB128 how far it begins from the end of the row before, when there is a hole
 *     ULEB128 length
 * The first row of a block begins at the block's key, and has no hole before it.
 *
 * A rule set, by number from 0: ULEB128 size of the rest, flags, type of ORC entry, return
 * column, count of rules, the CFA rule, the rules. A rule: a byte kind + 16 when it has a
 * register, 32 an offset, 64 an expression; column minus that of the rule before (not for the
 * CFA); register; offset (signed); size and bytes of the expression.
 */

#include "records.h"

enum {
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
