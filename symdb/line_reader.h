/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_READER_H
#define SYMDB_LINE_READER_H

/* Decoding the rows of a block of lines, from any group on. */

#include "line_code.h"

/* Where a group begins. */
struct line_group {
	size_t index;           /* of its first row */
	struct cursor heads;    /* from its own on */
	const uint8_t *streams; /* likewise */
	uint64_t before;        /* the address of the group before */
};

struct line_reader {
	size_t rows, index;      /* INDEX is that of the next row */
	struct line_group group; /* of the next row, or the one behind that */
	const uint8_t *end;
	bool failed;
	struct line_walk walk;   /* its `row` was read last */
};

/* Takes BLOCK's head apart; false when it is damaged. BLOCK and MODELS stay the caller's. */
bool line_reader_init(struct line_reader *reader, const struct block *block, const struct line_models *models);
/* Stands before the last group that begins below ADDRESS, or at it when INCLUSIVE. */
bool line_reader_seek(struct line_reader *reader, uint64_t address, bool inclusive);
/* Reads the next row to `walk.row`; false at the end or when it failed. */
bool line_reader_next(struct line_reader *reader);

#endif
