/* SPDX-License-Identifier: MIT */
/* Compressing blocks, and learning the models for it. */

#include "block_encode.h"
#include "line_encode.h"
#include <endian.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

/* What a thread keeps from one block to the next. */
struct block_scratch {
	void *lz4;
	struct shape *shape;
	struct encoder encoder;
};

void block_scratch_free(void *scratch)
{
	struct block_scratch *held = scratch;
	if (held) {
		free(held->lz4);
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
		held->lz4 = malloc((size_t)LZ4_sizeofStateHC());
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

bool block_models_make(const struct block_raw *sample, size_t count, void **scratch, struct buffer *to)
{
	struct block_scratch *held = scratch_of(scratch);
	if (!held || count == 0)
		return false;
	if (sample->part == PART_LINES)
		return make_line_models(sample, count, to);
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

/* The head of a stored block, with room for its checksum. */
static void put_head(const struct block_raw *raw, size_t raw_size, unsigned flags, struct buffer *to)
{
	to->size = 0;
	put_bytes(to, "\0\0\0\0", 4);
	put_uleb(to, (uint64_t)raw_size << BLOCK_FLAGS | (raw->last ? BLOCK_LAST : 0) | flags);
	if (!raw->last)
		put_uleb(to, raw->next - raw->first);
}

/* By the part's shape; *CODED_RET tells whether that is what to take. False: it cannot be coded. */
static bool put_shape(const struct block_raw *raw, const struct block_models *models,
		      struct block_scratch *scratch, struct buffer *to, bool *coded_ret)
{
	put_head(raw, raw->size, BLOCK_SHAPED | (models ? BLOCK_PRIMED : 0), to);
	size_t head = to->size;
	enum shape_result result = shape_encode(raw->part, raw->first, raw->data, raw->size,
						models ? models->shape : NULL, to, &scratch->shape);
	size_t size = to->size - head;
	*coded_ret = result == SHAPE_CODED && size < raw->size && size * 255 >= raw->size;
	return result != SHAPE_FAILED;
}

static bool put_lines(const struct block_raw *raw, const struct block_models *models,
		      struct block_scratch *scratch, struct buffer *to, size_t *raw_size_ret)
{
	const struct line_sample rows = { raw->first, raw->data, raw->size };
	struct buffer coded = { 0 };
	bool good = models && line_encode(&rows, models->lines, &scratch->encoder, &coded);
	if (good) {
		put_head(raw, coded.size, BLOCK_STORED, to);
		put_bytes(to, coded.data, coded.size);
		*raw_size_ret = coded.size;
	}
	buffer_deinit(&coded);
	return good;
}

/* By LZ4, or as it is where that is not smaller. */
static void put_plain(const struct block_raw *raw, struct block_scratch *scratch, struct buffer *to)
{
	put_head(raw, raw->size, 0, to);
	if (raw->size >= 16 && buffer_reserve(to, raw->size)) {
		int made = LZ4_compress_HC_extStateHC(scratch->lz4, (const char *)raw->data,
						      (char *)to->data + to->size, (int)raw->size,
						      (int)raw->size - 1, part_traits[raw->part].level);
		if (made > 0) {
			to->size += (size_t)made;
			return;
		}
	}
	put_head(raw, raw->size, BLOCK_STORED, to);
	put_bytes(to, raw->data, raw->size);
}

static bool put_block(const struct block_raw *raw, const struct block_models *models,
		      struct block_scratch *scratch, struct buffer *to, size_t *raw_size_ret)
{
	bool coded;
	*raw_size_ret = raw->size;
	if (raw->part == PART_LINES)
		return put_lines(raw, models, scratch, to, raw_size_ret);
	if (!put_shape(raw, models, scratch, to, &coded))
		return false;
	if (!coded)
		put_plain(raw, scratch, to);
	return true;
}

uint8_t *block_encode(const struct block_raw *raw, const struct block_models *models, void **scratch,
		      size_t *size_ret, size_t *raw_size_ret)
{
	struct block_scratch *held = scratch_of(scratch);
	struct buffer to = { 0 };
	if (!held || !put_block(raw, models, held, &to, raw_size_ret) || to.failed) {
		buffer_deinit(&to);
		return NULL;
	}
	uint32_t checksum = htole32(block_checksum(raw->part, raw->first, to.data + 4, to.size - 4));
	memcpy(to.data, &checksum, sizeof(checksum));
	*size_ret = to.size;
	uint8_t *smaller = realloc(to.data, to.size);
	return smaller ? smaller : to.data;
}
