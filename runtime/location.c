/* SPDX-License-Identifier: MIT */
#include "location.h"
#include "location_machine.h"

#include <stdlib.h>
#include <string.h>

const char *sdb_absence_text(enum sdb_absence absence)
{
	switch (absence) {
	case SDB_PRESENT: return "present";
	case SDB_ABSENT_OPTIMIZED_OUT: return "optimized out";
	case SDB_ABSENT_ENTRY_VALUE: return "entry value not recoverable";
	case SDB_ABSENT_REGISTER: return "not saved";
	case SDB_ABSENT_MEMORY: return "memory not readable";
	case SDB_ABSENT_POINTER: return "synthetic pointer";
	case SDB_ABSENT_FRAME: return "no frame";
	case SDB_ABSENT_TLS: return "thread-local storage not found";
	case SDB_ABSENT_LENGTH: return "variable length";
	case SDB_ABSENT_INCOMPLETE: return "incomplete type";
	case SDB_ABSENT_TOO_BIG: return "too big";
	case SDB_ABSENT_EXPRESSION: return "location not understood";
	}
	return "unknown";
}

/* ---- locations as objects ------------------------------------------------------------------ */

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a location");
}

struct location *location_ref(struct location *location)
{
	if (location)
		location->references++;
	return location;
}

void location_unref(struct location *location)
{
	if (!location || --location->references)
		return;
	for (size_t i = 0; i < location->count; i++)
		free(location->places[i].bytes);
	free(location->places);
	free(location->text);
	free(location);
}

static struct location *location_new(void)
{
	struct location *location = calloc(1, sizeof(*location));
	if (location)
		location->references = 1;
	return location;
}

struct sdb_error *location_single(const struct place *place, struct location **location_ret)
{
	struct location *location = location_new();
	struct place *copy = location ? malloc(sizeof(*copy)) : NULL;
	if (!copy) {
		free(place->bytes);
		location_unref(location);
		return no_memory();
	}
	*copy = *place;
	location->places = copy;
	location->count = 1;
	*location_ret = location;
	return NULL;
}

struct sdb_error *location_absent(enum sdb_absence absence, const char *text,
				  struct location **location_ret)
{
	struct place place = { .kind = PLACE_ABSENT, .absence = absence };
	struct sdb_error *error = location_single(&place, location_ret);
	if (!error && text && !((*location_ret)->text = strdup(text))) {
		location_unref(*location_ret);
		return no_memory();
	}
	return error;
}

/* ---- evaluation ------------------------------------------------------------------------------ */

/* Why ERROR of MACHINE means that there is no value; PRESENT: it is a real error. */
static enum sdb_absence reason(const struct machine *machine, const struct sdb_error *error)
{
	enum sdb_error_code code = sdb_error_code(error);
	if (machine->absence)
		return machine->absence;
	return code == SDB_ERROR_INVALID || code == SDB_ERROR_UNSUPPORTED ? SDB_ABSENT_EXPRESSION
		: SDB_PRESENT;
}

/* The place that MACHINE ended with when there are no pieces. */
static struct sdb_error *finish(struct machine *machine, struct location **location_ret)
{
	struct place place = { .kind = PLACE_ABSENT, .absence = SDB_ABSENT_OPTIMIZED_OUT };
	if (machine->has_pending) {
		place = machine->pending;
		machine->pending.bytes = NULL;
	} else if (machine->depth) {
		place.kind = PLACE_MEMORY;
		place.address = stack_number(&machine->stack[machine->depth - 1]);
	}
	return location_single(&place, location_ret);
}

static struct types *types_of(const struct sdb_context *context)
{
	return context->types ? types_ref(context->types) : types_create(0);
}

struct sdb_error *location_evaluate(const struct sdb_context *context,
				    const struct sdb_expression *expression, const uint64_t *object,
				    struct location **location_ret)
{
	struct budget budget = { LOCATION_MAX_STEPS, LOCATION_MAX_NESTING };
	struct types *types = types_of(context);
	struct location *pieces = location_new();
	struct machine machine;
	if (!types || !pieces) {
		types_unref(types);
		location_unref(pieces);
		return no_memory();
	}
	types_enter(types);
	machine_init(&machine, context, types, &budget);
	machine.location = pieces;
	machine.object = object;
	struct sdb_error *error = machine_run(&machine, expression);
	if (!error && pieces->in_pieces && machine.has_pending)
		error = sdb_error_new(SDB_ERROR_INVALID, "the last piece has no size");
	if (!error && pieces->in_pieces)
		*location_ret = location_ref(pieces);
	else if (!error)
		error = finish(&machine, location_ret);
	location_unref(pieces);
	machine_deinit(&machine);
	enum sdb_absence absence = error ? reason(&machine, error) : SDB_PRESENT;
	if (absence) {
		struct sdb_error *failed = location_absent(absence, sdb_error_message(error),
							   location_ret);
		sdb_error_free(error);
		error = failed;
	}
	types_leave(types);
	types_unref(types);
	return error;
}

