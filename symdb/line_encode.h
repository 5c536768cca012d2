/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_ENCODE_H
#define SYMDB_LINE_ENCODE_H

/*
 * From line rows to a block. Until the models are known rows are kept in a plain form: per row
 * ULEB128 address step, signed distances of file and line, all from the row before (the first from a
 * row of zeros at the block's key); column, discriminator, flags; rarely isa and op_index.
 */

#include "line_models.h"
#include "lines.h"

struct line_sample {
	uint64_t first; /* the block's key */
	const uint8_t *raw;
	size_t size;
};

/* Appends ROW; BEFORE is the one before it, and becomes it. */
void line_raw_put(struct buffer *to, struct sdb_line *before, const struct sdb_line *row);

/* Appends the record of the models for rows such as those of the COUNT samples; false: memory is short. */
bool line_models_make(const struct line_sample *samples, size_t count, struct buffer *to);

/* Appends the block of RAW rows; false when memory is short. */
bool line_encode(const struct line_sample *rows, const struct line_models *models, struct encoder *encoder,
		 struct buffer *to);

#endif
