/* SPDX-License-Identifier: MIT */
/* Conversions of C and C++. */
#include "value.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_VISITS 10000 /* of bases in one search */

/* ---- classes and their bases ----------------------------------------------------------------- */

static struct sdb_error *base_address(const struct sdb_value *value,
				      const struct sdb_context *context,
				      const struct sdb_member *member, uint64_t address,
				      uint64_t *base_ret)
{
	struct sdb_expression expression = { member->location, member->location_length };
	struct sdb_context there = *context;
	*base_ret = address + member->bit_offset / 8;
	if (!(member->flags & SDB_MEMBER_VIRTUAL) || !member->location)
		return NULL;
	there.db = value->db;
	return location_number(&there, &expression, &address, base_ret, NULL);
}

struct base_search {
	const struct sdb_value *value;
	const struct sdb_context *context;
	sdb_type_id base;
	unsigned visits;
	uint64_t address; /* where it was found */
	bool found;
};

static struct sdb_error *find_base(struct base_search *search, sdb_type_id class, uint64_t address,
				   unsigned depth)
{
	const struct sdb_value *value = search->value;
	const struct sdb_type *type;
	struct sdb_error *error = types_strip(value->types, value->db, class, &type);
	if (error || depth > MAX_DEPTH || search->visits == 0)
		return error;
	search->visits--;
	if (type->id == search->base) {
		search->address = address;
		search->found = true;
		return NULL;
	}
	for (size_t i = 0; i < type->member_count && !error && !search->found
	     && search->visits; i++) {
		uint64_t inner;
		if (type->members[i].kind != SDB_MEMBER_BASE)
			continue;
		error = base_address(value, search->context, &type->members[i], address, &inner);
		if (!error)
			error = find_base(search, type->members[i].type, inner, depth + 1);
	}
	return error;
}

struct sdb_error *value_base_offset(const struct sdb_value *value,
				    const struct sdb_context *context,
				    sdb_type_id type, sdb_type_id base, uint64_t address,
				    uint64_t *offset_ret, bool *found_ret)
{
	struct base_search search = { .value = value, .context = context, .base = base,
				      .visits = MAX_VISITS,
				      .address = address };
	struct sdb_error *error = find_base(&search, type, address, 0);
	*found_ret = search.found;
	*offset_ret = search.address - address;
	return error;
}

/*
 * From a base at ADDRESS to the object of class WHOLE around it, when that holds one there. A
 * virtual base lies wherever the virtual table says, which also says how far the begin of the
 * complete object is (Itanium C++ ABI, 2.5.2: offset to top).
 */
static struct sdb_error *find_whole(const struct sdb_value *value,
				    const struct sdb_context *context,
				    sdb_type_id whole, sdb_type_id base, uint64_t address,
				    uint64_t *whole_ret,
				    bool *found_ret)
{
	unsigned size = types_address_size(value->db);
	uint8_t bytes[8];
	uint64_t offset;
	bool big = types_big_endian(value->db);
	*whole_ret = address;
	struct sdb_error *error = value_base_offset(value, context, whole, base, address, &offset,
						    found_ret);
	if (!error && *found_ret) {
		*whole_ret = address - offset;
		error = value_base_offset(value, context, whole, base, *whole_ret, &offset,
					  found_ret);
		*found_ret = !error && *found_ret && *whole_ret + offset == address;
	}
	sdb_error_free(error);
	if (*found_ret || !context->ops->read_memory)
		return NULL;
	error = context->ops->read_memory(context->arg, address, bytes, size);
	if (!error)
		error = context->ops->read_memory(context->arg,
						  (uint64_t)number_get(bytes, size, big) - 2 * size,
						  bytes,
						  size);
	if (error) {
		sdb_error_free(error); /* no virtual table: the address stays */
		return NULL;
	}
	*whole_ret = address + (uint64_t)number_extend(number_get(bytes, size, big), size * 8);
	error = value_base_offset(value, context, whole, base, *whole_ret, &offset, found_ret);
	*found_ret = !error && *found_ret && *whole_ret + offset == address;
	sdb_error_free(error);
	return NULL;
}

/* What a pointer has to be moved by when it is converted between classes, up or down. */
static struct sdb_error *class_offset(const struct sdb_value *value,
				      const struct sdb_context *context,
				      sdb_type_id from, sdb_type_id to, uint64_t address,
				      uint64_t *offset_ret)
{
	const struct sdb_type *source, *target;
	bool found = false;
	*offset_ret = 0;
	struct sdb_error *error = types_strip(value->types, value->db, from, &source);
	if (!error)
		error = types_strip(value->types, value->db, to, &target);
	if (error || !address || !types_is_structure(source->kind)
	    || !types_is_structure(target->kind)
	    || source->id == target->id)
		return error;
	error = value_base_offset(value, context, source->id, target->id, address, offset_ret,
				  &found);
	if (error || found)
		return error;
	uint64_t whole;
	error = find_whole(value, context, target->id, source->id, address, &whole, &found);
	*offset_ret = found ? whole - address : 0;
	return error;
}

/* ---- numbers --------------------------------------------------------------------------------- */

struct shape {
	struct sdb_value value; /* of the target type, without content */
	enum value_class class;
	enum number_format format;
	bool is_signed;
};

