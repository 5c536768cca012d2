/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_WRITER_H
#define SYMDB_BLOCK_WRITER_H

/* One part while it is written: the block being filled, and those that are done. */

#include "block_encode.h"
#include "pool.h"

/* HOLD: blocks are held back until block_writer_pack(), unless there are many. */
struct block_writer *block_writer_create(enum part part, struct pool *pool, bool hold);
void block_writer_destroy(struct block_writer *writer);

/* Ends the last record. */
struct sdb_error *block_writer_seal(struct block_writer *writer);
/* Behind that: the blocks are complete after the next pool_wait(). */
void block_writer_pack(struct block_writer *writer);
/* Both. */
struct sdb_error *block_writer_end(struct block_writer *writer);
/* Whether all blocks are held back. */
bool block_writer_held(const struct block_writer *writer);
/*
 * Instead of packing those that are held back: makes them complete as they are. block_writer_take_back()
 * makes that undone, so that they can be packed.
 */
void block_writer_leave(struct block_writer *writer);
void block_writer_take_back(struct block_writer *writer);
/* After that: the part's record for PART_MODELS; *SIZE_RET 0 when it has none. */
const uint8_t *block_writer_models(const struct block_writer *writer, size_t *size_ret);
/* Block INDEX, by key; NULL behind the last one. */
const struct stored_block *block_writer_block(const struct block_writer *writer, size_t index);
/* Fills TO with the row that begins with block INDEX; returns the index behind its last block. */
size_t block_writer_row(const struct block_writer *writer, size_t index, struct buffer *to);

#endif
