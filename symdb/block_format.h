/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_FORMAT_H
#define SYMDB_BLOCK_FORMAT_H

/*
 * A block as it is stored: a 32-bit checksum (little-endian), then ULEB128 of raw size * 16 +
 * flags, ULEB128 of the distance to the next block's first key (absent in the last block), and
 * the payload: what shape.h makes of the records when the part has a shape, LZ4 when that is
 * smaller than the raw bytes, else these. The checksum covers the part's
 * number, the first key and everything behind the checksum.
 */

#include "shape.h"

struct line_models;

/* What a part's record of PART_MODELS says: one of these, by the part. */
struct block_models {
	struct model_set *shape;
	struct line_models *lines;
};

/* Reads the record of PART, which must end where FROM ends; NULL when it does not, or has none. */
struct block_models *block_models_get(enum part part, struct cursor *from);
void block_models_free(struct block_models *models);

static inline bool block_has_models(enum part part)
{
	return part == PART_LINES || shape_exists(part);
}

enum {
	BLOCK_STORED = 1, /* the payload is not compressed */
	BLOCK_LAST = 2,
	BLOCK_SHAPED = 4, /* the payload is what shape.h makes of the records */
	BLOCK_PRIMED = 8, /* ... with models that begin as the part's record of PART_MODELS says */
	BLOCK_FLAGS = 4,  /* bits of flags */
	BLOCK_HEADER = 4 + 10 + 10,
	BLOCK_RAW_MAX = 64 << 20,
};

struct block_header {
	uint64_t first, next;
	enum part part;
	bool last, stored, shaped, primed;
	size_t raw_size;
	const uint8_t *payload;
	size_t payload_size;
};

uint32_t block_checksum(enum part part, uint64_t first, const uint8_t *data, size_t size);

/* Checks a stored block and takes its header apart; on failure says what is wrong with it. */
bool block_parse(enum part part, uint64_t first, const uint8_t *data, size_t size,
		 struct block_header *header_ret, const char **what_ret);
/*
 * Fills RAW (raw_size bytes) from the payload; false when it does not decode to that. A primed
 * block needs its part's MODELS. *SCRATCH is memory kept from one block to the next, freed with
 * shape_free().
 */
bool block_unpack(const struct block_header *header, const struct block_models *models, uint8_t *raw,
		  struct shape **scratch);

/* Addresses are unsigned, SQLite's row numbers signed: the top bit flipped keeps their order. */
static inline int64_t block_key_to_row(enum part part, uint64_t key)
{
	return (int64_t)(part_traits[part].by_address ? key ^ (uint64_t)1 << 63 : key);
}

static inline uint64_t block_row_to_key(enum part part, int64_t row)
{
	return part_traits[part].by_address ? (uint64_t)row ^ (uint64_t)1 << 63 : (uint64_t)row;
}

#endif