static struct sdb_error *shape_of(const struct sdb_value *value, const struct sdb_context *context,
				  struct sdb_db *db, sdb_type_id type, struct shape *shape_ret)
{
	struct sdb_error *error = value_init(&shape_ret->value, context, value->types, db, type);
	if (error)
		return error;
	error = value_class(&shape_ret->value, &shape_ret->class, &shape_ret->is_signed,
			    &shape_ret->format);
	if (error)
		value_deinit(&shape_ret->value);
	return error;
}

static struct sdb_error *bad_cast(const struct sdb_value *value, const struct sdb_value *to)
{
	char *from_name, *to_name;
	struct sdb_error *error = sdb_value_type_name(value, &from_name);
	if (error)
		return error;
	error = sdb_value_type_name(to, &to_name);
	if (!error) {
		error = sdb_error_new(SDB_ERROR_INVALID,
				      "a value of type %s cannot be converted to %s", from_name,
				      to_name);
		free(to_name);
	}
	free(from_name);
	return error;
}

/* An array becomes a pointer to its first element, a function one to its code. */
static struct sdb_error *decayed(struct sdb_value *value, const struct sdb_context *context,
				 number_signed *number_ret)
{
	uint64_t address;
	if (value->kind != SDB_TYPE_ARRAY && value->kind != SDB_TYPE_FUNCTION)
		return value_integer(value, context, number_ret);
	if (!sdb_value_address(value, &address))
		return sdb_error_new(SDB_ERROR_INVALID, "the value has no address");
	*number_ret = address;
	return NULL;
}

static struct sdb_error *to_integer(struct sdb_value *value, const struct sdb_context *context,
				    const struct shape *to, struct sdb_value **cast_ret)
{
	enum value_class class;
	enum number_format format;
	bool is_signed;
	number_signed number = 0;
	struct value_complex real;
	struct sdb_error *error = value_class(value, &class, &is_signed, &format);
	if (!error && (class == VALUE_REAL || class == VALUE_COMPLEX)) {
		error = value_halves(value, context, &real);
		if (!error && real.real > -0x1p127L && real.real < 0x1p127L)
			number = (number_signed)real.real;
		if (!error && to->class == VALUE_BOOLEAN)
			number = real.real != 0 || real.imaginary != 0;
	} else if (!error) {
		error = decayed(value, context, &number);
	}
	if (!error && to->class == VALUE_BOOLEAN)
		number = number != 0;
	return error ? error : value_of_integer(context, value->types, to->value.db, to->value.type,
						(number_bits)number, cast_ret);
}

static struct sdb_error *to_pointer(struct sdb_value *value, const struct sdb_context *context,
				    const struct shape *to, struct sdb_value **cast_ret)
{
	const struct sdb_type *from_type, *to_type;
	number_signed number;
	uint64_t offset = 0;
	struct sdb_error *error = decayed(value, context, &number);
	if (!error)
		error = value_stripped(value, &from_type);
	if (!error)
		error = value_stripped(&to->value, &to_type);
	if (!error && value->kind == SDB_TYPE_POINTER && value->db == to->value.db)
		error = class_offset(value, context, from_type->target, to_type->target,
				     (uint64_t)number, &offset);
	return error ? error : value_of_integer(context, value->types, to->value.db, to->value.type,
						(number_bits)((uint64_t)number + offset), cast_ret);
}

/* An object in memory seen as another type, or as one of its bases. */
static struct sdb_error *reinterpret(struct sdb_value *value, const struct sdb_context *context,
				     const struct shape *to, struct sdb_value **cast_ret)
{
	uint64_t address, offset = 0;
	struct sdb_error *error = NULL;
	if (!sdb_value_address(value, &address))
		return value->stripped == to->value.stripped && value->db == to->value.db
			? sdb_value_copy(value, cast_ret) : bad_cast(value, &to->value);
	if (value->db == to->value.db)
		error = class_offset(value, context, value->stripped, to->value.stripped, address,
				     &offset);
	return error ? error : sdb_value_at(context, to->value.db, to->value.type, address + offset,
					    cast_ret);
}

struct sdb_error *sdb_value_cast(struct sdb_value *value, const struct sdb_context *context,
				 struct sdb_db *db, sdb_type_id type, struct sdb_value **cast_ret)
{
	TYPES_HOLD(value->types);
	struct shape to;
	struct value_complex real;
	struct sdb_error *error = shape_of(value, context, db, type, &to);
	if (error)
		return error;
	/* An array is its address where a number is wanted. */
	bool scalar = !types_is_structure(value->kind)
		&& (value->kind != SDB_TYPE_ARRAY
		    || (to.class != VALUE_REAL && to.class != VALUE_COMPLEX));
	/* Complex integers, that GNU C has, are what they are. */
	scalar = scalar && (to.class != VALUE_COMPLEX || to.format);
	switch (scalar ? to.class : VALUE_NOT_NUMBER) {
	case VALUE_REAL:
		/* Of a complex number the imaginary half is left out (C11, 6.3.1.7). */
		error = value_halves(value, context, &real);
		if (!error)
			error = value_of_real(context, value->types, db, type, real.real, cast_ret);
		break;
	case VALUE_COMPLEX:
		error = value_halves(value, context, &real);
		if (!error)
			error = value_of_complex(context, value->types, db, type, real, cast_ret);
		break;
	case VALUE_INTEGER: case VALUE_BOOLEAN:
		error = to_integer(value, context, &to, cast_ret);
		break;
	case VALUE_POINTER:
		error = to_pointer(value, context, &to, cast_ret);
		break;
	default:
		error = reinterpret(value, context, &to, cast_ret);
	}
	value_deinit(&to.value);
	return error;
}
