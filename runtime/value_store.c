/* SPDX-License-Identifier: MIT */
/* Values written to where they are. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

/* COUNT bits from bit FROM of the new content go to bit TO of a place. */
struct span {
	uint64_t from;
	uint64_t to;
	uint64_t count;
};

static void put_bits(uint8_t *to, uint64_t to_bit, const uint8_t *from, uint64_t from_bit,
		     uint64_t count)
{
	for (; count; count--, to_bit++, from_bit++) {
		uint8_t mask = (uint8_t)(1u << to_bit % 8);
		bool bit = from[from_bit / 8] >> from_bit % 8 & 1;
		to[to_bit / 8] = (uint8_t)(bit ? to[to_bit / 8] | mask : to[to_bit / 8] & ~mask);
	}
}

static struct sdb_error *write_memory(const struct sdb_context *context, uint64_t address,
				      const uint8_t *content, const struct span *span)
{
	uint64_t first = span->to / 8, size = (span->to % 8 + span->count + 7) / 8;
	bool whole = span->to % 8 == 0 && span->from % 8 == 0 && span->count % 8 == 0;
	struct sdb_error *error = NULL;
	if (!context->ops->write_memory)
		return sdb_error_new(SDB_ERROR_INVALID, "memory cannot be written here");
	if (whole)
		return context->ops->write_memory(context->arg, address + first, content
						  + span->from / 8, (size_t)size);
	uint8_t *bytes = malloc((size_t)size);
	if (!bytes)
		return value_no_memory();
	/* The bits around a bit-field stay. */
	if (context->ops->read_memory)
		error = context->ops->read_memory(context->arg, address + first, bytes,
						  (size_t)size);
	else
		memset(bytes, 0, (size_t)size);
	if (!error) {
		put_bits(bytes, span->to % 8, content, span->from, span->count);
		error = context->ops->write_memory(context->arg, address + first, bytes,
						   (size_t)size);
	}
	free(bytes);
	return error;
}

static struct sdb_error *write_register(const struct sdb_context *context, uint64_t number,
					const uint8_t *content, const struct span *span)
{
	uint8_t bytes[CONTEXT_REGISTER_SIZE] = { 0 };
	size_t size = 0;
	if (!context->ops->write_register || !context->ops->read_register || number > UINT32_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "registers cannot be written here");
	struct sdb_error *error = context->ops->read_register(context->arg, (uint32_t)number, bytes,
							      &size);
	if (error)
		return error;
	if (span->to > size * 8 || span->count > size * 8 - span->to)
		return sdb_error_new(SDB_ERROR_INVALID, "the value is larger than its register");
	put_bits(bytes, span->to, content, span->from, span->count);
	return context->ops->write_register(context->arg, (uint32_t)number, bytes, size);
}

static struct sdb_error *write_place(const struct sdb_context *context, const struct place *place,
				     const uint8_t *content, struct span span)
{
	span.to += place->bit_offset;
	switch (place->kind) {
	case PLACE_MEMORY: return write_memory(context, place->address, content, &span);
	case PLACE_REGISTER: return write_register(context, place->number, content, &span);
	case PLACE_ABSENT:
		return sdb_error_new(SDB_ERROR_INVALID,
				     "it is nowhere (%s), so it cannot be changed",
				     sdb_absence_text(place->absence));
	default:
		return sdb_error_new(SDB_ERROR_INVALID,
				     "it is computed or a constant, so it cannot be changed");
	}
}

/*
 * Calls write_place() for all pieces that the bits [begin, end) lie in; checks all before the
 * first.
 */
static struct sdb_error *scatter(const struct location *location, const struct sdb_context *context,
				 const uint8_t *content, uint64_t begin, uint64_t count)
{
	uint64_t end = begin + count, total = 0, at = 0;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < location->count; i++) {
		enum place_kind kind = location->places[i].kind;
		if (total < end && total + location->places[i].bit_size > begin
		    && kind != PLACE_MEMORY
		    && kind != PLACE_REGISTER)
			return write_place(context, &location->places[i], content,
					   (struct span){ 0 });
		total += location->places[i].bit_size;
	}
	if (total < end)
		return sdb_error_new(SDB_ERROR_INVALID,
				     "a part of it is nowhere, so it cannot be changed");
	for (size_t i = 0; i < location->count && !error; i++) {
		const struct place *place = &location->places[i];
		uint64_t low = at > begin ? at : begin, high = at + place->bit_size < end ? at
			+ place->bit_size : end;
		if (low < high)
			error = write_place(context, place, content,
					    (struct span){ low - begin, low - at, high - low });
		at += place->bit_size;
	}
	return error;
}

/* The content of a bit-field is a number as wide as its type: its low bits are stored. */
static uint64_t content_bits(const struct sdb_value *value)
{
	return value->bit_size ? value->bit_size : value->size * 8;
}

struct sdb_error *sdb_value_store(struct sdb_value *value, const struct sdb_context *context,
				  const void *bytes, size_t size)
{
	TYPES_HOLD(value->types);
	struct sdb_error *error;
	if (!value->location)
		return sdb_error_new(SDB_ERROR_INVALID, "a computed value cannot be changed");
	if (!value->sized || size != value->size)
		return sdb_error_new(SDB_ERROR_INVALID, "%zu bytes are stored to a value of %llu",
				     size,
				     (unsigned long long)value->size);
	if (value->bit_size && types_big_endian(value->db))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "bit-fields of big-endian targets cannot be changed");
	if (value->location->in_pieces)
		error = scatter(value->location, context, bytes, value->bit_start,
				content_bits(value));
	else
		error = write_place(context, value->location->places, bytes,
				    (struct span){ 0, value->bit_start, content_bits(value) });
	return error ? error : sdb_value_refresh(value, context, NULL);
}

struct sdb_error *sdb_value_assign(struct sdb_value *value, const struct sdb_context *context,
				   struct sdb_value *source)
{
	TYPES_HOLD(value->types);
	struct sdb_value *converted;
	bool whole = types_is_structure(value->kind) || value->kind == SDB_TYPE_ARRAY;
	/* A cast would see it as another type, an assignment does not. */
	if (!whole && types_is_structure(source->kind))
		return sdb_error_new(SDB_ERROR_INVALID, "a structure is assigned to what is none");
	if (whole && (value->db != source->db || value->stripped != source->stripped
		      || value->size != source->size))
		return sdb_error_new(
			SDB_ERROR_INVALID,
			"structures and arrays are assigned from one of the same type only");
	struct sdb_error *error = whole ? sdb_value_copy(source, &converted)
		: sdb_value_cast(source, context, value->db, value->type, &converted);
	if (error)
		return error;
	error = value_need(converted, context);
	if (!error)
		error = sdb_value_store(value, context, converted->bytes, (size_t)converted->size);
	sdb_value_free(converted);
	return error;
}
