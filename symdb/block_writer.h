/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_WRITER_H
#define SYMDB_BLOCK_WRITER_H

/* One part while it is written: the block being filled, and those that are done. */

#include "block_encode.h"
#include "pool.h"

struct block_writer *block_writer_create(enum part part, struct pool *pool);
void block_writer_destroy(struct block_writer *writer);

/* Ends the last record. The blocks are complete after the next pool_wait(). */
struct sdb_error *block_writer_end(struct block_writer *writer);
/* After that: the part's record for PART_MODELS; *SIZE_RET 0 when it has none. */
const uint8_t *block_writer_models(const struct block_writer *writer, size_t *size_ret);
/* Block INDEX, by key; NULL behind the last one. */
const struct stored_block *block_writer_block(const struct block_writer *writer, size_t index);
/* Fills TO with the row that begins with block INDEX; returns the index behind its last block. */
size_t block_writer_row(const struct block_writer *writer, size_t index, struct buffer *to);

#endif
