/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_READER_H
#define SYMDB_LINE_READER_H

/* Decoding the rows of a block of lines, from any group on. */

#include "lines.h"

/* Where a group begins: its address, and in bytes in each stream. */
struct line_group {
	uint64_t address;
	size_t offsets[LINE_STREAMS];
};

struct line_reader {
	const struct block *block;   /* the caller's */
	const uint8_t *streams[LINE_STREAMS], *ends[LINE_STREAMS];
	const uint8_t *operations;
	size_t rows, index; /* INDEX is that of the next row */
	struct cursor groups; /* behind the group at hand, */
	struct line_group behind; /* which ends here */
	struct cursor files, numbers, others; /* in the group */
	const uint8_t *nibbles;
	size_t nibble;
	struct line_recent recent;
	struct sdb_line line; /* the row that was read last */
	bool failed;
};

/* Takes BLOCK's head apart; false when it is damaged. */
bool line_reader_init(struct line_reader *reader, const struct block *block);
/* Stands before the last group that begins below ADDRESS, or at it when INCLUSIVE. */
bool line_reader_seek(struct line_reader *reader, uint64_t address, bool inclusive);
/* Reads the next row to `line`; false at the end or when it failed. */
bool line_reader_next(struct line_reader *reader);

/* The columns of a block, read in order. */
struct column_reader {
	const uint8_t *columns;
	size_t rows, index;
	struct cursor wide, rare;
	size_t next_rare; /* row of the next rare record; SIZE_MAX: there is none */
	bool failed;
};
bool column_reader_init(struct column_reader *reader, const struct block *block);
/* Fills in what row INDEX has in this part; not below the one before. */
bool column_reader_get(struct column_reader *reader, size_t index, struct sdb_line *line);

#endif
