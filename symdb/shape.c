/* SPDX-License-Identifier: MIT */
/* Taking blocks apart into numbers and joining them again. */

#include "shape.h"
#include <stdlib.h>

static shape_fn shape_of(enum part part)
{
	switch (part) {
	case PART_TYPE_OUTLINES: return shape_type_outlines;
	case PART_TYPES: return shape_types;
	case PART_FUNCTION_NAMES: return shape_function_names;
	case PART_FUNCTIONS: return shape_functions;
	case PART_LOCALS: return shape_locals;
	case PART_VARIABLES: return shape_variables;
	case PART_VARIABLE_ADDRESSES: return shape_variable_addresses;
	case PART_INSTANCES: return shape_instances;
	case PART_CODE: return shape_code;
	case PART_SCOPES: return shape_scopes;
	case PART_CALLS: return shape_calls;
	case PART_UNWIND_EH_FRAME:
	case PART_UNWIND_DEBUG_FRAME:
	case PART_UNWIND_ORC: return shape_unwind;
	case PART_POSTINGS: return shape_postings;
	default: return NULL;
	}
}

const struct model_field shape_fields[SHAPE_FIELDS] = { { SHAPE_CONTEXTS }, { SHAPE_MODELS } };

bool shape_exists(enum part part)
{
	return shape_of(part) != NULL;
}

static struct shape *prepare(enum part part, const struct model_set *primed, struct shape **scratch)
{
	if (!*scratch)
		*scratch = calloc(1, sizeof(**scratch)); /* aligned as any type is */
	struct shape *shape = *scratch;
	if (!shape)
		return NULL;
	memset(shape->guesses, 0, sizeof(shape->guesses));
	if (part == PART_CODE)
		memset(shape->sites, 0, sizeof(shape->sites));
	memset(shape->seen, 0, sizeof(shape->seen));
	shape->primed = primed;
	shape->tallies = NULL;
	shape->failed = false;
	shape->encoder.count = 0;
	shape->encoder.failed = false;
	return shape;
}

void shape_free(struct shape *shape)
{
	if (shape) {
		encoder_deinit(&shape->encoder);
		free(shape->scopes);
	}
	free(shape);
}

/* Walks over RAW; false when its records do not have their part's shape. */
static bool take_apart(struct shape *shape, enum part part, uint64_t first, const uint8_t *raw, size_t size)
{
	shape->joining = false;
	shape->row = (struct cursor){ raw, raw + size, false };
	shape_of(part)(shape, first);
	return !shape->failed && shape->row.at == shape->row.end;
}

enum shape_result shape_encode(enum part part, uint64_t first, const uint8_t *raw, size_t size,
			       const struct model_set *primed, struct buffer *to, struct shape **scratch)
{
	if (!shape_exists(part))
		return SHAPE_NONE;
	struct shape *shape = prepare(part, primed, scratch);
	if (!shape || !take_apart(shape, part, first, raw, size))
		return SHAPE_FAILED;
	encoder_finish(&shape->encoder, to);
	return to->failed ? SHAPE_FAILED : SHAPE_CODED;
}

bool shape_tally(enum part part, uint64_t first, const uint8_t *raw, size_t size,
		 struct model_tally *tallies, struct shape **scratch)
{
	struct shape *shape = prepare(part, NULL, scratch);
	if (!shape)
		return false;
	shape->tallies = tallies;
	return take_apart(shape, part, first, raw, size);
}

bool shape_decode(enum part part, uint64_t first, const uint8_t *data, size_t size,
		  const struct model_set *primed, uint8_t *raw, size_t raw_size, struct shape **scratch)
{
	shape_fn walk = shape_of(part);
	struct shape *shape = walk ? prepare(part, primed, scratch) : NULL;
	if (!shape)
		return false;
	shape->joining = true;
	shape->out = (struct buffer){ raw, 0, raw_size, false };
	shape->limit = raw_size;
	decoder_init(&shape->decoder, data, size);
	walk(shape, first);
	return !shape->failed && shape->out.size == raw_size && decoder_complete(&shape->decoder);
}

/* ---- numbers -------------------------------------------------------------------------- */

enum { DIRECT = 8, LONGEST = 15 }; /* first symbols: values; then lengths; then "longer" */

/* The model by a hash of PATH, of those behind a number's first symbol. */
static unsigned deeper(uint64_t path)
{
	return SHAPE_CONTEXTS + (unsigned)(path * UINT64_C(0x9e3779b97f4a7c15) >> 53);
}

static void begin_model(struct shape *shape, unsigned number)
{
	int16_t *model = shape->models + number * MODEL_SIZE;
	if (shape->primed)
		memcpy(model, model_set_at(shape->primed, number), MODEL_SIZE * sizeof(*model));
	else
		model_init(model);
	shape->seen[number] = shape->primed ? MODEL_SEEN_PRIMED : 1;
}

static inline int16_t *model_at(struct shape *shape, unsigned number)
{
	if (shape->seen[number] == 0)
		begin_model(shape, number);
	return shape->models + number * MODEL_SIZE;
}

/* As shape_symbol(); each direction is compiled by itself. */
static inline __attribute__((always_inline)) unsigned symbol(struct shape *shape, bool joining,
							     unsigned number, unsigned value)
{
	if (joining)
		return decode_symbol(&shape->decoder, model_at(shape, number), &shape->seen[number]);
	if (shape->tallies)
		shape->tallies[number].seen[value]++;
	else
		encode_symbol(&shape->encoder, model_at(shape, number), &shape->seen[number], value);
	return value;
}

