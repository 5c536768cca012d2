/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_FORMAT_H
#define SYMDB_BLOCK_FORMAT_H

/*
 * Rows of the file hold several blocks each: blocks are small, because one is decoded as a whole, and
 * rows bigger, because SQLite wastes some room at the end of each. A row:
 *     a checksum of 32 bits, little-endian, of the part's number, the row's key and all that follows
 *     ULEB128 count of blocks * 2 + 1 when they are the last of their part
 *     for each block: ULEB128 size of its records * 8 + flags, ULEB128 size of its payload,
 *     ULEB128 distance to the first key of the next block (not for the last of the part)
 *     the payloads
 * The row's key is the first key of its first block. A payload is what shape.h makes of the
 * records when the part has a shape, what phrases.h makes of texts, LZ4 when that is smaller
 * than the records, else these.
 */

#include "shape.h"

struct line_models;
struct phrases;

/* What a part's record of PART_MODELS says: one of these, by the part. */
struct block_models {
	struct model_set *shape;
	struct line_models *lines;
	struct phrases *phrases;
};

/* Reads the record of PART, which must end where FROM ends; NULL when it does not, or has none. */
struct block_models *block_models_get(enum part part, struct cursor *from);
void block_models_free(struct block_models *models);

/* Parts that are texts. */
static inline bool block_has_phrases(enum part part)
{
	return part == PART_NAMES || part == PART_FILES;
}

static inline bool block_has_models(enum part part)
{
	return part == PART_LINES || block_has_phrases(part) || shape_exists(part);
}

enum {
	BLOCK_STORED = 1, /* the payload is not compressed */
	BLOCK_SHAPED = 2, /* the payload is what shape.h makes of the records */
	BLOCK_PRIMED = 4, /* the payload needs the part's record of PART_MODELS: models that begin as
			     it says when it is shaped, else phrases */
	BLOCK_FLAGS = 3,  /* bits of flags */
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

/* A row whose checksum is right; DATA is the caller's. */
struct row {
	enum part part;
	uint64_t first, next; /* its blocks answer for [first, next), or all behind FIRST when it is last */
	bool last;
	size_t count;
	struct cursor entries;
	const uint8_t *payloads, *end;
};

uint32_t row_checksum(enum part part, uint64_t first, const uint8_t *data, size_t size);

/* Checks a stored row and takes its head apart; on failure says what is wrong with it. */
bool row_parse(enum part part, uint64_t first, const uint8_t *data, size_t size, struct row *row_ret,
	       const char **what_ret);
/* The block of ROW that answers for KEY, which the row does. */
struct block_header row_block(const struct row *row, uint64_t key);

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
