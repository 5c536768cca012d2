/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_ENTROPY_H
#define SYMDB_ENTROPY_H

/*
 * Numbers in as few bits as their frequency allows. A number is taken apart into symbols of four
 * bits; each symbol has an adaptive model that learns how likely each of the sixteen is, and an
 * asymmetric numeral system (rANS) turns likelihoods into bits. Models start out
 * even in every block: a block is decoded without any other, and no tables are stored.
 *
 * The stream is made of 32-bit little-endian words: the final state (two words), then
 * the words in the order in which the decoder takes them.
 */

#include "buffer.h"

enum {
	MODEL_BITS = 15,
	MODEL_FLOOR = 6,    /* the least likelihood that a symbol sinks to, of 2^15 */
	ENTROPY_LOW = 1u << 31,
};

/*
 * Where each symbol's share of [0, 2^15) begins. The first begins at 0: in its place stands how
 * many symbols the model has learned from, because the first ones count more.
 */
struct model {
	_Alignas(16) int16_t start[16];
};

void model_init(struct model *models, size_t count);

/* One coded symbol: its share of 2^bits. */
struct entropy_symbol {
	uint16_t start, share_less_one;
	uint8_t bits;
};

struct encoder {
	struct entropy_symbol *symbols;
	size_t count, capacity;
	bool failed; /* memory was short */
};

struct decoder {
	uint64_t state;
	const uint8_t *at, *end;
	bool failed; /* more was asked for than there is */
};

void encoder_deinit(struct encoder *encoder);
/* Appends the stream for all symbols to TO; the encoder is empty again. */
void encoder_finish(struct encoder *encoder, struct buffer *to);
void decoder_init(struct decoder *decoder, const uint8_t *data, size_t size);
/* Whether exactly all of the stream was decoded. */
bool decoder_complete(const struct decoder *decoder);

void encode_symbol(struct encoder *encoder, struct model *model, unsigned symbol);
/* COUNT (at most 12) bits that no model knows anything about. */
void encode_bits(struct encoder *encoder, uint32_t value, unsigned count);
unsigned decode_symbol(struct decoder *decoder, struct model *model);
uint32_t decode_bits(struct decoder *decoder, unsigned count);

#endif
