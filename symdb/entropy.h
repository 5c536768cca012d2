/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_ENTROPY_H
#define SYMDB_ENTROPY_H

/*
 * Numbers in as few bits as their frequency allows. A number is taken apart into symbols of four
 * bits; each symbol has an adaptive model that learns how likely each of the sixteen is, and an
 * asymmetric numeral system (rANS) turns likelihoods into bits. Models start out
 * even in every block: a block is decoded without any other, and no tables are stored.
 *
 * Two states take turns, so that one's arithmetic need not wait for the other's.
 *
 * The stream is made of 32-bit little-endian words: the two final states (low word first), then
 * the words in the order in which the decoder takes them.
 */

#include "buffer.h"
#include <endian.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	MODEL_BITS = 15,
	MODEL_FLOOR = 6,    /* the least likelihood that a symbol sinks to, of 2^15 */
	ENTROPY_LOW = 1u << 31,
};

/*
 * A model is sixteen numbers: where each symbol's share of [0, 2^15) begins, the first one 0.
 * Models stand behind each other in memory, with one number 0 more behind the last one: as 2^15 does
 * not count in 15 bits, that is where the last share ends, so that no symbol is a special case.
 */
enum { MODEL_SIZE = 16 };
#define MODEL_ALIGNED _Alignas(16)

/* What the starts tend to when only one symbol comes, by that symbol. */
extern const int16_t model_aims[16][MODEL_SIZE];
/* How far a model moves there: 2^-shift, by how many symbols it has seen: the first ones count more. */
enum {
	MODEL_SEEN_MAX = 24,
	MODEL_SEEN_PRIMED = 8, /* of a model that begins with what was stored */
};
extern const uint8_t model_shifts[MODEL_SEEN_MAX + 1];

/* All symbols alike. */
void model_init(int16_t *model);

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
	uint64_t state, other; /* of the next symbol, of the one behind it */
	const uint8_t *at, *end;
	bool failed; /* more was asked for than there is */
};

void encoder_deinit(struct encoder *encoder);
/* Appends the stream for all symbols to TO; the encoder is empty again. */
void encoder_finish(struct encoder *encoder, struct buffer *to);
void decoder_init(struct decoder *decoder, const uint8_t *data, size_t size);
/* Whether exactly all of the stream was decoded. */
bool decoder_complete(const struct decoder *decoder);

void encoder_add(struct encoder *encoder, uint32_t start, uint32_t share, unsigned bits);

/* ---- models ----------------------------------------------------------------------- */

typedef int16_t model_half __attribute__((vector_size(16)));

/*
 * Each start moves a part of the way to its aim, rounded down. Neighbours stay at least one
 * apart: the aims are, and rounding takes less than one away. The first stays 0.
 */
static inline void model_learn(int16_t *model, uint8_t *seen, unsigned symbol)
{
	int16_t shift = model_shifts[*seen];
	for (unsigned half = 0; half < 16; half += 8) {
		model_half now, aim;
		memcpy(&now, model + half, sizeof(now));
		memcpy(&aim, model_aims[symbol] + half, sizeof(aim));
		now += (aim - now) >> shift;
		memcpy(model + half, &now, sizeof(now));
	}
	*seen += *seen < MODEL_SEEN_MAX;
}

static inline unsigned model_begin(const int16_t *model, unsigned symbol)
{
	return (uint16_t)model[symbol];
}

static inline unsigned model_share(const int16_t *model, unsigned symbol)
{
	return (unsigned)(model[symbol + 1] - model[symbol]) & ((1u << MODEL_BITS) - 1);
}

/* The symbol whose share holds POINT: how many begin at or below it, less one. */
static inline unsigned model_find(const int16_t *model, unsigned point)
{
#ifdef __SSE2__
	__m128i wanted = _mm_set1_epi16((short)point);
	__m128i low = _mm_cmpgt_epi16(_mm_load_si128((const __m128i *)model), wanted);
	__m128i high = _mm_cmpgt_epi16(_mm_load_si128((const __m128i *)(model + 8)), wanted);
	unsigned above = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high));
	return (unsigned)__builtin_ctz(above | 1u << 16) - 1;
#else
	unsigned symbol = 0;
	for (unsigned step = 8; step; step /= 2)
		symbol += (unsigned)model[symbol + step] <= point ? step : 0;
	return symbol;
#endif
}

/* ---- encoding ------------------------------------------------------------------- */


/* With a model that does not learn. */
static inline void encode_known(struct encoder *encoder, const int16_t *model, unsigned symbol)
{
	encoder_add(encoder, model_begin(model, symbol), model_share(model, symbol), MODEL_BITS);
}

static inline void encode_symbol(struct encoder *encoder, int16_t *model, uint8_t *seen, unsigned symbol)
{
	encode_known(encoder, model, symbol);
	model_learn(model, seen, symbol);
}

/* COUNT (at most 12) bits that no model knows anything about. */
static inline void encode_bits(struct encoder *encoder, uint32_t value, unsigned count)
{
	if (count)
		encoder_add(encoder, value, 1, count);
}

/* ---- decoding ------------------------------------------------------------------- */

static inline uint32_t decoder_word(struct decoder *decoder)
{
	uint32_t word = 0;
	if (decoder->end - decoder->at < 4) {
		decoder->failed = true;
		return 0;
	}
	memcpy(&word, decoder->at, sizeof(word));
	decoder->at += sizeof(word);
	return le32toh(word);
}

/* STATE is what the symbol left; the other one's turn comes. */
static inline void decoder_refill(struct decoder *decoder, uint64_t state)
{
	if (state < ENTROPY_LOW)
		state = state << 32 | decoder_word(decoder);
	decoder->state = decoder->other;
	decoder->other = state;
}

static inline unsigned decode_known(struct decoder *decoder, const int16_t *model)
{
	unsigned point = (unsigned)decoder->state & ((1u << MODEL_BITS) - 1);
	unsigned symbol = model_find(model, point);
	decoder_refill(decoder, (decoder->state >> MODEL_BITS) * model_share(model, symbol) + point -
				model_begin(model, symbol));
	return symbol;
}

static inline unsigned decode_symbol(struct decoder *decoder, int16_t *model, uint8_t *seen)
{
	unsigned symbol = decode_known(decoder, model);
	model_learn(model, seen, symbol);
	return symbol;
}

static inline uint32_t decode_bits(struct decoder *decoder, unsigned count)
{
	uint32_t value = (uint32_t)decoder->state & ((1u << count) - 1);
	decoder_refill(decoder, decoder->state >> count);
	return value;
}

#endif
