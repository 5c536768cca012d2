/* SPDX-License-Identifier: MIT */
/* Adaptive models of sixteen symbols and the coder behind them. */

#include "entropy.h"
#include <endian.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef int16_t shares __attribute__((vector_size(16)));

/* What the starts tend to when only SYMBOL comes: row SYMBOL, in two halves. */
#define BELOW(i) ((i) * MODEL_FLOOR)
#define ABOVE(i) ((1 << MODEL_BITS) - (16 - (i)) * MODEL_FLOOR)
#define AIM(symbol, i) (int16_t)((i) > (symbol) ? ABOVE(i) : BELOW(i))
#define AIMS(s) \
	{ AIM(s, 0), AIM(s, 1), AIM(s, 2), AIM(s, 3), AIM(s, 4), AIM(s, 5), AIM(s, 6), AIM(s, 7), \
	  AIM(s, 8), AIM(s, 9), AIM(s, 10), AIM(s, 11), AIM(s, 12), AIM(s, 13), AIM(s, 14), AIM(s, 15) }

static const _Alignas(16) int16_t aims[16][16] = {
	AIMS(0), AIMS(1), AIMS(2), AIMS(3), AIMS(4), AIMS(5), AIMS(6), AIMS(7),
	AIMS(8), AIMS(9), AIMS(10), AIMS(11), AIMS(12), AIMS(13), AIMS(14), AIMS(15),
};

/* How far a model moves to its aim: 2^-shift, by the symbols it has seen. */
enum { SEEN_MAX = 23 };
static const uint8_t shifts[SEEN_MAX + 1] = { 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4,
					      4, 4, 4, 4, 4, 4, 4, 5 };

void model_init(struct model *models, size_t count)
{
	static const struct model even = { { 0, 2048, 4096, 6144, 8192, 10240, 12288, 14336, 16384, 18432,
					     20480, 22528, 24576, 26624, 28672, 30720 } };
	for (size_t i = 0; i < count; i++)
		models[i] = even;
}

/*
 * Each start moves a part of the way to its aim, rounded down. Neighbours stay at least one
 * apart: the aims are, and rounding takes less than one away.
 */
static inline void learn(struct model *model, unsigned symbol)
{
	int16_t seen = model->start[0];
	int16_t shift = shifts[seen];
	for (unsigned half = 0; half < 16; half += 8) {
		shares now, aim;
		memcpy(&now, model->start + half, sizeof(now));
		memcpy(&aim, aims[symbol] + half, sizeof(aim));
		now += (aim - now) >> shift;
		memcpy(model->start + half, &now, sizeof(now));
	}
	model->start[0] = seen + (seen < SEEN_MAX);
}

static inline unsigned share_begin(const struct model *model, unsigned symbol)
{
	return symbol ? (unsigned)model->start[symbol] : 0;
}

static inline unsigned share_end(const struct model *model, unsigned symbol)
{
	return symbol == 15 ? 1u << MODEL_BITS : (unsigned)model->start[symbol + 1];
}

/* ---- encoding ------------------------------------------------------------------- */

static void add_symbol(struct encoder *encoder, uint32_t start, uint32_t share, unsigned bits)
{
	if (encoder->count == encoder->capacity) {
		size_t capacity = encoder->capacity ? 2 * encoder->capacity : 4096;
		void *symbols = realloc(encoder->symbols, capacity * sizeof(*encoder->symbols));
		if (!symbols) {
			encoder->failed = true;
			return;
		}
		encoder->symbols = symbols;
		encoder->capacity = capacity;
	}
	encoder->symbols[encoder->count++] =
		(struct entropy_symbol){ (uint16_t)start, (uint16_t)(share - 1), (uint8_t)bits };
}

void encode_symbol(struct encoder *encoder, struct model *model, unsigned symbol)
{
	unsigned start = share_begin(model, symbol);
	add_symbol(encoder, start, share_end(model, symbol) - start, MODEL_BITS);
	learn(model, symbol);
}

