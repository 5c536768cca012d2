/* SPDX-License-Identifier: MIT */
/* The bytes of a value: gathered from memory, registers and pieces, and put back there. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is missing ------------------------------------------------------------------------- */

bool value_any_missing(const struct sdb_value *value)
{
	if (value->absence && !value->missing)
		return true;
	for (uint64_t i = 0; value->missing && i < value->size; i++)
		if (value->missing[i])
			return true;
	return false;
}

bool value_all_missing(const struct sdb_value *value)
{
	if (value->absence && !value->missing)
		return true;
	if (!value->missing || value->size == 0)
		return false;
	for (uint64_t i = 0; i < value->size; i++)
		if (value->missing[i] != 0xff)
			return false;
	return true;
}

bool value_same(const struct sdb_value *a, const struct sdb_value *b)
{
	size_t size = (size_t)a->size;
	if (!a->bytes || !b->bytes || a->size != b->size)
		return !a->bytes && !b->bytes && a->absence == b->absence;
	if (!a->missing != !b->missing || (a->missing && memcmp(a->missing, b->missing, size) != 0))
		return false;
	return memcmp(a->bytes, b->bytes, size) == 0;
}

static struct sdb_error *note(struct sdb_value *value, enum sdb_absence absence, const char *why)
{
	if (value->absence)
		return NULL;
	value->absence = absence;
	if (why && !(value->why = strdup(why)))
		return value_no_memory();
	return NULL;
}

struct sdb_error *value_set_absent(struct sdb_value *value, enum sdb_absence absence,
				   const char *why)
{
	if (!value->borrowed) {
		free(value->missing);
		if (value->bytes != value->small)
			free(value->bytes);
	}
	value->bytes = value->missing = NULL;
	value->borrowed = false;
	value->loaded = true;
	free(value->why);
	value->why = NULL;
	value->absence = SDB_PRESENT;
	return note(value, absence, why);
}

struct sdb_error *value_missing_error(const struct sdb_value *value)
{
	if (value->why)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: %s",
				     sdb_absence_text(value->absence), value->why);
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s", sdb_absence_text(value->absence));
}

static struct sdb_error *mark_missing(struct sdb_value *value, uint64_t bit, uint64_t count)
{
	if (!value->missing && !(value->missing = calloc(1, value->size ? (size_t)value->size : 1)))
		return value_no_memory();
	for (; count && bit < value->size * 8; bit++, count--)
		value->missing[bit / 8] |= (uint8_t)(1u << bit % 8);
	return NULL;
}

/* ---- reading places -------------------------------------------------------------------------- */

/* Where a read goes on: COUNT bits from SOURCE bits into a place to bit TARGET of the value. */
struct span {
	uint64_t target;
	uint64_t source;
	uint64_t count;
};

static void copy_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t from_bit,
		      uint64_t count)
{
	if (to_bit % 8 == 0 && from_bit % 8 == 0 && count % 8 == 0) {
		memcpy(to + to_bit / 8, from + from_bit / 8, (size_t)(count / 8));
		return;
	}
	for (; count; count--, to_bit++, from_bit++) {
		uint8_t mask = (uint8_t)(1u << to_bit % 8);
		bool bit = from[from_bit / 8] >> from_bit % 8 & 1;
		to[to_bit / 8] = (uint8_t)(bit ? to[to_bit / 8] | mask : to[to_bit / 8] & ~mask);
	}
}

static struct sdb_error *fail_span(struct sdb_value *value, const struct span *span,
				   enum sdb_absence absence, struct sdb_error *error)
{
	if (sdb_error_code(error) == SDB_ERROR_MEMORY)
		return error;
	struct sdb_error *failed = note(value, absence, sdb_error_message(error));
	sdb_error_free(error);
	return failed ? failed : mark_missing(value, span->target, span->count);
}

