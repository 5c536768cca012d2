/* SPDX-License-Identifier: MIT */
/* The shapes of code: instances and what is inlined, blocks and variables, call sites, places. */

#include "shape_fields.h"
#include <stdlib.h>

/* A scope of the instance at hand. Addresses are relative to the instance, or to the scope. */
struct shape_scope {
	uint64_t function, low;
	uint64_t next;         /* where its next child is expected */
	uint64_t site, line;   /* of its last child */
};

static struct shape_scope *scope_of(struct shape *shape, uint64_t index)
{
	if (index >= shape->scope_capacity) {
		size_t capacity = index < 64 ? 128 : 2 * (size_t)index;
		void *scopes = realloc(shape->scopes, capacity * sizeof(*shape->scopes));
		if (!scopes) {
			shape->failed = true;
			return NULL;
		}
		shape->scopes = scopes;
		shape->scope_capacity = capacity;
	}
	return &shape->scopes[index];
}

/* ---- ranges ------------------------------------------------------------------------------ */

enum { RANGES_COUNT, RANGES_LOW, RANGES_MORE, RANGES_SIZE, RANGES_MORE_SIZE, RANGES_CONTEXTS };

/* A place that the record gives from BASE and that is expected at EXPECTED. */
static uint64_t place(struct shape *shape, unsigned context, uint64_t base, uint64_t expected)
{
	uint64_t at = base + shape_unzigzag(shape_peek(shape));

	at = expected + shape_unzigzag(shape_code_number(shape, context, false, shape_zigzag(at - expected)));
	shape_give(shape, shape_zigzag(at - base));
	return at;
}

/*
 * Ranges as put_ranges() writes them, the first from BASE; it is expected at *NEXT, which becomes
 * the end of the last one. The first one's begin is returned, NONE when there is none.
 */
static uint64_t ranges(struct shape *shape, unsigned context, uint64_t base, uint64_t none, uint64_t *next)
{
	uint64_t count = shape_number(shape, context + RANGES_COUNT), first = none;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		uint64_t low = place(shape, context + (i ? RANGES_MORE : RANGES_LOW), base, *next);
		uint64_t size = shape_number(shape, context + (i ? RANGES_MORE_SIZE : RANGES_SIZE));
		*next = low + size;
		base = low;
		first = i ? first : low;
	}
	return first;
}

/* ---- instances ----------------------------------------------------------------------------- */

enum {
	CODE_KEY, CODE_KIND, CODE_UNIT, CODE_FLAGS, CODE_LINKAGE, CODE_FUNCTION, CODE_ENTRY, CODE_COUNT, CODE_PARENT,
	CODE_SITE, CODE_CALLEE, CODE_CALLEE_MISSED, CODE_FILE, CODE_FILE_MISSED, CODE_LINE, CODE_COLUMN,
	CODE_COLUMN_MISSED, CODE_DISCRIMINATOR, CODE_INLINED_ENTRY, CODE_PIECE, CODE_OWNER, CODE_ORDER,
	CODE_RANGES, CODE_INLINED_RANGES = CODE_RANGES + RANGES_CONTEXTS,
	CODE_CONTEXTS = CODE_INLINED_RANGES + RANGES_CONTEXTS
};

/* Function, file, line and column of an inlined call; guessed as a whole from the one before it. */
static void code_site(struct shape *shape, struct shape_scope *parent, uint64_t *function_ret)
{
	uint64_t key = shape_key(parent->function, parent->site);
	struct shape_site *guess = &shape->sites[key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SHAPE_SITE_BITS)], site = { 0 };

	site.function = shape_peek(shape);
	site.file = shape_peek(shape);
	site.line = shape_peek(shape);
	site.column = shape_peek(shape);
	if (shape_flag(shape, CODE_SITE, memcmp(&site, guess, sizeof(site)) == 0)) {
		site = *guess;
	} else {
		uint64_t *callee = shape_guess(shape, shape_key(parent->function, CODE_CALLEE));
		if (shape_flag(shape, CODE_CALLEE, site.function == *callee))
			site.function = *callee;
		else
			site.function = shape_code_number(shape, CODE_CALLEE_MISSED, true, site.function);
		*callee = site.function;
		uint64_t *file = shape_guess(shape, shape_key(parent->function, CODE_FILE));
		if (shape_flag(shape, CODE_FILE, site.file == *file))
			site.file = *file;
		else
			site.file = shape_code_number(shape, CODE_FILE_MISSED, true, site.file);
		*file = site.file;
		site.line = parent->line + shape_unzigzag(shape_code_number(
			shape, CODE_LINE, false, shape_zigzag(site.line - parent->line)));
		site.column = shape_code_number(shape, CODE_COLUMN, true, site.column);
		*guess = site;
	}
	shape_give(shape, site.function);
	shape_give(shape, site.file);
	shape_give(shape, site.line);
	shape_give(shape, site.column);
	if (site.column & 1)
		shape_number(shape, CODE_DISCRIMINATOR);
	parent->site = shape_key(site.function, site.line);
	parent->line = site.line;
	*function_ret = site.function;
}

