/* SPDX-License-Identifier: MIT */
/* The shapes of types, functions, locals, variables and addresses of variables, unwind rows, postings. */

#include "shape_fields.h"
#include "types.h"
#include "unwind.h"
#include <stackdb/model.h>

static void name(struct shape *shape, unsigned context)
{
	shape_id(shape, context);
}

/* ---- types ---------------------------------------------------------------------------------- */

enum {
	OUTLINES_KIND, OUTLINES_HAS = OUTLINES_KIND + 32, OUTLINES_FLAGS = OUTLINES_HAS + 32, OUTLINES_NAME, OUTLINES_SCOPE,
	OUTLINES_SIZE, OUTLINES_TARGET = OUTLINES_SIZE + 32
};
enum {
	TYPES_HAS, TYPES_RARE = TYPES_HAS + 256, TYPES_DECL = TYPES_RARE + 6,
	TYPES_MEMBERS = TYPES_DECL + 2 * DECL_CONTEXTS, TYPES_ENUMERATORS = TYPES_MEMBERS + 24,
	TYPES_DIMENSIONS = TYPES_ENUMERATORS + 4, TYPES_PARAMETERS = TYPES_DIMENSIONS + 9,
	TYPES_TEMPLATES = TYPES_PARAMETERS + PARAMETERS_CONTEXTS,
	TYPES_CONTEXTS = TYPES_TEMPLATES + TEMPLATES_CONTEXTS
};
enum {
	MEMBERS_COUNT, MEMBERS_HEAD, MEMBERS_NAME, MEMBERS_NAME_MISSED, MEMBERS_TYPE, MEMBERS_TYPE_MISSED,
	MEMBERS_OFFSET, MEMBERS_OFFSET_MISSED, MEMBERS_LINE, MEMBERS_BITS, MEMBERS_RARE, MEMBERS_LENGTH = MEMBERS_RARE + 4,
	MEMBERS_BYTES
};

static void types_members(struct shape *shape, uint64_t id)
{
	uint64_t count = shape_number(shape, TYPES_MEMBERS + MEMBERS_COUNT), type = 0;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		uint64_t head = shape_number(shape, TYPES_MEMBERS + MEMBERS_HEAD);
		uint64_t text = shape_id(shape, TYPES_MEMBERS + MEMBERS_NAME);
		uint64_t before = type;
		type = shape_guessed(shape, TYPES_MEMBERS + MEMBERS_TYPE, shape_key(text, MEMBERS_TYPE));
		shape_guessed(shape, TYPES_MEMBERS + MEMBERS_OFFSET, shape_key(before, MEMBERS_OFFSET));
		shape_number(shape, TYPES_MEMBERS + MEMBERS_LINE);
		if (head >> 3 & SDB_MEMBER_BITFIELD)
			shape_number(shape, TYPES_MEMBERS + MEMBERS_BITS);
		if (!(head & 1))
			continue;
		for (unsigned field = 0; field < 4; field++)
			shape_id(shape, TYPES_MEMBERS + MEMBERS_RARE + field);
		shape_bytes(shape, TYPES_MEMBERS + MEMBERS_BYTES, shape_number(shape, TYPES_MEMBERS + MEMBERS_LENGTH));
	}
	(void)id;
}

static void types_enumerators(struct shape *shape)
{
	uint64_t count = shape_number(shape, TYPES_ENUMERATORS), last = 0;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		last = shape_near(shape, TYPES_ENUMERATORS + 1 + (i == 0), last);
		shape_number(shape, TYPES_ENUMERATORS + 3);
	}
}

static void types_dimensions(struct shape *shape)
{
	uint64_t count = shape_number(shape, TYPES_DIMENSIONS);

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		uint64_t kind = shape_number(shape, TYPES_DIMENSIONS + 1);
		shape_id(shape, TYPES_DIMENSIONS + 2);
		if (kind & 4)
			shape_id(shape, TYPES_DIMENSIONS + 3);
		if ((kind & 3) == SDB_DIMENSION_COUNT)
			shape_id(shape, TYPES_DIMENSIONS + 4);
		if ((kind & 3) == SDB_DIMENSION_EXPRESSION)
			shape_bytes(shape, TYPES_DIMENSIONS + 6, shape_number(shape, TYPES_DIMENSIONS + 5));
		if ((kind & 3) == SDB_DIMENSION_DYNAMIC) {
			shape_number(shape, TYPES_DIMENSIONS + 7);
			shape_number(shape, TYPES_DIMENSIONS + 8);
		}
	}
}

