/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_SHAPE_H
#define SYMDB_SHAPE_H

/*
 * The shape of a part's records: a walk over their fields, by which a block is turned into a
 * stream of well-predicted numbers and back. The same walk serves both ways: each shape_*() call
 * takes one field from the record and codes it (taking apart), or decodes it and appends it to the
 * record (joining). So records are written and read in their plain form, rows of ULEB128
 * numbers, and only the walk knows what a field is likely to be.
 *
 * What is likely is told by contexts (small numbers; each has its own models) and by guesses
 * (a table from a key that the walk makes up to the value seen last with it).
 */

#include "block.h"
#include "models.h"

enum {
	SHAPE_CONTEXTS = 1024,
	SHAPE_DEEPER = 2048,  /* models of what follows a number's first symbol, by hash */
	SHAPE_MODELS = SHAPE_CONTEXTS + SHAPE_DEEPER,
	SHAPE_GUESS_BITS = 9,
	SHAPE_GUESSES = 1 << SHAPE_GUESS_BITS,
	SHAPE_SITE_BITS = 7,
	SHAPE_FIELDS = 2,
};

/* The fields of a part's models, for models_put() and models_get(). */
extern const struct model_field shape_fields[SHAPE_FIELDS];

/* Where an inlined function is called; all of it is guessed at once. */
struct shape_site {
	uint64_t function, file, line, column;
};

struct shape {
	bool joining;
	bool failed;
	struct cursor row;   /* taking apart: the block */
	struct buffer out;   /* joining: the block */
	size_t limit;        /* joining: its size */
	struct model_tally *tallies; /* taking apart: symbols are counted here instead of being coded */
	struct encoder encoder;
	struct decoder decoder;
	struct shape_scope *scopes; /* of shape_code.c */
	size_t scope_capacity;
	uint64_t guesses[SHAPE_GUESSES];
	struct shape_site sites[1 << SHAPE_SITE_BITS];
	const struct model_set *primed;        /* what models begin with, NULL: even */
	uint8_t seen[SHAPE_MODELS];            /* symbols of a model, up to a limit; 0: it is not begun */
	MODEL_ALIGNED int16_t models[(SHAPE_MODELS + 1) * MODEL_SIZE];
};

enum shape_result {
	SHAPE_CODED,
	SHAPE_NONE,   /* the part has no shape */
	SHAPE_FAILED, /* memory is short, or the records do not have their part's shape */
};

/* Whether blocks of PART have a shape. */
bool shape_exists(enum part part);

/*
 * Codes the block RAW (records of PART, the first with key FIRST) to TO, with models that begin as
 * PRIMED says (NULL: even). *SCRATCH is memory that is kept from one block to the next.
 */
enum shape_result shape_encode(enum part part, uint64_t first, const uint8_t *raw, size_t size,
			       const struct model_set *primed, struct buffer *to, struct shape **scratch);
/* Adds the symbols of a block to TALLIES (SHAPE_MODELS of them); false as for SHAPE_FAILED. */
bool shape_tally(enum part part, uint64_t first, const uint8_t *raw, size_t size,
		 struct model_tally *tallies, struct shape **scratch);
/* Fills RAW from DATA; false when it does not decode to exactly SIZE bytes. */
bool shape_decode(enum part part, uint64_t first, const uint8_t *data, size_t size,
		  const struct model_set *primed, uint8_t *raw, size_t raw_size, struct shape **scratch);
void shape_free(struct shape *shape);

/* ---- for the walks ---------------------------------------------------------------- */

/* A part's walk over a whole block, until shape_done(). */
typedef void (*shape_fn)(struct shape *shape, uint64_t first);
void shape_type_outlines(struct shape *shape, uint64_t first);
void shape_types(struct shape *shape, uint64_t first);
void shape_function_names(struct shape *shape, uint64_t first);
void shape_functions(struct shape *shape, uint64_t first);
void shape_locals(struct shape *shape, uint64_t first);
void shape_variables(struct shape *shape, uint64_t first);
void shape_variable_addresses(struct shape *shape, uint64_t first);
void shape_instances(struct shape *shape, uint64_t first);
void shape_code(struct shape *shape, uint64_t first);
void shape_scopes(struct shape *shape, uint64_t first);
void shape_calls(struct shape *shape, uint64_t first);
void shape_unwind(struct shape *shape, uint64_t first);
void shape_postings(struct shape *shape, uint64_t first);

