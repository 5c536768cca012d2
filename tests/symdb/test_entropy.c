/* SPDX-License-Identifier: MIT */
/* Symbols and bits coded and decoded; streams that are cut, longer or changed. */

#include "symdb/entropy.h"
#include <stdio.h>
#include <stdlib.h>

#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

enum { COUNT = 20000, MODELS = 4 };

static uint8_t values[COUNT];
static uint32_t bits[COUNT];

static void fill(unsigned skew)
{
	for (int i = 0; i < COUNT; i++) {
		values[i] = 15;
		for (unsigned k = 0; k <= skew; k++)
			if (rand() % 16 < values[i])
				values[i] = (uint8_t)(rand() % (values[i] + 1));
		bits[i] = (uint32_t)rand() & 0xfff;
	}
}

static void encode(struct buffer *to)
{
	struct encoder encoder = { 0 };
	MODEL_ALIGNED int16_t models[(MODELS + 1) * MODEL_SIZE] = { 0 };
	uint8_t seen[MODELS] = { 0 };

	for (int i = 0; i < MODELS; i++)
		model_init(models + i * MODEL_SIZE);
	for (int i = 0; i < COUNT; i++) {
		encode_symbol(&encoder, models + i % MODELS * MODEL_SIZE, &seen[i % MODELS], values[i]);
		if (i % 5 == 0)
			encode_bits(&encoder, bits[i] & ((1u << i % 13) - 1), (unsigned)i % 13);
	}
	encoder_finish(&encoder, to);
	encoder_deinit(&encoder);
	CHECK(!to->failed);
}

/* How many symbols come back right; whether the stream ends with them. */
static int decode(const uint8_t *data, size_t size, bool *complete_ret)
{
	struct decoder decoder;
	MODEL_ALIGNED int16_t models[(MODELS + 1) * MODEL_SIZE] = { 0 };
	uint8_t seen[MODELS] = { 0 };
	int right = 0;

	for (int i = 0; i < MODELS; i++)
		model_init(models + i * MODEL_SIZE);
	decoder_init(&decoder, data, size);
	for (int i = 0; i < COUNT; i++) {
		bool good = decode_symbol(&decoder, models + i % MODELS * MODEL_SIZE,
					  &seen[i % MODELS]) == values[i];
		if (i % 5 == 0 && i % 13)
			good &= decode_bits(&decoder, (unsigned)i % 13) == (bits[i] & ((1u << i % 13) - 1));
		right += good;
	}
	*complete_ret = decoder_complete(&decoder);
	return right;
}

/* A model keeps every symbol possible however often another one came. */
static void test_model(void)
{
	MODEL_ALIGNED int16_t model[2 * MODEL_SIZE] = { 0 };
	uint8_t seen = 0;

	model_init(model);
	for (int i = 0; i < 100000; i++) {
		unsigned sum = 0;
		model_learn(model, &seen, i < 50000 ? 3 : (unsigned)rand() % 2 * 15);
		for (unsigned symbol = 0; symbol < 16; symbol++) {
			CHECK(model_begin(model, symbol) == sum && model_share(model, symbol) > 0);
			sum += model_share(model, symbol);
		}
		CHECK(sum == 1u << MODEL_BITS);
	}
	for (unsigned point = 0; point < 1u << MODEL_BITS; point++) {
		unsigned symbol = model_find(model, point), begin = model_begin(model, symbol);
		CHECK(begin <= point && point < begin + model_share(model, symbol));
	}
}

int main(void)
{
	bool complete;

	srand(1);
	test_model();
	for (unsigned skew = 0; skew < 6; skew++) {
		struct buffer to = { 0 };
		fill(skew);
		encode(&to);
		CHECK(decode(to.data, to.size, &complete) == COUNT && complete);
		CHECK(skew < 3 || to.size < COUNT * 4 / 5);
		decode(to.data, to.size - 4, &complete);
		CHECK(!complete);
		put_u8(&to, 0);
		decode(to.data, to.size, &complete);
		CHECK(!complete);
		for (int i = 0; i < 50; i++) {
			size_t at = (size_t)rand() % to.size;
			to.data[at] ^= (uint8_t)(1 << rand() % 8);
			decode(to.data, to.size - 1, &complete);
			CHECK(!complete);
		}
		decode(to.data, 0, &complete);
		CHECK(!complete);
		buffer_deinit(&to);
	}
	return 0;
}
