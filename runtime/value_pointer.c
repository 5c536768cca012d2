/* SPDX-License-Identifier: MIT */
/* Pointers, references, elements behind them, strings. */
#include "value.h"
#include "scope.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_STRING 200
#define MAX_STRING (1u << 20)

struct sdb_error *sdb_value_at(const struct sdb_context *context, struct sdb_db *db,
			       sdb_type_id type,
			       uint64_t address, struct sdb_value **value_ret)
{
	struct place place = { .kind = PLACE_MEMORY, .address = address };
	struct location *location;
	struct types *types;
	struct sdb_error *error = value_types(context, &types);
	if (error)
		return error;
	types_enter(types);
	error = location_single(&place, &location);
	if (!error)
		error = value_new(context, types, db, type, location, value_ret);
	types_leave(types);
	types_unref(types);
	return error;
}

/* What WHOLE's place has at OFFSET bytes, as type TYPE of DB: the target of an implicit pointer. */
static struct sdb_error *part_of_location(const struct sdb_context *context, struct types *types,
					  struct sdb_db *db, sdb_type_id type,
					  struct location *location,
					  int64_t offset, struct sdb_value **value_ret)
{
	struct sdb_value value;
	struct sdb_error *error = offset < 0 || offset > INT32_MAX
		? sdb_error_new(SDB_ERROR_NOT_FOUND, "a pointer to in front of what it points into")
		: value_init(&value, context, types, db, type);
	if (error) {
		location_unref(location);
		return error;
	}
	value.location = location;
	value.bit_start = (uint64_t)offset * 8;
	return value_detach(&value, value_ret);
}

/* Follows a pointer without an address: to a variable of the frame, or of the module. */
static struct sdb_error *follow_implicit(struct sdb_value *value, const struct sdb_context *context,
					 const struct place *place, sdb_type_id target,
					 struct sdb_value **target_ret)
{
	struct location *location = NULL;
	struct sdb_error *error = NULL;
	if (place->reference == SDB_REFERENCE_LOCAL || place->reference == SDB_REFERENCE_OUTER) {
		if (context->db == value->db)
			error = location_of_local(context, place->reference, place->number,
						  &location);
	} else if (place->reference == SDB_REFERENCE_VARIABLE && place->number
		   && place->number <= sdb_db_info(value->db)->variables) {
		struct sdb_variable *variable;
		error = sdb_variable(value->db, (sdb_variable_id)place->number, &variable);
		if (!error) {
			error = location_find(context, &variable->location, &location);
			sdb_variable_free(variable);
		}
	}
	if (error)
		return error;
	if (!location)
		return sdb_error_new(SDB_ERROR_NOT_FOUND,
				     "what the pointer points to has no address, and is not kept");
	return part_of_location(context, value->types, value->db, target, location, place->offset,
				target_ret);
}

/* A pointer to a function leads to its code, which has no content. */
static struct sdb_error *follow_to(struct sdb_value *value, const struct sdb_context *context,
				   sdb_type_id target, int64_t offset,
				   struct sdb_value **target_ret)
{
	number_signed address;
	struct sdb_error *error = value_load(value, context);
	if (error)
		return error;
	const struct place *implicit = value_implicit(value);
	if (implicit && value->absence == SDB_ABSENT_POINTER) {
		struct place moved = *implicit;
		if (__builtin_add_overflow(moved.offset, offset, &moved.offset))
			return sdb_error_new(SDB_ERROR_INVALID,
					     "a pointer far outside of what it points into");
		return follow_implicit(value, context, &moved, target, target_ret);
	}
	error = value_integer(value, context, &address);
	return error ? error : sdb_value_at(context, value->db, target, (uint64_t)address
					    + (uint64_t)offset,
					    target_ret);
}