struct sdb_error *location_number(const struct sdb_context *context,
				  const struct sdb_expression *expression, const uint64_t *initial,
				  uint64_t *number_ret, enum sdb_absence *absence_ret)
{
	struct budget budget = { LOCATION_MAX_STEPS, LOCATION_MAX_NESTING };
	struct types *types = types_of(context);
	struct stack_value value;
	struct machine machine;
	if (!types)
		return no_memory();
	types_enter(types);
	machine_init(&machine, context, types, &budget);
	if (initial)
		machine.stack[machine.depth++] =
			stack_generic(*initial, types_address_size(context->db));
	machine.object = initial;
	struct sdb_error *error = machine_run(&machine, expression);
	if (!error)
		error = machine_result(&machine, &value);
	machine_deinit(&machine);
	if (!error)
		*number_ret = stack_number(&value);
	if (absence_ret)
		*absence_ret = error ? reason(&machine, error) : SDB_PRESENT;
	types_leave(types);
	types_unref(types);
	return error;
}

/* ---- the kinds of location ------------------------------------------------------------------- */

static struct sdb_error *find_in_list(const struct sdb_context *context,
				      const struct sdb_location *location,
				      struct location **location_ret)
{
	const struct sdb_location_entry *found = NULL;
	for (size_t i = 0; i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		if (!entry->is_default && context->pc >= entry->low && context->pc < entry->high) {
			found = entry;
			break;
		}
		if (entry->is_default)
			found = entry;
	}
	if (!context->code && !found)
		return location_absent(SDB_ABSENT_FRAME, NULL, location_ret);
	if (!found || found->expression.length == 0)
		return location_absent(SDB_ABSENT_OPTIMIZED_OUT, NULL, location_ret);
	return location_evaluate(context, &found->expression, NULL, location_ret);
}

/* SIZE bytes of a constant, which is sign-extended as far as they need. */
static struct sdb_error *constant(const struct sdb_context *context, uint64_t number,
				  struct location **location_ret)
{
	struct place place = { .kind = PLACE_VALUE, .size = 16, .bytes = malloc(16) };
	if (!place.bytes)
		return no_memory();
	number_put(place.bytes, 16, types_big_endian(context->db),
		   (number_bits)(number_signed)(int64_t)number);
	return location_single(&place, location_ret);
}

static struct sdb_error *bytes(const struct sdb_expression *expression,
			       struct location **location_ret)
{
	struct place place = { .kind = PLACE_VALUE, .size = expression->length };
	if (place.size > LOCATION_MAX_BYTES)
		return location_absent(SDB_ABSENT_TOO_BIG, NULL, location_ret);
	place.bytes = malloc(place.size ? place.size : 1);
	if (!place.bytes)
		return no_memory();
	memcpy(place.bytes, expression->bytes, place.size);
	return location_single(&place, location_ret);
}

struct sdb_error *location_find(const struct sdb_context *context,
				const struct sdb_location *location,
				struct location **location_ret)
{
	struct place place = { .kind = PLACE_MEMORY,
			       .address = context_to_target(context, location->address) };
	switch (location->kind) {
	case SDB_LOCATION_ADDRESS:
		return location_single(&place, location_ret);
	case SDB_LOCATION_EXPRESSION:
		if (location->expression.length == 0)
			break;
		return location_evaluate(context, &location->expression, NULL, location_ret);
	case SDB_LOCATION_LIST:
		return find_in_list(context, location, location_ret);
	case SDB_LOCATION_CONSTANT:
		return constant(context, location->address, location_ret);
	case SDB_LOCATION_BYTES:
		return bytes(&location->expression, location_ret);
	case SDB_LOCATION_NONE:
		break;
	}
	return location_absent(SDB_ABSENT_OPTIMIZED_OUT, NULL, location_ret);
}
