/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINES_H
#define SYMDB_LINES_H

/*
 * Line rows in blocks by address. What is alike stands together, because it compresses twice as
 * well that way; a directory of groups of 256 rows says where in each stream a group begins, so
 * that one row costs the decoding of a group. A block:
 *     ULEB128 count of rows, ULEB128 size of each stream but the operations
 *     LINE_GROUPS    for each group: address minus that of the group before, and how many nibbles
 *                    and how many bytes of LINE_FILES, LINE_NUMBERS, LINE_OTHERS the group has
 *     LINE_NIBBLES   address steps minus 1, two a byte, the low half first; 15: LINE_OTHERS has
 *                    the rest
 *     LINE_FILES     numbers of files that are not among the last seven of the group
 *     LINE_NUMBERS   line minus the last line of the same file in the group (signed)
 *     LINE_OTHERS    rests of address steps, discriminators
 *     operations     a byte a row, see below
 * All addresses are unsigned, all numbers ULEB128; no state passes from a group to the next.
 * The first row of a group has its address.
 *
 * The blocks of PART_LINE_COLUMNS have the same first keys and rows: ULEB128 count of rows,
 * ULEB128 count of columns above 254, a byte a row (255: the next one of those), these columns, then
 * for each row with rare attributes: rows since the last such, flags, isa, op_index.
 *
 * PART_LINE_FILES: record 0 has the count of line blocks and the steps between their first
 * addresses; record FILE the count of blocks that mention the file and the steps between their
 * ordinals.
 */

#include "records.h"

enum line_stream {
	LINE_GROUPS,
	LINE_NIBBLES,
	LINE_FILES,
	LINE_NUMBERS,
	LINE_OTHERS,
	LINE_STREAMS
};

enum {
	LINE_BLOCK_ROWS = 16384,
	LINE_GROUP_ROWS = 256,
	LINE_RECENT = 7, /* files remembered in a group */

	LINE_OP_STATEMENT = 1 << 0,
	LINE_OP_ADDRESS = 1 << 1,       /* not that of the row before */
	LINE_OP_NUMBER = 1 << 2,        /* not the last one of this file */
	LINE_OP_DISCRIMINATOR = 1 << 3,
	LINE_OP_FILE_SHIFT = 4,         /* three bits: which of the recent files; 7: LINE_FILES */
	LINE_OP_END = 1 << 7,

	LINE_COLUMN_FLAGS = SDB_LINE_BASIC_BLOCK | SDB_LINE_PROLOGUE_END | SDB_LINE_EPILOGUE_BEGIN,
};

/* The files of a group that came last, the last one first, and the last line of each. */
struct line_recent {
	struct {
		uint32_t file, line;
	} entries[LINE_RECENT];
};

/* Makes entry INDEX the first one; the others move back. */
static inline void line_recent_use(struct line_recent *recent, unsigned index, uint32_t file,
				   uint32_t line)
{
	for (; index > 0; index--)
		recent->entries[index] = recent->entries[index - 1];
	recent->entries[0].file = file;
	recent->entries[0].line = line;
}

#endif
