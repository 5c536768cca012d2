/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINES_H
#define SYMDB_LINES_H

/*
 * Line rows in blocks by address, of groups of 256 rows that are decoded by themselves. A block:
 *     ULEB128 count of rows
 *     for each group: ULEB128 address minus that of the group before (not for the first, whose
 *     address is the block's key), ULEB128 size of its stream
 *     the streams
 * A stream is what an encoder (entropy.h) makes of the rows' fields, with models that do not
 * learn: they stand in the record of this part in PART_MODELS, followed by the successors: pairs of
 * positions (file, line, column) that follow each other often, see line_models.h.
 *
 * PART_LINE_FILES: record 0 has the count of runs of LINE_RUN blocks of lines and the steps between
 * their first addresses; record FILE the count of runs that mention the file and the steps
 * between their ordinals.
 */

#include "records.h"

enum {
	LINE_GROUP_ROWS = 256,
	LINE_BLOCK_ROWS = 4 * LINE_GROUP_ROWS,
	LINE_RUN = 16, /* blocks */
	LINE_RARE_FLAGS = SDB_LINE_BASIC_BLOCK | SDB_LINE_PROLOGUE_END | SDB_LINE_EPILOGUE_BEGIN,
};

#endif
