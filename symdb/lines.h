/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINES_H
#define SYMDB_LINES_H

/*
 * Line rows in blocks of 256 by address, which are decoded row by row as far as is asked. A block:
 * ULEB128 count of rows, then what an encoder (entropy.h) makes of their fields (line_code.h), with
 * models that do not learn: they stand in the record of this part in PART_MODELS, followed by the
 * successors: pairs of positions (file, line, column) that follow each other often, see
 * line_models.h. In a database that is not packed: 0, then rows in the plain form (line_plain.h).
 *
 * PART_LINE_FILES: record 0 has the count of runs of LINE_RUN blocks of lines and the steps between
 * their first addresses; record FILE the count of runs that mention the file and the steps
 * between their ordinals.
 */

#include "records.h"

enum {
	LINE_BLOCK_ROWS = 256,
	LINE_RUN = 16, /* blocks */
	LINE_RARE_FLAGS = SDB_LINE_BASIC_BLOCK | SDB_LINE_PROLOGUE_END | SDB_LINE_EPILOGUE_BEGIN,
};

#endif