static inline bool shape_done(const struct shape *shape)
{
	return shape->failed || (shape->joining ? shape->out.size == shape->limit :
						  shape->row.at == shape->row.end);
}

/* The next number of the record when taking apart; joining, what is returned is of no use. */
static inline uint64_t shape_peek(struct shape *shape)
{
	if (shape->joining)
		return 0;
	uint64_t value = get_uleb(&shape->row);
	shape->failed |= shape->row.failed;
	return value;
}

/* Appends VALUE to the record when joining. */
static inline void shape_give(struct shape *shape, uint64_t value)
{
	if (!shape->joining)
		return;
	if (shape->limit - shape->out.size < 10) {
		uint64_t rest = value;
		size_t size = 1;
		while (rest >>= 7)
			size++;
		if (shape->limit - shape->out.size < size) {
			shape->failed = true;
			return;
		}
	}
	uint8_t *to = shape->out.data + shape->out.size;
	while (value >= 0x80) {
		*to++ = (uint8_t)value | 0x80;
		value >>= 7;
	}
	*to++ = (uint8_t)value;
	shape->out.size = (size_t)(to - shape->out.data);
}

/* One symbol below 16, with model NUMBER (a context). */
unsigned shape_symbol(struct shape *shape, unsigned number, unsigned symbol);

/* The four ways of shape_code_number(): each is compiled by itself. */
uint64_t shape_decode_plain(struct shape *shape, unsigned context);
uint64_t shape_decode_deep(struct shape *shape, unsigned context);
void shape_encode_plain(struct shape *shape, unsigned context, uint64_t value);
void shape_encode_deep(struct shape *shape, unsigned context, uint64_t value);

/* Codes VALUE: small ones in one symbol. DEEP: big ones come back, so learn all of their bits. */
static inline uint64_t shape_code_number(struct shape *shape, unsigned context, bool deep, uint64_t value)
{
	if (shape->joining)
		return deep ? shape_decode_deep(shape, context) : shape_decode_plain(shape, context);
	if (deep)
		shape_encode_deep(shape, context, value);
	else
		shape_encode_plain(shape, context, value);
	return value;
}

/* Whether something is so: codes HIT. */
static inline bool shape_flag(struct shape *shape, unsigned context, bool hit)
{
	return shape_symbol(shape, context, hit);
}

static inline uint64_t shape_zigzag(uint64_t value)
{
	return value << 1 ^ (uint64_t)((int64_t)value >> 63);
}
static inline uint64_t shape_unzigzag(uint64_t value)
{
	return value >> 1 ^ -(value & 1);
}

/* A field that is a small number, one whose values come back, one near to REFERENCE. */
static inline uint64_t shape_number(struct shape *shape, unsigned context)
{
	uint64_t value = shape_code_number(shape, context, false, shape_peek(shape));
	shape_give(shape, value);
	return value;
}
static inline uint64_t shape_id(struct shape *shape, unsigned context)
{
	uint64_t value = shape_code_number(shape, context, true, shape_peek(shape));
	shape_give(shape, value);
	return value;
}
static inline uint64_t shape_near(struct shape *shape, unsigned context, uint64_t reference)
{
	uint64_t distance = shape_zigzag(shape_peek(shape) - reference);
	uint64_t value = reference + shape_unzigzag(shape_code_number(shape, context, false, distance));
	shape_give(shape, value);
	return value;
}

static inline uint64_t *shape_guess(struct shape *shape, uint64_t key)
{
	return &shape->guesses[key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SHAPE_GUESS_BITS)];
}
static inline uint64_t shape_key(uint64_t a, uint64_t b)
{
	return (a ^ a >> 29) * UINT64_C(0xbf58476d1ce4e5b9) + b * UINT64_C(0x94d049bb133111eb) + 1;
}

/*
 * A field that is likely what it was the last time for KEY: one symbol of CONTEXT if so, else as
 * shape_id() with the next context.
 */
uint64_t shape_guessed(struct shape *shape, unsigned context, uint64_t key);

/* LENGTH bytes that stand in the record as they are. */
void shape_bytes(struct shape *shape, unsigned context, uint64_t length);

/* Records that begin with their length: shape_open() before the first field, shape_close() behind the last. */
struct shape_record {
	size_t begin;        /* joining: where the length goes */
	const uint8_t *end;  /* taking apart */
};
struct shape_record shape_open(struct shape *shape);
void shape_close(struct shape *shape, struct shape_record record);

#endif
