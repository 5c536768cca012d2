/* SPDX-License-Identifier: MIT */
/* Compressing blocks, and learning the models for it. */

#include "block_encode.h"
#include "line_encode.h"
#include "phrases.h"
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

/* What a thread keeps from one block to the next. */
struct block_scratch {
	LZ4_streamHC_t *lz4;
	struct shape *shape;
	struct encoder encoder;
};

void block_scratch_free(void *scratch)
{
	struct block_scratch *held = scratch;
	if (held) {
		LZ4_freeStreamHC(held->lz4);
		shape_free(held->shape);
		encoder_deinit(&held->encoder);
	}
	free(held);
}

static struct block_scratch *scratch_of(void **scratch)
{
	struct block_scratch *held = *scratch;
	if (held)
		return held;
	held = calloc(1, sizeof(*held));
	if (held)
		held->lz4 = LZ4_createStreamHC();
	if (held && !held->lz4) {
		free(held);
		held = NULL;
	}
	*scratch = held;
	return held;
}

/* ---- models -------------------------------------------------------------------- */

static bool make_line_models(const struct block_raw *sample, size_t count, struct buffer *to)
{
	struct line_sample *samples = calloc(count, sizeof(*samples));
	for (size_t i = 0; i < count && samples; i++)
		samples[i] = (struct line_sample){ sample[i].first, sample[i].data, sample[i].size };
	bool good = samples && line_models_make(samples, count, to);
	free(samples);
	return good;
}

static bool make_phrases(const struct block_raw *sample, size_t count, struct buffer *to)
{
	struct phrase_sample *samples = calloc(count, sizeof(*samples));
	for (size_t i = 0; i < count && samples; i++)
		samples[i] = (struct phrase_sample){ sample[i].data, sample[i].size };
	bool good = samples && phrases_make(samples, count, to);
	free(samples);
	return good;
}

bool block_models_make(const struct block_raw *sample, size_t count, void **scratch, struct buffer *to)
{
	struct block_scratch *held = scratch_of(scratch);
	if (!held || count == 0)
		return false;
	if (sample->part == PART_LINES)
		return make_line_models(sample, count, to);
	if (block_has_phrases(sample->part))
		return make_phrases(sample, count, to);
	struct model_tally *tallies = calloc(SHAPE_MODELS, sizeof(*tallies));
	bool good = tallies;
	for (size_t i = 0; i < count && good; i++)
		good = shape_tally(sample[i].part, sample[i].first, sample[i].data, sample[i].size, tallies,
				   &held->shape);
	if (good)
		models_put(tallies, shape_fields, SHAPE_FIELDS, to);
	free(tallies);
	return good && !to->failed;
}

/* ---- blocks -------------------------------------------------------------------- */

/* By the part's shape; *CODED_RET tells whether that is what to take. False: it cannot be coded. */
static bool put_shape(const struct block_raw *raw, const struct block_models *models,
		      struct block_scratch *scratch, struct buffer *to, bool *coded_ret)
{
	enum shape_result result = shape_encode(raw->part, raw->first, raw->data, raw->size,
						models ? models->shape : NULL, to, &scratch->shape);
	*coded_ret = result == SHAPE_CODED && to->size < raw->size && to->size * 255 >= raw->size;
	return result != SHAPE_FAILED;
}

/* By LZ4, or as it is where that is not smaller. The flags are returned. */
static unsigned put_plain(const struct block_raw *raw, struct block_scratch *scratch, struct buffer *to)
{
	to->size = 0;
	if (raw->size >= 16 && buffer_reserve(to, raw->size)) {
		LZ4_resetStreamHC_fast(scratch->lz4, LZ4HC_CLEVEL_DEFAULT);
		int made = LZ4_compress_HC_continue(scratch->lz4, (const char *)raw->data, (char *)to->data,
						    (int)raw->size, (int)raw->size - 1);
		if (made > 0) {
			to->size = (size_t)made;
			return 0;
		}
	}
	put_bytes(to, raw->data, raw->size);
	return BLOCK_STORED;
}

static bool put_block(const struct block_raw *raw, const struct block_models *models,
		      struct block_scratch *scratch, struct buffer *to, struct stored_block *block)
{
	bool coded;
	if (raw->part == PART_LINES) {
		const struct line_sample rows = { raw->first, raw->data, raw->size };
		block->flags = BLOCK_STORED;
		if (!models || !line_encode(&rows, models->lines, &scratch->encoder, to))
			return false;
		block->raw_size = to->size;
		return true;
	}
	block->raw_size = raw->size;
	if (models && models->phrases) {
		phrases_encode(models->phrases, raw->data, raw->size, to);
		block->flags = BLOCK_PRIMED;
		if (to->size >= raw->size)
			block->flags = put_plain(raw, scratch, to);
		return true;
	}
	block->flags = BLOCK_SHAPED | (models ? BLOCK_PRIMED : 0);
	if (!put_shape(raw, models, scratch, to, &coded))
		return false;
	if (!coded)
		block->flags = put_plain(raw, scratch, to);
	return true;
}

struct stored_block block_encode(const struct block_raw *raw, const struct block_models *models, void **scratch)
{
	struct block_scratch *held = scratch_of(scratch);
	struct stored_block block = { .first = raw->first };
	struct buffer to = { 0 };
	if (!held || !put_block(raw, models, held, &to, &block) || to.failed || !to.data) {
		buffer_deinit(&to);
		return block;
	}
	block.size = to.size;
	uint8_t *smaller = realloc(to.data, to.size + !to.size);
	block.data = smaller ? smaller : to.data;
	return block;
}