/* COUNT low bits of VALUE, from the top down. */
static inline __attribute__((always_inline)) uint64_t code_tail(struct shape *shape, bool joining, uint64_t path, bool deep, uint64_t value, unsigned count)
{
	uint64_t done = 0;
	bool known = deep;

	while (count) {
		unsigned take = count < 4 ? count : 4;
		if (!known && !deep)
			take = count < 12 ? count : 12;
		unsigned bits = (unsigned)(value >> (count - take)) & ((1u << take) - 1);
		if (known || deep) {
			bits = symbol(shape, joining, deeper(path), bits) & ((1u << take) - 1);
			path = (path + bits + 1) * UINT64_C(0xd6e8feb86659fd93);
		} else if (joining) {
			bits = decode_bits(&shape->decoder, take);
		} else if (!shape->tallies) {
			encode_bits(&shape->encoder, bits, take);
		}
		done = done << take | bits;
		count -= take;
		known = false;
	}
	return done;
}

static inline __attribute__((always_inline)) uint64_t code_number(struct shape *shape, bool joining, unsigned context,
								   bool deep, uint64_t value)
{
	unsigned length = value ? 64 - (unsigned)__builtin_clzll(value) : 0;
	unsigned first = value < DIRECT ? (unsigned)value :
			 length - 4 + DIRECT < LONGEST ? length - 4 + DIRECT : LONGEST;

	first = symbol(shape, joining, context, first);
	if (first < DIRECT)
		return first;
	uint64_t path = ((uint64_t)context << 4 | first) + 1;
	if (first < LONGEST) {
		length = first - DIRECT + 4;
	} else {
		unsigned over = length - (LONGEST - DIRECT + 4); /* at most 53 */
		unsigned high = symbol(shape, joining, deeper(path << 8), over >> 2);
		unsigned low = symbol(shape, joining, deeper(path << 8 | high << 4 | 15), over & 3);
		length = (high << 2 | (low & 3)) + (LONGEST - DIRECT + 4);
		if (length > 64) {
			shape->failed = true;
			return 0;
		}
		path += (uint64_t)length << 32;
	}
	uint64_t top = (uint64_t)1 << (length - 1);
	return top | code_tail(shape, joining, path, deep, value & (top - 1), length - 1);
}

uint64_t shape_decode_plain(struct shape *shape, unsigned context)
{
	return code_number(shape, true, context, false, 0);
}

uint64_t shape_decode_deep(struct shape *shape, unsigned context)
{
	return code_number(shape, true, context, true, 0);
}

void shape_encode_plain(struct shape *shape, unsigned context, uint64_t value)
{
	code_number(shape, false, context, false, value);
}

void shape_encode_deep(struct shape *shape, unsigned context, uint64_t value)
{
	code_number(shape, false, context, true, value);
}

unsigned shape_symbol(struct shape *shape, unsigned number, unsigned value)
{
	return shape->joining ? symbol(shape, true, number, value) : symbol(shape, false, number, value);
}

uint64_t shape_guessed(struct shape *shape, unsigned context, uint64_t key)
{
	uint64_t *guess = shape_guess(shape, key), value = shape_peek(shape);

	if (shape_flag(shape, context, value == *guess))
		value = *guess;
	else
		value = *guess = shape_code_number(shape, context + 1, true, value);
	shape_give(shape, value);
	return value;
}

/* ---- bytes and records ---------------------------------------------------------------- */

void shape_bytes(struct shape *shape, unsigned context, uint64_t length)
{
	unsigned last = 0;

	if (length > (shape->joining ? shape->limit - shape->out.size :
				       (size_t)(shape->row.end - shape->row.at))) {
		shape->failed = true;
		return;
	}
	for (uint64_t i = 0; i < length; i++) {
		unsigned byte = shape->joining ? 0 : get_u8(&shape->row);
		uint64_t path = (uint64_t)context << 32 | last << 9 | 1u << 30;
		unsigned high = shape_symbol(shape, deeper(path), byte >> 4);
		unsigned low = shape_symbol(shape, deeper(path | high << 4 | 256), byte & 15);
		last = high << 4 | low;
		if (shape->joining)
			shape->out.data[shape->out.size++] = (uint8_t)last;
	}
}

struct shape_record shape_open(struct shape *shape)
{
	struct shape_record record = { shape->out.size, NULL };

	if (!shape->joining) {
		size_t length = get_count(&shape->row);
		shape->failed |= shape->row.failed;
		record.end = shape->row.at + length;
	}
	return record;
}

/* Joining, the length is known only now: it is put in front of what it counts. */
void shape_close(struct shape *shape, struct shape_record record)
{
	if (!shape->joining) {
		shape->failed |= shape->row.at != record.end;
		return;
	}
	uint8_t room[10], *payload = shape->out.data + record.begin;
	struct buffer length = { room, 0, sizeof(room), false };
	size_t size = shape->out.size - record.begin;
	put_uleb(&length, size);
	if (shape->failed || shape->limit - shape->out.size < length.size) {
		shape->failed = true;
		return;
	}
	memmove(payload + length.size, payload, size);
	memcpy(payload, room, length.size);
	shape->out.size += length.size;
}
