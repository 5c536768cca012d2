/* SPDX-License-Identifier: MIT */
/* The record of what is usual in lines. */

#include "line_models.h"
#include <stdlib.h>

static const struct model_field fields[] = {
	{ LINE_STEP_TAIL }, { LINE_PLACE }, { LINE_FILE }, { LINE_FILE_TAIL }, { LINE_NUMBER },
	{ LINE_NUMBER_TAIL }, { LINE_COLUMN }, { LINE_COLUMN_LOW }, { LINE_FLAGS }, { LINE_DISCRIMINATOR },
	{ LINE_DISCRIMINATOR_TAIL }, { LINE_MODELS },
};
enum { FIELDS = sizeof(fields) / sizeof(*fields) };

void line_models_put(const struct model_tally *tallies, const struct line_successor *successors, size_t count,
		     struct buffer *to)
{
	struct line_position last = { 0 };
	models_put(tallies, fields, FIELDS, to);
	put_uleb(to, count);
	for (size_t i = 0; i < count; i++) {
		const struct line_position *from = &successors[i].from, *next = &successors[i].to;
		put_uleb(to, from->file - last.file);
		put_uleb(to, from->file == last.file ? from->line - last.line : from->line);
		put_uleb(to, from->column);
		put_sleb(to, (int64_t)next->file - from->file);
		put_sleb(to, (int64_t)next->line - from->line);
		put_uleb(to, next->column);
		last = *from;
	}
}

static uint32_t get_distance(struct cursor *from, uint32_t base)
{
	int64_t value = (int64_t)((uint64_t)get_sleb(from) + base);
	if (value < 0 || value > UINT32_MAX) {
		from->failed = true;
		return 0;
	}
	return (uint32_t)value;
}

static void get_successor(struct cursor *from, struct line_position *last, struct line_successor *successor)
{
	uint32_t file = get_u32(from), line = get_u32(from);
	from->failed |= __builtin_add_overflow(file, last->file, &successor->from.file);
	successor->from.line = line;
	if (file == 0)
		from->failed |= __builtin_add_overflow(line, last->line, &successor->from.line);
	successor->from.column = get_u32(from);
	successor->to.file = get_distance(from, successor->from.file);
	successor->to.line = get_distance(from, successor->from.line);
	successor->to.column = get_u32(from);
	*last = successor->from;
}

struct line_models *line_models_of(struct line_successor *successors, size_t count)
{
	struct line_models *models = calloc(1, sizeof(*models));
	if (!models) {
		free(successors);
		return NULL;
	}
	models->successors = successors;
	models->successor_count = count;
	for (size_t i = 0; i < count; i++) {
		uint32_t slot = line_position_hash(&successors[i].from) >> 20;
		while (models->slots[slot])
			slot = (slot + 1) % LINE_SUCCESSOR_SLOTS;
		models->slots[slot] = (uint16_t)(i + 1);
	}
	return models;
}

struct line_models *line_models_get(struct cursor *from)
{
	struct model_set *set = models_get(from, fields, FIELDS);
	if (!set)
		return NULL;
	struct line_position last = { 0 };
	uint64_t count = get_uleb(from);
	struct line_successor *successors =
		count <= LINE_SUCCESSORS_MAX ? calloc(count + 1, sizeof(*successors)) : NULL;
	for (size_t i = 0; i < count && successors && !from->failed; i++)
		get_successor(from, &last, &successors[i]);
	if (!successors || from->failed) {
		free(successors);
		model_set_free(set);
		return NULL;
	}
	struct line_models *models = line_models_of(successors, (size_t)count);
	if (models)
		models->set = set;
	else
		model_set_free(set);
	return models;
}

void line_models_free(struct line_models *models)
{
	if (models) {
		model_set_free(models->set);
		free(models->successors);
	}
	free(models);
}