struct sdb_error *sdb_value_follow(struct sdb_value *value, const struct sdb_context *context,
				   struct sdb_value **target_ret)
{
	TYPES_HOLD(value->types);
	const struct sdb_type *type, *target;
	struct sdb_error *error = value_stripped(value, &type);
	if (error)
		return error;
	if (value->kind == SDB_TYPE_ARRAY)
		return sdb_value_element(value, context, 0, target_ret);
	if (value->kind != SDB_TYPE_POINTER && !types_is_reference(value->kind))
		return value_is_no(value, "pointer");
	error = types_strip(value->types, value->db, type->target, &target);
	if (!error && target->kind == SDB_TYPE_NONE)
		error = sdb_error_new(SDB_ERROR_INVALID,
				      "what a pointer to void points to has no type");
	return error ? error : follow_to(value, context, type->target, 0, target_ret);
}

struct sdb_error *sdb_value_element(struct sdb_value *value, const struct sdb_context *context,
				    int64_t index, struct sdb_value **element_ret)
{
	TYPES_HOLD(value->types);
	const struct sdb_type *type;
	struct sdb_value part;
	uint64_t size, base;
	int64_t distance = 0;
	bool known;
	struct sdb_error *error = value_stripped(value, &type);
	if (error)
		return error;
	if (value->kind == SDB_TYPE_POINTER) {
		error = types_size(value->types, value->db, type->target, &size, &known);
		if (!error && (!known || __builtin_mul_overflow((int64_t)size, index, &distance)))
			error = sdb_error_new(SDB_ERROR_INVALID,
					      "what the pointer points to has no size");
		return error ? error : follow_to(value, context, type->target, distance,
						 element_ret);
	}
	if (value->kind != SDB_TYPE_ARRAY)
		return value_is_no(value, "pointer");
	uint64_t count;
	error = value_elements(value, &count, &known);
	if (error)
		return error;
	if (index >= 0 && (!known || (uint64_t)index < count)) {
		error = value_element_part(value, context, (uint64_t)index, &part);
		return error ? error : value_detach(&part, element_ret);
	}
	/* Outside of the array C reads what lies there. */
	if (!sdb_value_address(value, &base))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "index %lld is outside of the array",
				     (long long)index);
	error = value_element_part(value, context, 0, &part);
	if (error)
		return error;
	location_unref(part.location);
	struct place place = { .kind = PLACE_MEMORY, .address = base
			       + part.size * (uint64_t)index };
	sdb_error_free(value_set_absent(&part, SDB_ABSENT_MEMORY, NULL));
	part.absence = SDB_PRESENT;
	part.loaded = false;
	part.bit_start = 0;
	part.location = NULL;
	error = location_single(&place, &part.location);
	if (!error)
		return value_detach(&part, element_ret);
	value_deinit(&part);
	return error;
}

struct sdb_error *sdb_value_address_of(const struct sdb_value *value,
				       const struct sdb_context *context,
				       struct sdb_value **pointer_ret)
{
	TYPES_HOLD(value->types);
	uint64_t address;
	sdb_type_id type, target = value->type;
	if (value->bit_size)
		return sdb_error_new(SDB_ERROR_INVALID, "a bit-field has no address");
	if (!sdb_value_address(value, &address))
		return sdb_error_new(SDB_ERROR_INVALID,
				     "the value is not in memory, so it has no address");
	struct sdb_error *error = types_derive(value->types, value->db, SDB_TYPE_POINTER, target, 0,
					       &type);
	return error ? error : value_of_integer(context, value->types, value->db, type, address,
						pointer_ret);
}

/* ---- text ------------------------------------------------------------------------------------ */

/* DW_ATE_*: DWARF 5, 7.8. */
enum { ATE_SIGNED = 5, ATE_SIGNED_CHAR = 6, ATE_UNSIGNED = 7, ATE_UNSIGNED_CHAR = 8,
       ATE_UTF = 0x10 };

static char prefix_of(const char *name)
{
	return strcmp(name, "wchar_t") == 0 ? 'L' : strcmp(name, "char16_t") == 0 ? 'u'
		: strcmp(name, "char32_t") == 0 ? 'U' : 0;
}