void shape_type_outlines(struct shape *shape, uint64_t first)
{
	uint64_t kind = 0;

	for (uint64_t id = first; !shape_done(shape); id++) {
		struct shape_record record = shape_open(shape);
		kind = shape_number(shape, OUTLINES_KIND + (unsigned)(kind & 31));
		unsigned like = (unsigned)(kind & 31);
		uint64_t has = shape_id(shape, OUTLINES_HAS + like);
		shape_id(shape, OUTLINES_FLAGS);
		name(shape, OUTLINES_NAME);
		shape_id(shape, OUTLINES_SCOPE);
		if (has & HAS_SIZE)
			shape_id(shape, OUTLINES_SIZE + like);
		if (has & HAS_TARGET)
			shape_near(shape, OUTLINES_TARGET + like, id);
		shape_close(shape, record);
	}
}

void shape_types(struct shape *shape, uint64_t first)
{
	struct shape_decl decl = { 0, 0 };
	uint64_t has = 0;

	for (uint64_t id = first; !shape_done(shape); id++) {
		struct shape_record record = shape_open(shape);
		has = shape_id(shape, TYPES_HAS + (unsigned)(has & 255));
		shape_decl(shape, TYPES_DECL, &decl);
		for (unsigned field = 0; field < 6 && has & HAS_RARE; field++)
			shape_id(shape, TYPES_RARE + field);
		if (has & HAS_MEMBERS)
			types_members(shape, id);
		if (has & HAS_ENUMERATORS)
			types_enumerators(shape);
		if (has & HAS_DIMENSIONS)
			types_dimensions(shape);
		if (has & HAS_PARAMETERS)
			shape_parameters(shape, TYPES_PARAMETERS);
		if (has & HAS_TEMPLATES)
			shape_templates(shape, TYPES_TEMPLATES);
		shape_close(shape, record);
	}
}

/* ---- functions -------------------------------------------------------------------------------- */

enum {
	FUNCTIONS_SCOPE, FUNCTIONS_FLAGS, FUNCTIONS_TYPE,
	FUNCTIONS_RARE, FUNCTIONS_DECL = FUNCTIONS_RARE + 3, FUNCTIONS_PARAMETERS = FUNCTIONS_DECL + DECL_CONTEXTS,
	FUNCTIONS_TEMPLATES = FUNCTIONS_PARAMETERS + PARAMETERS_CONTEXTS,
	FUNCTIONS_CONTEXTS = FUNCTIONS_TEMPLATES + TEMPLATES_CONTEXTS
};

void shape_function_names(struct shape *shape, uint64_t first)
{
	enum { NAME, LINKAGE, UNIT };
	uint64_t unit = 0;

	(void)first;
	while (!shape_done(shape)) {
		struct shape_record record = shape_open(shape);
		shape_number(shape, NAME); /* nearly even, and often asked for */
		name(shape, LINKAGE);
		unit = shape_near(shape, UNIT, unit);
		shape_close(shape, record);
	}
}

void shape_functions(struct shape *shape, uint64_t first)
{
	struct shape_decl decl = { 0, 0 };

	(void)first;
	while (!shape_done(shape)) {
		struct shape_record record = shape_open(shape);
		shape_id(shape, FUNCTIONS_SCOPE);
		shape_decl(shape, FUNCTIONS_DECL, &decl);
		uint64_t flags = shape_id(shape, FUNCTIONS_FLAGS);
		shape_id(shape, FUNCTIONS_TYPE);
		shape_parameters(shape, FUNCTIONS_PARAMETERS);
		if (flags & 1) {
			for (unsigned field = 0; field < 3; field++)
				shape_id(shape, FUNCTIONS_RARE + field);
			shape_templates(shape, FUNCTIONS_TEMPLATES);
		}
		shape_close(shape, record);
	}
}

enum { LOCALS_COUNT, LOCALS_NAME, LOCALS_NAME_MISSED, LOCALS_TYPE, LOCALS_TYPE_MISSED, LOCALS_FILE, LOCALS_LINE,
       LOCALS_COLUMN, LOCALS_COLUMN_MISSED, LOCALS_FLAGS, LOCALS_ALIGNMENT };

