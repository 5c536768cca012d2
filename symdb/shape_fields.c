/* SPDX-License-Identifier: MIT */
/* The shapes of expressions, locations, declarations, parameters. */

#include "shape_fields.h"
#include <stackdb/model.h>

uint64_t shape_expression(struct shape *shape, unsigned context, uint64_t previous)
{
	uint64_t after = previous / 2 < EXPRESSION_PREVIOUS ? previous / 2 : EXPRESSION_PREVIOUS - 1;
	uint64_t number = shape_id(shape, context + (unsigned)after);

	if (number && !(number & 1))
		shape_bytes(shape, context + EXPRESSION_BYTES, number / 2);
	return number;
}

/* ---- locations ------------------------------------------------------------------------------ */

/*
 * An entry's begin (from the end of the one before), size and expression. The end is likely
 * one where another variable of the scope, that began at the same place, ended.
 */
static uint64_t entry(struct shape *shape, unsigned context, uint64_t scope, bool first, uint64_t at,
		      uint64_t *expression)
{
	uint64_t gap = shape_code_number(shape, context + (first ? LOCATION_FIRST : LOCATION_GAP), false,
					 shape_peek(shape));
	shape_give(shape, gap);
	uint64_t low = at + shape_unzigzag(gap), size = shape_peek(shape);
	uint64_t *guess = shape_guess(shape, shape_key(scope, low));
	unsigned known = context + LOCATION_KNOWN + (*guess != 0) + (first ? 2 : 0);
	if (shape_flag(shape, known, size + 1 == *guess))
		size = *guess - 1;
	else
		size = shape_code_number(shape, context + LOCATION_SIZE + first, false, size);
	*guess = size + 1;
	shape_give(shape, size);
	*expression = shape_expression(shape, context + LOCATION_LIST, *expression);
	return low + size / 2;
}

void shape_location(struct shape *shape, unsigned context, uint64_t scope, uint64_t *kind)
{
	uint64_t count, at = 0, expression = 0;

	*kind = shape_number(shape, context + LOCATION_KIND + (unsigned)(*kind & 7));
	switch (*kind) {
	case SDB_LOCATION_NONE:
		return;
	case SDB_LOCATION_ADDRESS:
		shape_number(shape, context + LOCATION_ADDRESS);
		return;
	case SDB_LOCATION_CONSTANT:
		shape_id(shape, context + LOCATION_CONSTANT);
		return;
	case SDB_LOCATION_EXPRESSION:
		shape_expression(shape, context + LOCATION_SINGLE, 0);
		return;
	case SDB_LOCATION_BYTES:
		shape_bytes(shape, context + LOCATION_BYTES, shape_number(shape, context + LOCATION_LENGTH));
		return;
	case SDB_LOCATION_LIST:
		count = shape_number(shape, context + LOCATION_COUNT);
		for (uint64_t i = 0; i < count && !shape->failed; i++)
			at = entry(shape, context, scope, i == 0, at, &expression);
		return;
	default:
		shape->failed = true;
	}
}

/* ---- declarations ----------------------------------------------------------------------------- */

void shape_decl(struct shape *shape, unsigned context, struct shape_decl *last)
{
	uint64_t file = shape_peek(shape);
	bool same = shape_flag(shape, context + DECL_FILE, file == last->file);

	if (same)
		file = last->file;
	else
		file = shape_code_number(shape, context + DECL_FILE_MISSED, true, file);
	shape_give(shape, file);
	last->file = file;
	if (same)
		last->line = shape_near(shape, context + DECL_LINE, last->line);
	else
		last->line = shape_number(shape, context + DECL_LINE_OTHER);
	shape_number(shape, context + DECL_COLUMN);
}

void shape_templates(struct shape *shape, unsigned context)
{
	uint64_t count = shape_number(shape, context + TEMPLATES_COUNT);

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		shape_number(shape, context + TEMPLATES_FLAGS);
		shape_id(shape, context + TEMPLATES_NAME);
		shape_id(shape, context + TEMPLATES_TYPE);
		shape_id(shape, context + TEMPLATES_TEXT);
		shape_id(shape, context + TEMPLATES_VALUE);
	}
}

void shape_parameters(struct shape *shape, unsigned context)
{
	uint64_t count = shape_number(shape, context + PARAMETERS_COUNT), name = count;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		name = shape_guessed(shape, context + PARAMETERS_NAME, shape_key(name, i));
		shape_guessed(shape, context + PARAMETERS_TYPE, shape_key(name, UINT64_MAX));
		shape_number(shape, context + PARAMETERS_FILE);
		shape_number(shape, context + PARAMETERS_LINE);
		shape_number(shape, context + PARAMETERS_FLAGS);
	}
}