struct sdb_error *value_character(const struct sdb_value *value, sdb_type_id id,
				  unsigned *width_ret,
				  char *prefix_ret)
{
	const struct sdb_type *type;
	const char *name;
	*width_ret = 0;
	*prefix_ret = 0;
	for (unsigned i = 0; i < TYPES_MAX_DEPTH; i++) {
		struct sdb_error *error = types_get(value->types, value->db, id, &type);
		if (!error)
			error = types_name(value->types, value->db, type, &name);
		if (error)
			return error;
		if (!*prefix_ret)
			*prefix_ret = prefix_of(name);
		if (type->kind != SDB_TYPE_TYPEDEF && !types_is_qualifier(type->kind))
			break;
		id = type->target;
	}
	if (type->kind != SDB_TYPE_BASE || type->size > 4)
		return NULL;
	bool integer = (type->encoding >= ATE_SIGNED && type->encoding <= ATE_UNSIGNED_CHAR)
		|| type->encoding == ATE_UTF;
	if (integer && (type->size == 1 || *prefix_ret))
		*width_ret = (unsigned)type->size;
	return NULL;
}

/* Reads a text of at most LIMIT bytes at ADDRESS, in pieces that end where memory may. */
static struct sdb_error *read_string(const struct sdb_context *context, uint64_t address,
				     size_t limit,
				     char *text, size_t *length_ret, bool *ended_ret)
{
	size_t length = 0;
	*ended_ret = false;
	while (length < limit) {
		size_t part = 64 - (size_t)((address + length) % 64);
		part = part < limit - length ? part : limit - length;
		struct sdb_error *error = context->ops->read_memory
			? context->ops->read_memory(context->arg, address + length, text + length,
						    part)
			: sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
		if (error && length == 0)
			return error;
		if (error) {
			sdb_error_free(error);
			break;
		}
		const char *end = memchr(text + length, 0, part);
		if (end) {
			*length_ret = (size_t)(end - text);
			*ended_ret = true;
			return NULL;
		}
		length += part;
	}
	*length_ret = length;
	return NULL;
}

/* The text of an array, up to its first NUL. */
static struct sdb_error *array_string(struct sdb_value *value, const struct sdb_context *context,
				      size_t limit, char *text, size_t *length_ret, bool *ended_ret)
{
	struct sdb_error *error = value_need(value, context);
	if (error)
		return error;
	size_t size = value->size < limit ? (size_t)value->size : limit;
	memcpy(text, value->bytes, size);
	const char *end = memchr(text, 0, size);
	*length_ret = end ? (size_t)(end - text) : size;
	*ended_ret = end || size == value->size;
	return NULL;
}

struct sdb_error *sdb_value_string(struct sdb_value *value, const struct sdb_context *context,
				   size_t limit, char **text_ret, size_t *length_ret, bool *cut_ret)
{
	TYPES_HOLD(value->types);
	const struct sdb_type *type;
	unsigned width;
	char prefix;
	size_t length;
	bool ended;
	uint64_t address;
	limit = limit == 0 ? DEFAULT_STRING : limit > MAX_STRING ? MAX_STRING : limit;
	struct sdb_error *error = value_stripped(value, &type);
	if (!error)
		error = value_character(value, type->target, &width, &prefix);
	if (error)
		return error;
	if ((value->kind != SDB_TYPE_POINTER && value->kind != SDB_TYPE_ARRAY) || width != 1)
		return sdb_error_new(
			SDB_ERROR_INVALID,
			"the value is neither a pointer to nor an array of characters");
	char *text = malloc(limit + 1);
	if (!text)
		return value_no_memory();
	if (value->kind == SDB_TYPE_ARRAY) {
		error = array_string(value, context, limit, text, &length, &ended);
	} else {
		error = sdb_value_unsigned(value, context, &address);
		if (!error)
			error = read_string(context, address, limit, text, &length, &ended);
	}
	if (error) {
		free(text);
		return error;
	}
	text[length] = '\0';
	*text_ret = text;
	if (length_ret)
		*length_ret = length;
	if (cut_ret)
		*cut_ret = !ended;
	return NULL;
}
