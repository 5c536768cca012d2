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
};

/* As it will stand in a row. */
struct stored_block {
	uint64_t first;
	unsigned flags;
	size_t raw_size; /* what the reader will unpack */
	size_t size;
	uint8_t *data;   /* NULL: it could not be coded */
};

/* Appends the part's record for PART_MODELS, learned from COUNT blocks; false: there is none. */
bool block_models_make(const struct block_raw *sample, size_t count, void **scratch, struct buffer *to);

/*
 * The payload of RAW; its data is malloc'ed, NULL when memory is short or the records do not have
 * their part's shape.
 */
struct stored_block block_encode(const struct block_raw *raw, const struct block_models *models, void **scratch);

/* Frees what jobs leave in their thread's scratch. */
void block_scratch_free(void *scratch);

#endif
