/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_READER_H
#define SYMDB_LINE_READER_H

/* Decoding the rows of a block of lines. */

#include "line_code.h"

struct line_reader {
	size_t rows;           /* that are left; of plain ones it is not known */
	bool is_plain;
	bool failed;
	struct cursor plain;
	struct line_walk walk; /* its `row` was read last */
};

/*
 * Stands before the first row of BLOCK; false when it is damaged. BLOCK and MODELS stay the caller's; those
 * are NULL where all rows are plain.
 */
bool line_reader_init(struct line_reader *reader, const struct block *block,
		      const struct line_models *models);
/* Reads the next row to `walk.row`; false at the end or when it failed. */
bool line_reader_next(struct line_reader *reader);
/* Whether nothing is left behind the last row. */
bool line_reader_complete(const struct line_reader *reader);

#endif
