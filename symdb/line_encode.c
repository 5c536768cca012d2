/* SPDX-License-Identifier: MIT */
/* Learning what is usual in line rows, and coding them. */

#include "line_encode.h"
#include "line_code.h"
#include "line_plain.h"
#include <stdlib.h>

/* Those of SAMPLE, behind what says that they are plain. */
static struct cursor plain_rows(const struct line_sample *sample)
{
	struct cursor cursor = { sample->raw, sample->raw + sample->size, false };
	get_u8(&cursor);
	return cursor;
}

/* ---- successors ------------------------------------------------------------------------ */

enum {
	CANDIDATES_BITS = 16,
	CANDIDATE_MIN = 6, /* less is not worth storing */
};

struct candidate {
	struct line_successor pair;
	uint32_t seen; /* more often than others that share its place */
};

static void count_pair(struct candidate *candidates, const struct line_position *from,
		       const struct line_position *to)
{
	uint32_t hash = line_position_hash(from) ^ (line_position_hash(to) >> 7);
	struct candidate *candidate = &candidates[hash * 0x85ebca6bu >> (32 - CANDIDATES_BITS)];
	if (candidate->seen == 0)
		candidate->pair = (struct line_successor){ *from, *to };
	if (line_position_equal(&candidate->pair.from, from) && line_position_equal(&candidate->pair.to, to))
		candidate->seen++;
	else
		candidate->seen--;
}

static void count_pairs(struct candidate *candidates, const struct line_sample *sample)
{
	struct cursor cursor = plain_rows(sample);
	struct sdb_line row = { .address = sample->first };
	struct line_position before = { 0 };
	while (line_plain_get(&cursor, &row)) {
		struct line_position at = { row.file, row.line, row.column };
		if (before.file)
			count_pair(candidates, &before, &at);
		before = at;
	}
}

static int compare_seen(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->seen != y->seen)
		return x->seen > y->seen ? -1 : 1;
	return memcmp(&x->pair, &y->pair, sizeof(x->pair));
}

static int compare_from(const void *a, const void *b)
{
	const struct line_position *x = &((const struct candidate *)a)->pair.from;
	const struct line_position *y = &((const struct candidate *)b)->pair.from;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	return compare_seen(a, b);
}

/* Of each position the successor that was seen most, of these the most frequent ones, sorted. */
static size_t choose(struct candidate *candidates, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (candidates[i].seen >= CANDIDATE_MIN)
			candidates[kept++] = candidates[i];
	}
	qsort(candidates, kept, sizeof(*candidates), compare_from);
	count = kept;
	kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 ||
		    !line_position_equal(&candidates[kept - 1].pair.from, &candidates[i].pair.from))
			candidates[kept++] = candidates[i];
	}
	qsort(candidates, kept, sizeof(*candidates), compare_seen);
	if (kept > LINE_SUCCESSORS_MAX)
		kept = LINE_SUCCESSORS_MAX;
	qsort(candidates, kept, sizeof(*candidates), compare_from);
	return kept;
}

/* *SUCCESSORS_RET is malloc'ed, NULL when memory is short. */
static size_t find_successors(const struct line_sample *samples, size_t count,
			      struct line_successor **successors_ret)
{
	struct candidate *candidates = calloc(1u << CANDIDATES_BITS, sizeof(*candidates));
	*successors_ret = NULL;
	if (!candidates)
		return 0;
	for (size_t i = 0; i < count; i++)
		count_pairs(candidates, &samples[i]);
	size_t kept = choose(candidates, 1u << CANDIDATES_BITS);
	struct line_successor *successors = calloc(kept + 1, sizeof(*successors));
	for (size_t i = 0; i < kept && successors; i++)
		successors[i] = candidates[i].pair;
	free(candidates);
	*successors_ret = successors;
	return kept;
}

/* ---- models -------------------------------------------------------------------------------- */

static void tally(struct line_walk *walk, const struct line_sample *sample)
{
	struct cursor cursor = plain_rows(sample);
	struct sdb_line row = { .address = sample->first };
	line_walk_begin(walk, sample->first);
	while (line_plain_get(&cursor, &row))
		line_walk_row(walk, LINE_TALLY, &row);
}

bool line_models_make(const struct line_sample *samples, size_t count, struct buffer *to)
{
	struct line_successor *successors;
	size_t successor_count = find_successors(samples, count, &successors);
	struct line_models *models = successors ? line_models_of(successors, successor_count) : NULL;
	struct line_walk *walk = calloc(1, sizeof(*walk));
	struct model_tally *tallies = calloc(LINE_MODELS, sizeof(*tallies));
	bool good = models && walk && tallies;
	if (good) {
		walk->models = models;
		walk->tallies = tallies;
		for (size_t i = 0; i < count; i++)
			tally(walk, &samples[i]);
		line_models_put(tallies, models->successors, models->successor_count, to);
	}
	free(tallies);
	free(walk);
	line_models_free(models);
	return good && !to->failed;
}

/* ---- coding ---------------------------------------------------------------------------------- */

bool line_encode(const struct line_sample *rows, const struct line_models *models, struct encoder *encoder,
		 struct buffer *to)
{
	struct line_walk *walk = calloc(1, sizeof(*walk));
	struct cursor cursor = plain_rows(rows);
	struct sdb_line row = { .address = rows->first };
	struct buffer stream = { 0 };
	size_t count = 0;
	if (!walk)
		return false;
	walk->models = models;
	walk->encoder = encoder;
	encoder->count = 0;
	encoder->failed = false;
	line_walk_begin(walk, rows->first);
	for (; line_plain_get(&cursor, &row); count++)
		line_walk_row(walk, LINE_ENCODE, &row);
	encoder_finish(encoder, &stream);
	put_uleb(to, count);
	put_bytes(to, stream.data, stream.size);
	bool good = !walk->failed && !cursor.failed && !stream.failed && !to->failed;
	buffer_deinit(&stream);
	free(walk);
	return good;
}