static void code_inlined(struct shape *shape, uint64_t index)
{
	uint64_t distance = shape_number(shape, CODE_PARENT);
	struct shape_scope *scope = scope_of(shape, index);

	if (!scope || distance >= index) {
		shape->failed = true;
		return;
	}
	struct shape_scope *parent = &shape->scopes[index - 1 - distance];
	*scope = (struct shape_scope){ 0 };
	code_site(shape, parent, &scope->function);
	scope->low = ranges(shape, CODE_INLINED_RANGES, parent->low, 0, &parent->next);
	scope->next = scope->low;
	shape_number(shape, CODE_INLINED_ENTRY);
}

struct code_before {
	uint64_t unit, function;
	uint64_t size; /* of the range before, from its key */
};

static void code_instance(struct shape *shape, struct code_before *before)
{
	struct shape_scope *root = scope_of(shape, 0);

	if (!root)
		return;
	*root = (struct shape_scope){ 0 };
	before->unit = shape_near(shape, CODE_UNIT, before->unit);
	shape_number(shape, CODE_FLAGS);
	shape_id(shape, CODE_LINKAGE);
	before->function = root->function = shape_near(shape, CODE_FUNCTION, before->function);
	uint64_t end = 0;
	ranges(shape, CODE_RANGES, 0, 0, &end);
	before->size = end;
	shape_number(shape, CODE_ENTRY);
	uint64_t count = shape_number(shape, CODE_COUNT);
	for (uint64_t i = 1; i <= count && !shape->failed; i++)
		code_inlined(shape, i);
}

void shape_code(struct shape *shape, uint64_t first)
{
	struct code_before before = { 0 };
	uint64_t key = first;

	while (!shape_done(shape)) {
		/* functions are aligned */
		key += shape_near(shape, CODE_KEY, ((key + before.size + 15) & ~UINT64_C(15)) - key);
		struct shape_record record = shape_open(shape);
		uint64_t kind = shape_number(shape, CODE_KIND);
		if (kind == 0) {
			code_instance(shape, &before);
		} else {
			before.size = shape_number(shape, CODE_PIECE);
			shape_near(shape, CODE_OWNER, key);
			shape_number(shape, CODE_ORDER);
		}
		shape_close(shape, record);
	}
}

/* ---- blocks and variables ------------------------------------------------------------------ */

enum {
	SCOPES_KEY, SCOPES_BASE, SCOPES_COUNT = SCOPES_BASE + EXPRESSION_CONTEXTS, SCOPES_HEAD,
	SCOPES_VARIABLES = SCOPES_HEAD + 2, SCOPES_LOCAL = SCOPES_VARIABLES + 2, SCOPES_OWN = SCOPES_LOCAL + 2,
	SCOPES_RANGES = SCOPES_OWN + 8, SCOPES_BASE_LIST = SCOPES_RANGES + RANGES_CONTEXTS,
	SCOPES_LOCATION = SCOPES_BASE_LIST + LOCATION_CONTEXTS,
	SCOPES_CONTEXTS = SCOPES_LOCATION + LOCATION_CONTEXTS
};

static void scopes_variables(struct shape *shape, uint64_t scope, bool block)
{
	uint64_t count = shape_number(shape, SCOPES_VARIABLES + block), local = 0, kind = 6;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		uint64_t next = shape_near(shape, SCOPES_LOCAL + (i == 0), local + 1);
		if (next)
			local = next;
		else
			for (unsigned field = 0; field < 8; field++)
				shape_id(shape, SCOPES_OWN + field);
		shape_location(shape, SCOPES_LOCATION, scope, &kind);
	}
}

