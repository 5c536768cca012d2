/* SPDX-License-Identifier: MIT */
/* Operations that say where an object is instead of computing (DWARF 5, 2.6.1). */
#include "location_machine.h"

#include <stdlib.h>
#include <string.h>

static struct sdb_error *describe(struct machine *machine, const struct place *place)
{
	machine->pending = *place;
	machine->has_pending = true;
	return NULL;
}

static struct sdb_error *describe_bytes(struct machine *machine, const uint8_t *bytes, size_t size)
{
	struct place place = { .kind = PLACE_VALUE, .size = size };
	if (size > LOCATION_MAX_BYTES)
		return sdb_error_new(SDB_ERROR_INVALID, "an implicit value of %zu bytes", size);
	place.bytes = malloc(size ? size : 1);
	if (!place.bytes)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a value");
	memcpy(place.bytes, bytes, size);
	return describe(machine, &place);
}

static struct sdb_error *describe_top(struct machine *machine)
{
	uint8_t bytes[16];
	struct stack_value value;
	struct sdb_error *error = machine_pop(machine, &value);
	if (error)
		return error;
	number_put(bytes, value.size, types_big_endian(machine->context->db), value.bits);
	return describe_bytes(machine, bytes, value.size);
}

static struct sdb_error *describe_pointer(struct machine *machine,
					  const struct sdb_operation *operation)
{
	struct place place = { .kind = PLACE_IMPLICIT_POINTER,
			       .reference = operation->value[0] <= SDB_REFERENCE_OUTER
				       ? (enum sdb_reference_kind)operation->value[0]
				       : SDB_REFERENCE_UNKNOWN,
			       .number = operation->value[1],
			       .offset = (int64_t)operation->value[2] };
	return describe(machine, &place);
}

struct sdb_error *machine_piece(struct machine *machine, uint64_t bit_size, uint64_t bit_offset)
{
	struct location *location = machine->location;
	struct place place = { .kind = PLACE_ABSENT, .absence = SDB_ABSENT_OPTIMIZED_OUT };
	if (!location)
		return sdb_error_new(SDB_ERROR_INVALID, "a piece where a number is expected");
	if (location->count >= LOCATION_MAX_PIECES || bit_size > UINT32_MAX
	    || bit_offset > UINT32_MAX)
		return sdb_error_new(SDB_ERROR_INVALID, "too many or too large pieces");
	if (machine->has_pending) {
		place = machine->pending;
	} else if (machine->depth) {
		place.kind = PLACE_MEMORY;
		place.address = stack_number(&machine->stack[--machine->depth]);
	}
	place.bit_size = bit_size;
	place.bit_offset = bit_offset;
	struct place *places = realloc(location->places, (location->count + 1) * sizeof(*places));
	if (!places)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for pieces");
	machine->pending.bytes = NULL;
	machine->has_pending = false;
	places[location->count++] = place;
	location->places = places;
	location->in_pieces = true;
	return NULL;
}

struct sdb_error *machine_place(struct machine *machine, const struct sdb_operation *operation)
{
	uint8_t code = operation->code;
	struct place place = { .kind = PLACE_REGISTER };
	if (code >= SDB_OP_REG0 && code < SDB_OP_REG0 + 32) {
		place.number = (uint64_t)code - SDB_OP_REG0;
		return describe(machine, &place);
	}
	switch (code) {
	case SDB_OP_REGX:
		place.number = operation->value[0];
		return describe(machine, &place);
	case SDB_OP_STACK_VALUE: return describe_top(machine);
	case SDB_OP_IMPLICIT_VALUE: return describe_bytes(machine, operation->block,
							  operation->block_size);
	case SDB_OP_IMPLICIT_POINTER: case SDB_OP_GNU_IMPLICIT_POINTER:
		return describe_pointer(machine, operation);
	}
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s cannot be evaluated", operation->name);
}