void shape_locals(struct shape *shape, uint64_t first)
{
	(void)first;
	while (!shape_done(shape)) {
		struct shape_record record = shape_open(shape);
		uint64_t count = shape_number(shape, LOCALS_COUNT), text = 0;
		for (uint64_t i = 0; i < count && !shape->failed; i++) {
			text = shape_guessed(shape, LOCALS_NAME, shape_key(text, LOCALS_NAME));
			shape_guessed(shape, LOCALS_TYPE, shape_key(text, LOCALS_TYPE));
			shape_number(shape, LOCALS_FILE);
			shape_number(shape, LOCALS_LINE);
			shape_guessed(shape, LOCALS_COLUMN, shape_key(text, LOCALS_COLUMN));
			if (shape_number(shape, LOCALS_FLAGS) & 1)
				shape_number(shape, LOCALS_ALIGNMENT);
		}
		shape_close(shape, record);
	}
}

/* ---- variables ----------------------------------------------------------------------------------- */

enum {
	VARIABLES_NAME, VARIABLES_LINKAGE, VARIABLES_SCOPE, VARIABLES_UNIT, VARIABLES_FLAGS, VARIABLES_ALIGNMENT,
	VARIABLES_TYPE, VARIABLES_TYPE_MISSED, VARIABLES_DECL, VARIABLES_LOCATION = VARIABLES_DECL + DECL_CONTEXTS,
	VARIABLES_CONTEXTS = VARIABLES_LOCATION + LOCATION_CONTEXTS
};

void shape_variables(struct shape *shape, uint64_t first)
{
	struct shape_decl decl = { 0, 0 };
	uint64_t unit = 0, kind = 0;

	for (uint64_t id = first; !shape_done(shape); id++) {
		struct shape_record record = shape_open(shape);
		name(shape, VARIABLES_NAME);
		name(shape, VARIABLES_LINKAGE);
		shape_near(shape, VARIABLES_SCOPE, 0);
		unit = shape_near(shape, VARIABLES_UNIT, unit);
		shape_decl(shape, VARIABLES_DECL, &decl);
		shape_id(shape, VARIABLES_FLAGS);
		shape_id(shape, VARIABLES_ALIGNMENT);
		shape_id(shape, VARIABLES_TYPE);
		shape_location(shape, VARIABLES_LOCATION, id, &kind);
		shape_close(shape, record);
	}
}

void shape_variable_addresses(struct shape *shape, uint64_t first)
{
	uint64_t id = 0;

	(void)first;
	while (!shape_done(shape)) {
		shape_number(shape, 0);
		id = shape_near(shape, 1, id);
	}
}

/* ---- unwind rows ---------------------------------------------------------------------------------- */

void shape_unwind(struct shape *shape, uint64_t first)
{
	enum { HOLE = 0, LENGTH = 1, SETS = 24, WORD = LENGTH + SETS * 4 * 2 };
	uint64_t set = 0, earlier = 0;

	(void)first;
	while (!shape_done(shape)) {
		unsigned here = set < SETS ? (unsigned)set : SETS - 1, before = earlier < SETS ? (unsigned)earlier : SETS - 1;
		uint64_t word = shape_id(shape, WORD + here * SETS + before);
		uint64_t next = word >> UNWIND_SET_SHIFT;
		if (word & UNWIND_SET_HOLE)
			shape_number(shape, HOLE);
		unsigned kind = (next == earlier ? 1 : next > set ? 2 : 0);
		shape_id(shape, LENGTH + (next < SETS ? (unsigned)next : SETS - 1) * 4 + kind);
		earlier = set;
		set = next;
	}
}

/* ---- postings --------------------------------------------------------------------------------------- */

void shape_postings(struct shape *shape, uint64_t first)
{
	enum { NAME = 0, KIND = 1, DISTANCE = KIND + 64 };
	uint64_t before = 0;

	(void)first;
	while (!shape_done(shape)) {
		uint64_t value;
		shape_number(shape, NAME);
		do {
			/* signed distance * 16 + kind * 2 + more */
			value = shape_peek(shape);
			unsigned low = shape_symbol(shape, KIND + (unsigned)(before & 15), value & 15);
			value = shape_code_number(shape, DISTANCE + low, false, value >> 4) << 4 | low;
			shape_give(shape, value);
			before = low;
		} while (value & 1 && !shape_done(shape));
	}
}
