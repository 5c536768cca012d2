/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_ENCODE_H
#define SYMDB_LINE_ENCODE_H

/* From line rows, which are in the plain form (line_plain.h) until the models are known, to a block. */

#include "line_models.h"
#include "lines.h"

struct line_sample {
	uint64_t first; /* the block's key */
	const uint8_t *raw; /* 0, then the rows: what is stored when it is not packed */
	size_t size;
};

/* Appends the record of the models for rows such as those of the COUNT samples; false: memory is short. */
bool line_models_make(const struct line_sample *samples, size_t count, struct buffer *to);

/* Appends the block of RAW rows; false when memory is short. */
bool line_encode(const struct line_sample *rows, const struct line_models *models, struct encoder *encoder,
		 struct buffer *to);

#endif
