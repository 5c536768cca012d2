/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_PHRASES_H
#define SYMDB_PHRASES_H

/*
 * Texts in fewer bytes, decoded at the speed of memory and each block by itself: a byte stands for
 * one of up to 255 phrases of one to eight bytes that are frequent in the part's blocks, 255 for the
 * byte behind it. (The idea is that of "FSST: Fast Random Access String Compression", Boncz,
 * Neumann, Leis, VLDB 2020.)
 * The record in PART_MODELS: for each phrase its length, a byte, and its bytes.
 */

#include "buffer.h"

enum { PHRASES_MAX = 255, PHRASE_LENGTH = 8 };

struct phrases {
	unsigned count;
	uint8_t lengths[256]; /* 0: there is no such phrase */
	uint8_t bytes[256][PHRASE_LENGTH];
	/* By first byte, the longest first: numbers of phrases, for encoding. */
	uint8_t order[PHRASES_MAX];
	uint16_t begins[257];
};

struct phrase_sample {
	const uint8_t *data;
	size_t size;
};

/* Appends the record for texts such as the samples; false when memory is short. */
bool phrases_make(const struct phrase_sample *samples, size_t count, struct buffer *to);
/* Reads a record to its end; NULL when it makes no sense or memory is short. Freed with free(). */
struct phrases *phrases_get(struct cursor *from);

void phrases_encode(const struct phrases *phrases, const uint8_t *data, size_t size, struct buffer *to);
/* False when DATA does not decode to exactly RAW_SIZE bytes. */
bool phrases_decode(const struct phrases *phrases, const uint8_t *data, size_t size, uint8_t *raw,
		    size_t raw_size);

#endif