void encode_bits(struct encoder *encoder, uint32_t value, unsigned count)
{
	if (count)
		add_symbol(encoder, value, 1, count);
}

void encoder_deinit(struct encoder *encoder)
{
	free(encoder->symbols);
}

static void put_word(uint8_t *to, uint32_t word)
{
	word = htole32(word);
	memcpy(to, &word, sizeof(word));
}

/* The last symbol goes in first, so that the decoder gets the first one first. */
void encoder_finish(struct encoder *encoder, struct buffer *to)
{
	size_t room = encoder->count * 2 + 16; /* a symbol takes at most 15 bits */
	uint64_t state = ENTROPY_LOW;
	if (encoder->failed || !buffer_reserve(to, room)) {
		to->failed = true;
		return;
	}
	uint8_t *end = to->data + to->size + room / 4 * 4, *at = end;
	for (size_t i = encoder->count; i-- > 0;) {
		const struct entropy_symbol *symbol = &encoder->symbols[i];
		uint64_t share = symbol->share_less_one + 1u;
		if (state >= ((uint64_t)ENTROPY_LOW >> symbol->bits << 32) * share) {
			put_word(at -= 4, (uint32_t)state);
			state >>= 32;
		}
		state = (state / share << symbol->bits) + state % share + symbol->start;
	}
	put_word(at -= 4, (uint32_t)(state >> 32));
	put_word(at -= 4, (uint32_t)state);
	memmove(to->data + to->size, at, (size_t)(end - at));
	to->size += (size_t)(end - at);
	encoder->count = 0;
}

/* ---- decoding ------------------------------------------------------------------- */

static inline uint32_t take_word(struct decoder *decoder)
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

void decoder_init(struct decoder *decoder, const uint8_t *data, size_t size)
{
	*decoder = (struct decoder){ .at = data, .end = data + size };
	decoder->state = take_word(decoder);
	decoder->state |= (uint64_t)take_word(decoder) << 32;
	if (decoder->state < ENTROPY_LOW)
		decoder->failed = true;
}

bool decoder_complete(const struct decoder *decoder)
{
	return !decoder->failed && decoder->at == decoder->end && decoder->state == ENTROPY_LOW;
}

static inline void refill(struct decoder *decoder)
{
	if (decoder->state < ENTROPY_LOW)
		decoder->state = decoder->state << 32 | take_word(decoder);
}

/* The symbol whose share holds POINT: how many begin at or below it, less one. */
static inline unsigned find_share(const struct model *model, unsigned point)
{
#ifdef __SSE2__
	__m128i wanted = _mm_set1_epi16((short)point);
	__m128i low = _mm_cmpgt_epi16(_mm_load_si128((const __m128i *)model->start), wanted);
	__m128i high = _mm_cmpgt_epi16(_mm_load_si128((const __m128i *)(model->start + 8)), wanted);
	unsigned above = (unsigned)_mm_movemask_epi8(_mm_packs_epi16(low, high));
	return (unsigned)__builtin_ctz((above & ~1u) | 1u << 16) - 1;
#else
	unsigned symbol = 0;
	for (unsigned step = 8; step; step /= 2)
		symbol += (unsigned)model->start[symbol + step] <= point ? step : 0;
	return symbol;
#endif
}

unsigned decode_symbol(struct decoder *decoder, struct model *model)
{
	unsigned point = (unsigned)decoder->state & ((1u << MODEL_BITS) - 1);
	unsigned symbol = find_share(model, point);
	unsigned start = share_begin(model, symbol);
	decoder->state = (decoder->state >> MODEL_BITS) * (share_end(model, symbol) - start) + point - start;
	refill(decoder);
	learn(model, symbol);
	return symbol;
}

uint32_t decode_bits(struct decoder *decoder, unsigned count)
{
	uint32_t value = (uint32_t)decoder->state & ((1u << count) - 1);
	decoder->state >>= count;
	refill(decoder);
	return value;
}