static struct sdb_error *read_memory(struct sdb_value *value, const struct sdb_context *context,
				     const struct place *place, const struct span *span)
{
	uint64_t first = span->source / 8, size = (span->source % 8 + span->count + 7) / 8;
	bool apart = span->source % 8 || span->target % 8 || span->count % 8;
	uint8_t *bytes = apart ? malloc((size_t)size) : value->bytes + span->target / 8;
	if (!bytes)
		return value_no_memory();
	struct sdb_error *error = context->ops->read_memory
		? context->ops->read_memory(context->arg, place->address + first, bytes,
					    (size_t)size)
		: sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
	if (!error && apart)
		copy_bits(value->bytes, span->target, bytes, span->source % 8, span->count);
	if (apart)
		free(bytes);
	return error ? fail_span(value, span, SDB_ABSENT_MEMORY, error) : NULL;
}

static struct sdb_error *take_bytes(struct sdb_value *value, const uint8_t *bytes, size_t size,
				    const struct span *span)
{
	uint64_t bits = (uint64_t)size * 8;
	uint64_t count = span->source >= bits ? 0 : bits - span->source < span->count
		? bits - span->source
		: span->count;
	copy_bits(value->bytes, span->target, bytes, span->source, count);
	if (count == span->count)
		return NULL;
	struct sdb_error *error = note(value, SDB_ABSENT_EXPRESSION,
				       "its description is too short");
	return error ? error : mark_missing(value, span->target + count, span->count - count);
}

/* DWARF numbers of the x87 registers, which hold every floating point type in ten bytes. */
static bool is_x87(const struct sdb_db *db, uint64_t number)
{
	uint16_t machine = sdb_db_info(db)->elf_machine;
	return (machine == 62 && number >= 33 && number <= 40)
		|| (machine == 3 && number >= 11 && number <= 18);
}

/* A float or double in an x87 register is converted, as the processor does when it stores one. */
static struct sdb_error *narrow(const struct sdb_value *value, uint8_t *bytes)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (error || class != VALUE_REAL || format == NUMBER_EXTENDED)
		return error;
	long double real = number_to_real(number_get(bytes, 10, false), NUMBER_EXTENDED);
	number_put(bytes, (size_t)value->size, false, number_from_real(real, format));
	return NULL;
}

/* Where a part of BITS bits begins in a register of SIZE bytes: at its low end. */
static uint64_t register_shift(const struct sdb_value *value, size_t size, uint64_t bits)
{
	return types_big_endian(value->db) && size * 8 > bits ? size * 8 - bits : 0;
}

static struct sdb_error *read_register(struct sdb_value *value, const struct sdb_context *context,
				       const struct place *place, struct span *span)
{
	uint8_t bytes[CONTEXT_REGISTER_SIZE] = { 0 };
	size_t size = 0;
	if (!context->ops->read_register || place->number > UINT32_MAX)
		return fail_span(value, span, SDB_ABSENT_FRAME,
				 sdb_error_new(SDB_ERROR_NOT_FOUND,
					       "there is no such register here"));
	struct sdb_error *error = context->ops->read_register(context->arg, (uint32_t)place->number,
							      bytes, &size);
	if (error)
		return fail_span(value, span, SDB_ABSENT_REGISTER, error);
	if (size >= 10 && is_x87(context->db, place->number) && value->bit_start == 0
	    && span->target == 0) {
		error = narrow(value, bytes);
		size = value->size > size && value->size <= sizeof(bytes) ? (size_t)value->size
			: size; /* padding */
	}
	uint64_t whole = place->bit_size ? place->bit_size : value->size * 8;
	span->source += register_shift(value, size, whole);
	return error ? error : take_bytes(value, bytes, size, span);
}

static struct sdb_error *read_value(struct sdb_value *value, const struct place *place,
				    struct span *span)
{
	/* A number on an expression's stack may be wider or narrower than the object. */
	uint64_t whole = place->bit_size ? place->bit_size / 8 : value->size;
	if (place->size < whole && value->bit_start == 0 && place->size <= 8 && value->size <= 16) {
		uint8_t wide[16] = { 0 };
		number_put(wide, sizeof(wide), types_big_endian(value->db),
			   number_get(place->bytes, place->size, types_big_endian(value->db)));
		span->source += register_shift(value, sizeof(wide), whole * 8);
		return take_bytes(value, wide, sizeof(wide), span);
	}
	span->source += register_shift(value, place->size, whole * 8);
	return take_bytes(value, place->bytes, place->size, span);
}

