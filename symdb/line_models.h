/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_LINE_MODELS_H
#define SYMDB_LINE_MODELS_H

/*
 * What is usual in the lines of a module: models for the fields of a row, and the position
 * that most often comes next behind one that is frequent (code that is inlined all over).
 * The record: models (models.h), ULEB128 count of successors, then each, in the order of what they
 * come behind: file, line and column of that one, then of the one that follows. Files and lines are
 * distances (of the first from the one before; of the second, signed, from the first).
 */

#include "models.h"

/* Numbers of the models: contexts of a row's fields, see line_code.h. */
enum {
	LINE_STEP = 0,
	LINE_STEP_TAIL = LINE_STEP + 256,
	LINE_PLACE = LINE_STEP_TAIL + 16,
	LINE_FILE = LINE_PLACE + 640,
	LINE_FILE_TAIL = LINE_FILE + 1,
	LINE_NUMBER = LINE_FILE_TAIL + 16,
	LINE_NUMBER_TAIL = LINE_NUMBER + 128,
	LINE_COLUMN = LINE_NUMBER_TAIL + 64,
	LINE_COLUMN_LOW = LINE_COLUMN + 212,
	LINE_FLAGS = LINE_COLUMN_LOW + 816,
	LINE_DISCRIMINATOR = LINE_FLAGS + 512,
	LINE_DISCRIMINATOR_TAIL = LINE_DISCRIMINATOR + 16,
	LINE_MODELS = LINE_DISCRIMINATOR_TAIL + 16,

	LINE_SUCCESSORS_MAX = 2048,
	LINE_SUCCESSOR_SLOTS = 4096,
};

struct line_position {
	uint32_t file, line, column;
};

static inline bool line_position_equal(const struct line_position *a, const struct line_position *b)
{
	return a->file == b->file && a->line == b->line && a->column == b->column;
}

static inline uint32_t line_position_hash(const struct line_position *position)
{
	return ((position->file * 1000003u + position->line) * 1009u + position->column) * 0x9e3779b1u;
}

struct line_successor {
	struct line_position from, to;
};

struct line_models {
	struct model_set *set;
	struct line_successor *successors;
	size_t successor_count;
	uint16_t slots[LINE_SUCCESSOR_SLOTS]; /* by hash of `from`, open: number + 1 */
};

/* What usually comes behind POSITION, or NULL. */
static inline const struct line_position *line_successor(const struct line_models *models,
							 const struct line_position *position)
{
	uint32_t slot = line_position_hash(position) >> 20;
	for (; models->slots[slot]; slot = (slot + 1) % LINE_SUCCESSOR_SLOTS) {
		const struct line_successor *known = &models->successors[models->slots[slot] - 1];
		if (line_position_equal(&known->from, position))
			return &known->to;
	}
	return NULL;
}

/* Appends the record; SUCCESSORS are sorted by `from`, at most LINE_SUCCESSORS_MAX. */
void line_models_put(const struct model_tally *tallies, const struct line_successor *successors, size_t count,
		     struct buffer *to);
/* A record's models; NULL when it makes no sense or memory is short. */
struct line_models *line_models_get(struct cursor *from);
/* Models that know the successors and nothing else, for counting. Takes SUCCESSORS over. */
struct line_models *line_models_of(struct line_successor *successors, size_t count);
void line_models_free(struct line_models *models);

#endif