static void scopes_instance(struct shape *shape, uint64_t *serial)
{
	uint64_t kind = 6;

	shape_expression(shape, SCOPES_BASE, 0);
	shape_location(shape, SCOPES_BASE_LIST, ++*serial, &kind);
	uint64_t count = shape_number(shape, SCOPES_COUNT);
	bool block = false;
	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		uint64_t head = shape_number(shape, SCOPES_HEAD + block);
		struct shape_scope *scope = scope_of(shape, i);
		if (!scope || head / 2 > i) {
			shape->failed = true;
			return;
		}
		*scope = (struct shape_scope){ 0 };
		block = head & 1;
		if (block)
			ranges(shape, SCOPES_RANGES, 0, 0, &shape->scopes[i - head / 2].next);
		scopes_variables(shape, ++*serial, block);
	}
}

void shape_scopes(struct shape *shape, uint64_t first)
{
	uint64_t serial = first;

	while (!shape_done(shape)) {
		shape_number(shape, SCOPES_KEY);
		struct shape_record record = shape_open(shape);
		scopes_instance(shape, &serial);
		shape_close(shape, record);
	}
}

/* ---- call sites ---------------------------------------------------------------------------- */

enum {
	CALLS_KEY, CALLS_COUNT, CALLS_ADDRESS, CALLS_FLAGS, CALLS_FUNCTION, CALLS_FUNCTION_MISSED, CALLS_PARAMETERS,
	CALLS_TARGET = CALLS_PARAMETERS + 16, CALLS_LOCATION = CALLS_TARGET + EXPRESSION_CONTEXTS,
	CALLS_VALUE = CALLS_LOCATION + EXPRESSION_CONTEXTS, CALLS_DATA = CALLS_VALUE + EXPRESSION_CONTEXTS,
	CALLS_CONTEXTS = CALLS_DATA + EXPRESSION_CONTEXTS
};

static void calls_instance(struct shape *shape)
{
	uint64_t count = shape_number(shape, CALLS_COUNT), function = 0;

	for (uint64_t i = 0; i < count && !shape->failed; i++) {
		shape_number(shape, CALLS_ADDRESS);
		shape_number(shape, CALLS_FLAGS);
		function = shape_guessed(shape, CALLS_FUNCTION, shape_key(function, CALLS_FUNCTION));
		shape_expression(shape, CALLS_TARGET, 0);
		uint64_t *known = shape_guess(shape, shape_key(function, CALLS_PARAMETERS));
		uint64_t parameters = shape_number(shape, CALLS_PARAMETERS + (*known < 15 ? (unsigned)*known : 15));
		*known = parameters + 1;
		uint64_t location = 0;
		for (uint64_t p = 0; p < parameters && !shape->failed; p++) {
			location = shape_expression(shape, CALLS_LOCATION, location);
			shape_expression(shape, CALLS_VALUE, location);
			shape_expression(shape, CALLS_DATA, 0);
		}
	}
}

void shape_calls(struct shape *shape, uint64_t first)
{
	(void)first;
	while (!shape_done(shape)) {
		shape_number(shape, CALLS_KEY);
		struct shape_record record = shape_open(shape);
		calls_instance(shape);
		shape_close(shape, record);
	}
}

/* ---- places of functions --------------------------------------------------------------------- */

enum { INSTANCES_FUNCTION, INSTANCES_INLINED, INSTANCES_ADDRESS, INSTANCES_DISTANCE = INSTANCES_ADDRESS + 2 };

/* Functions begin at multiples of sixteen, so the low four bits are a symbol of their own. */
static uint64_t code_aligned(struct shape *shape, unsigned context, uint64_t value)
{
	uint64_t low = shape_symbol(shape, context, value & 15);
	return shape_code_number(shape, context + 1, false, value >> 4) << 4 | low;
}

void shape_instances(struct shape *shape, uint64_t first)
{
	uint64_t reference = 0; /* the first place of the function before */

	(void)first;
	for (bool fresh = true; !shape_done(shape); fresh = false) {
		uint64_t distance = shape_number(shape, INSTANCES_FUNCTION);
		shape_number(shape, INSTANCES_INLINED);
		uint64_t value = shape_peek(shape);
		if (distance || fresh) {
			uint64_t away = value - reference;
			bool back = shape_flag(shape, INSTANCES_DISTANCE + 2, value < reference);
			away = code_aligned(shape, INSTANCES_ADDRESS, back ? -away : away);
			reference = value = back ? reference - away : reference + away;
		} else {
			value = code_aligned(shape, INSTANCES_DISTANCE, value);
		}
		shape_give(shape, value);
	}
}