static struct sdb_error *read_place(struct sdb_value *value, const struct sdb_context *context,
				    const struct place *place, struct span span)
{
	struct sdb_error *error;
	span.source += place->bit_offset;
	switch (place->kind) {
	case PLACE_MEMORY: return read_memory(value, context, place, &span);
	case PLACE_REGISTER: return read_register(value, context, place, &span);
	case PLACE_VALUE: return read_value(value, place, &span);
	case PLACE_IMPLICIT_POINTER:
		error = note(value, SDB_ABSENT_POINTER, NULL);
		break;
	default:
		error = note(value, place->absence, value->location->text);
	}
	return error ? error : mark_missing(value, span.target, span.count);
}

/* Calls read_place() for each piece that holds a part of the value. */
static struct sdb_error *gather(struct sdb_value *value, const struct sdb_context *context,
				uint64_t size)
{
	const struct location *location = value->location;
	uint64_t begin = value->bit_start, end = begin + size * 8, at = 0;
	if (!location->in_pieces)
		return read_place(value, context, location->places,
				  (struct span){ 0, begin, size * 8 });
	for (size_t i = 0; i < location->count && at < end; i++) {
		const struct place *place = &location->places[i];
		uint64_t low = at > begin ? at : begin, high = at + place->bit_size;
		high = high < end ? high : end;
		if (low < high) {
			struct sdb_error *error = read_place(value, context, place,
							     (struct span){ low - begin, low - at,
									    high - low });
			if (error)
				return error;
		}
		at += place->bit_size;
	}
	if (at >= end)
		return NULL;
	at = at > begin ? at : begin;
	struct sdb_error *error = note(value, SDB_ABSENT_OPTIMIZED_OUT, NULL);
	return error ? error : mark_missing(value, at - begin, end - at);
}

struct sdb_error *value_load(struct sdb_value *value, const struct sdb_context *context)
{
	if (value->loaded)
		return NULL;
	const struct place *place = value->location ? value->location->places : NULL;
	if (place && place->kind == PLACE_ABSENT && !value->location->in_pieces)
		return value_set_absent(value, place->absence, value->location->text);
	if (!value->sized)
		return value_set_absent(value, value->kind == SDB_TYPE_ARRAY ? SDB_ABSENT_LENGTH
					: SDB_ABSENT_INCOMPLETE, NULL);
	if (!place)
		return value_set_absent(value, SDB_ABSENT_EXPRESSION,
					"there is nothing to read it from");
	if (value->size > VALUE_MAX_SIZE)
		return value_set_absent(value, SDB_ABSENT_TOO_BIG, NULL);
	value->bytes = calloc(1, value->size ? (size_t)value->size : 1);
	if (!value->bytes)
		return value_no_memory();
	struct sdb_error *error = gather(value, context, value->size);
	if (!error) {
		value->loaded = true;
		return NULL;
	}
	free(value->bytes);
	free(value->missing);
	free(value->why);
	value->bytes = value->missing = NULL;
	value->why = NULL;
	value->absence = SDB_PRESENT;
	return error;
}

struct sdb_error *value_load_parts(struct sdb_value *value, const struct sdb_context *context)
{
	if (!value->sized || value->size > VALUE_MAX_SIZE)
		return NULL;
	struct sdb_error *error = value_load(value, context);
	if (error || !value->absence || value->bytes)
		return error;
	value->bytes = calloc(1, value->size ? (size_t)value->size : 1);
	return value->bytes ? mark_missing(value, 0, value->size * 8) : value_no_memory();
}

struct sdb_error *value_need(struct sdb_value *value, const struct sdb_context *context)
{
	struct sdb_error *error = value_load(value, context);
	if (error)
		return error;
	return value_any_missing(value) ? value_missing_error(value) : NULL;
}

const struct place *value_implicit(const struct sdb_value *value)
{
	uint64_t at = 0;
	for (size_t i = 0; value->location && i < value->location->count; i++) {
		const struct place *place = &value->location->places[i];
		bool here = !value->location->in_pieces
			|| (at == value->bit_start && place->bit_size >= value->size * 8);
		if (here && place->kind == PLACE_IMPLICIT_POINTER && value->bit_size == 0
		    && (value->location->in_pieces || value->bit_start == 0))
			return place;
		at += place->bit_size;
	}
	return NULL;
}
