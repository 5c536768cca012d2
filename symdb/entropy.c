/* SPDX-License-Identifier: MIT */
/* Adaptive models of sixteen symbols and the coder behind them. */

#include "entropy.h"
#include <endian.h>
#include <stdlib.h>
/* What the starts tend to when only SYMBOL comes: row SYMBOL, in two halves. */
#define BELOW(i) ((i) * MODEL_FLOOR)
#define ABOVE(i) ((1 << MODEL_BITS) - (16 - (i)) * MODEL_FLOOR)
#define AIM(symbol, i) (int16_t)((i) > (symbol) ? ABOVE(i) : BELOW(i))
#define AIMS(s) \
	{ AIM(s, 0), AIM(s, 1), AIM(s, 2), AIM(s, 3), AIM(s, 4), AIM(s, 5), AIM(s, 6), AIM(s, 7), \
	  AIM(s, 8), AIM(s, 9), AIM(s, 10), AIM(s, 11), AIM(s, 12), AIM(s, 13), AIM(s, 14), AIM(s, 15) }

const int16_t model_aims[16][MODEL_SIZE] = {
	AIMS(0), AIMS(1), AIMS(2), AIMS(3), AIMS(4), AIMS(5), AIMS(6), AIMS(7),
	AIMS(8), AIMS(9), AIMS(10), AIMS(11), AIMS(12), AIMS(13), AIMS(14), AIMS(15),
};

const uint8_t model_shifts[MODEL_SEEN_MAX + 1] = { 1, 1, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4,
					       4, 4, 4, 4, 4, 4, 4, 4, 5 };

void model_init(int16_t *model)
{
	for (int symbol = 0; symbol < MODEL_SIZE; symbol++)
		model[symbol] = (int16_t)(symbol << MODEL_BITS >> 4);
}

/* ---- encoding ------------------------------------------------------------------- */

void encoder_add(struct encoder *encoder, uint32_t start, uint32_t share, unsigned bits)
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
	size_t room = encoder->count * 2 + 32; /* a symbol takes at most 15 bits */
	uint64_t states[2] = { ENTROPY_LOW, ENTROPY_LOW };
	if (encoder->failed || !buffer_reserve(to, room)) {
		to->failed = true;
		return;
	}
	uint8_t *end = to->data + to->size + room / 4 * 4, *at = end;
	for (size_t i = encoder->count; i-- > 0;) {
		const struct entropy_symbol *symbol = &encoder->symbols[i];
		uint64_t share = symbol->share_less_one + 1u, state = states[i & 1];
		if (state >= ((uint64_t)ENTROPY_LOW >> symbol->bits << 32) * share) {
			put_word(at -= 4, (uint32_t)state);
			state >>= 32;
		}
		state = (state / share << symbol->bits) + state % share + symbol->start;
		states[i & 1] = state;
	}
	for (int i = 1; i >= 0; i--) {
		put_word(at -= 4, (uint32_t)(states[i] >> 32));
		put_word(at -= 4, (uint32_t)states[i]);
	}
	memmove(to->data + to->size, at, (size_t)(end - at));
	to->size += (size_t)(end - at);
	encoder->count = 0;
}

/* ---- decoding ------------------------------------------------------------------- */

void decoder_init(struct decoder *decoder, const uint8_t *data, size_t size)
{
	*decoder = (struct decoder){ .at = data, .end = data + size };
	decoder->state = decoder_word(decoder);
	decoder->state |= (uint64_t)decoder_word(decoder) << 32;
	decoder->other = decoder_word(decoder);
	decoder->other |= (uint64_t)decoder_word(decoder) << 32;
	if (decoder->state < ENTROPY_LOW || decoder->other < ENTROPY_LOW)
		decoder->failed = true;
}

bool decoder_complete(const struct decoder *decoder)
{
	return !decoder->failed && decoder->at == decoder->end && decoder->state == ENTROPY_LOW &&
	       decoder->other == ENTROPY_LOW;
}

