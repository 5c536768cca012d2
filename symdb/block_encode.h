/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_ENCODE_H
#define SYMDB_BLOCK_ENCODE_H

/* From the records of a block to what is stored: jobs of the writer's pool (pool.h). */

#include "block_format.h"

struct block_raw {
	enum part part;
	uint64_t first;
	const uint8_t *data;
	size_t size;
	bool last;
	uint64_t next; /* unless it is the last: the first key of the next block */
};

/* Appends the part's record for PART_MODELS, learned from COUNT blocks; false: there is none. */
bool block_models_make(const struct block_raw *sample, size_t count, void **scratch, struct buffer *to);

/*
 * The stored block, malloc'ed; NULL when memory is short or the records do not have their part's
 * shape. *RAW_SIZE_RET is what the reader will unpack.
 */
uint8_t *block_encode(const struct block_raw *raw, const struct block_models *models, void **scratch,
		      size_t *size_ret, size_t *raw_size_ret);

/* Frees what jobs leave in their thread's scratch. */
void block_scratch_free(void *scratch);

#endif
