/* SPDX-License-Identifier: MIT */
/* Members, base classes and elements. */
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16      /* of anonymous structures and base classes */
#define MAX_VISITS 100000 /* of members in one search */

/* ---- parts of what is loaded, or not yet ----------------------------------------------------- */

/* The bits of a bit-field in the loaded WHOLE, as a number of the field's type. */
static struct sdb_error *extract_bits(const struct sdb_value *whole, uint64_t bit_offset,
				      struct sdb_value *part)
{
	enum value_class class;
	enum number_format format;
	bool is_signed, big = types_big_endian(part->db);
	number_bits bits = 0;
	if (part->size > sizeof(part->small) || part->bit_size > 128)
		return value_set_absent(part, SDB_ABSENT_EXPRESSION, "a bit-field of that size");
	if (bit_offset > whole->size * 8 || part->bit_size > whole->size * 8 - bit_offset)
		return value_set_absent(part, SDB_ABSENT_EXPRESSION,
					"a bit-field outside of its structure");
	for (uint32_t i = 0; i < part->bit_size; i++) {
		uint64_t at = bit_offset + i;
		if (whole->missing && whole->missing[at / 8] >> at % 8 & 1)
			return value_set_absent(part, whole->absence, whole->why);
		/* In a big-endian target bit-fields are counted from the most significant bit. */
		unsigned shift = big ? 7 - at % 8 : at % 8;
		number_bits bit = whole->bytes[at / 8] >> shift & 1;
		bits |= bit << (big ? part->bit_size - 1 - i : i);
	}
	part->loaded = true;
	part->bytes = part->small;
	struct sdb_error *error = value_class(part, &class, &is_signed, &format);
	if (is_signed)
		bits = (number_bits)number_extend(bits, part->bit_size);
	number_put(part->small, (size_t)part->size, big, bits);
	return error;
}

static struct sdb_error *borrow(const struct sdb_value *whole, uint64_t bit_offset,
				struct sdb_value *part)
{
	uint64_t end;
	if (whole->absence && !whole->missing)
		return value_set_absent(part, whole->absence, whole->why);
	if (part->bit_size)
		return extract_bits(whole, bit_offset, part);
	if (!part->sized)
		return NULL; /* a flexible array: read by itself */
	if (bit_offset % 8 || __builtin_add_overflow(bit_offset / 8, part->size, &end)
	    || end > whole->size)
		return value_set_absent(part, SDB_ABSENT_EXPRESSION,
					"a member outside of its structure");
	part->bytes = whole->bytes + bit_offset / 8;
	part->missing = whole->missing ? whole->missing + bit_offset / 8 : NULL;
	part->borrowed = part->loaded = true;
	if (!value_any_missing(part)) {
		part->missing = NULL;
		return NULL;
	}
	part->absence = whole->absence;
	return whole->why && !(part->why = strdup(whole->why)) ? value_no_memory() : NULL;
}

/* A bit-field of something in memory that is not loaded: the bytes that hold it are. */
static struct sdb_error *load_bit_field(const struct sdb_context *context, struct sdb_value *part)
{
	uint64_t first = part->bit_start / 8;
	struct sdb_value around = { .db = part->db, .types = types_ref(part->types),
				    .type = TYPES_UNSIGNED_CHAR,
				    .stripped = TYPES_UNSIGNED_CHAR, .kind = SDB_TYPE_BASE,
				    .sized = true,
				    .location = location_ref(part->location),
				    .bit_start = first * 8 };
	around.size = (part->bit_start + part->bit_size + 7) / 8 - first;
	struct sdb_error *error = value_load(&around, context);
	if (!error && around.absence && !around.missing)
		error = value_set_absent(part, around.absence, around.why);
	else if (!error)
		error = extract_bits(&around, part->bit_start - first * 8, part);
	value_deinit(&around);
	return error;
}

struct sdb_error *value_part(const struct sdb_value *whole, const struct sdb_context *context,
			     sdb_type_id type, unsigned dimension, uint64_t bit_offset,
			     uint32_t bit_size,
			     struct sdb_value *part_ret)
{
	struct sdb_error *error = value_init(part_ret, context, whole->types, whole->db, type);
	if (error)
		return error;
	part_ret->location = location_ref(whole->location);
	if (__builtin_add_overflow(whole->bit_start, bit_offset, &part_ret->bit_start))
		error = sdb_error_new(SDB_ERROR_CORRUPT,
				      "%s: a member far outside of its structure",
				      sdb_db_path(whole->db));
	part_ret->bit_size = bit_size;
	part_ret->dimension = dimension;
	if (!error && whole->loaded)
		error = borrow(whole, bit_offset, part_ret);
	else if (!error && bit_size && part_ret->bit_start < UINT64_MAX - bit_size - 8)
		error = load_bit_field(context, part_ret);
	if (error)
		value_deinit(part_ret);
	return error;
}

/* ---- static members and virtual bases -------------------------------------------------------- */

struct static_search {
	struct sdb_value *whole;
	sdb_variable_id found;
};

static struct sdb_error *take_static(void *arg, sdb_name_id name, const char *text,
				     struct sdb_entity entity)
{
	struct static_search *search = arg;
	struct sdb_variable *variable;
	(void)name, (void)text;
	struct sdb_error *error = sdb_variable(search->whole->db, entity.id, &variable);
	if (error)
		return error;
	if (!search->found || variable->location.kind != SDB_LOCATION_NONE)
		search->found = entity.id;
	sdb_variable_free(variable);
	return NULL;
}

/* The variable that holds static member MEMBER; 0 when there is none. */
static struct sdb_error *find_static(struct sdb_value *whole, const struct sdb_member *member,
				     sdb_variable_id *found_ret)
{
	struct static_search search = { whole, 0 };
	const char *name;
	char *class, *qualified = NULL;
	*found_ret = 0;
	struct sdb_error *error = types_text(whole->types, whole->db, member->name, &name);
	if (!error)
		error = sdb_qualified_name(whole->db,
					   (struct sdb_entity){ SDB_ENTITY_TYPE, whole->stripped },
					   &class);
	if (error)
		return error;
	if (asprintf(&qualified, "%s::%s", class, name) < 0)
		error = value_no_memory();
	free(class);
	if (!error)
		error = sdb_lookup(whole->db, qualified, SDB_MATCH_EXACT, 1u << SDB_ENTITY_VARIABLE,
				   take_static,
				   &search);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	free(qualified);
	*found_ret = search.found;
	return error;
}

static struct sdb_error *static_part(struct sdb_value *whole, const struct sdb_context *context,
				     const struct sdb_member *member, struct sdb_value *part_ret)
{
	sdb_variable_id variable;
	struct sdb_value *value;
	if (member->flags & SDB_MEMBER_CONST_VALUE && whole->stripped < TYPES_OWN) {
		struct sdb_error *error = value_of_integer(context, whole->types, whole->db,
							   member->type,
							   member->value, &value);
		if (error)
			return error;
	} else {
		struct sdb_error *error = find_static(whole, member, &variable);
		if (!error && !variable) {
			error = value_init(part_ret, context, whole->types, whole->db,
					   member->type);
			return error ? error : value_set_absent(part_ret, SDB_ABSENT_OPTIMIZED_OUT,
								NULL);
		}
		if (!error)
			error = sdb_value_variable(context, variable, &value);
		if (error)
			return error;
	}
	*part_ret = *value;
	if (value->bytes == value->small)
		part_ret->bytes = part_ret->small;
	free(value);
	return NULL;
}

/* DWARF 5, 5.7.3: the place of a virtual base is computed from the object's address. */
static struct sdb_error *virtual_part(struct sdb_value *whole, const struct sdb_context *context,
				      const struct sdb_member *member, struct sdb_value *part_ret)
{
	struct sdb_expression expression = { member->location, member->location_length };
	uint64_t object;
	enum sdb_absence absence = SDB_ABSENT_EXPRESSION;
	struct sdb_error *error = NULL;
	struct place place = { .kind = PLACE_MEMORY };
	struct sdb_error *failed = value_init(part_ret, context, whole->types, whole->db,
					      member->type);
	if (failed)
		return failed;
	if (sdb_value_address(whole, &object)) {
		struct sdb_context there = *context;
		there.db = whole->db;
		error = location_number(&there, &expression, &object, &place.address, &absence);
		if (!error)
			failed = location_single(&place, &part_ret->location);
		/* Out of what is no object, or not yet, it is anywhere: that is said once, not of each of its members. */
		uint8_t first;
		if (!error && !failed && context->ops->read_memory
		    && (error = context->ops->read_memory(context->arg, place.address, &first, 1)))
			absence = SDB_ABSENT_MEMORY;
	} else {
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "an object without an address");
	}
	if (error && absence)
		failed = value_set_absent(part_ret, absence, sdb_error_message(error));
	else if (error)
		failed = error, error = NULL;
	sdb_error_free(error);
	if (failed)
		value_deinit(part_ret);
	return failed;
}

struct sdb_error *value_member_part(struct sdb_value *whole, const struct sdb_context *context,
				    const struct sdb_member *member, struct sdb_value *part_ret)
{
	if (member->flags & (SDB_MEMBER_STATIC | SDB_MEMBER_CONST_VALUE))
		return static_part(whole, context, member, part_ret);
	if (member->flags & SDB_MEMBER_VIRTUAL && member->location)
		return virtual_part(whole, context, member, part_ret);
	return value_part(whole, context, member->type, 0, member->bit_offset,
			  member->bit_size || member->flags & SDB_MEMBER_BITFIELD ? member->bit_size
			  : 0, part_ret);
}

/* ---- elements -------------------------------------------------------------------------------- */

static uint64_t count_of(const struct sdb_value *whole, const struct sdb_type *type,
			 unsigned dimension,
			 bool *known)
{
	if (whole->counts)
		return whole->counts[dimension];
	*known = *known && type->dimensions[dimension].kind == SDB_DIMENSION_COUNT;
	return type->dimensions[dimension].count;
}

struct sdb_error *value_elements(const struct sdb_value *whole, uint64_t *count_ret,
				 bool *known_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(whole, &type);
	*count_ret = 0;
	*known_ret = !error && whole->kind == SDB_TYPE_ARRAY
		&& whole->dimension < type->dimension_count;
	if (*known_ret)
		*count_ret = count_of(whole, type, whole->dimension, known_ret);
	return error;
}

struct sdb_error *value_element_shape(const struct sdb_value *whole, sdb_type_id *type_ret,
				      unsigned *dimension_ret, uint64_t *size_ret, bool *known_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(whole, &type);
	if (!error)
		error = types_size(whole->types, whole->db, type->target, size_ret, known_ret);
	if (error)
		return error;
	*type_ret = type->target;
	*dimension_ret = 0;
	if (type->kind != SDB_TYPE_ARRAY || whole->dimension + 1 >= type->dimension_count)
		return NULL;
	/* An array of the rest of the dimensions: the same type, further in. */
	*type_ret = whole->type;
	*dimension_ret = whole->dimension + 1;
	for (unsigned i = *dimension_ret; i < type->dimension_count && *known_ret; i++) {
		uint64_t count = count_of(whole, type, i, known_ret);
		*known_ret = *known_ret && !__builtin_mul_overflow(*size_ret, count, size_ret);
	}
	return NULL;
}

struct sdb_error *value_element_part(struct sdb_value *whole, const struct sdb_context *context,
				     uint64_t index, struct sdb_value *part_ret)
{
	sdb_type_id type;
	unsigned dimension;
	uint64_t size, bits;
	bool known;
	struct sdb_error *error = value_element_shape(whole, &type, &dimension, &size, &known);
	if (error)
		return error;
	if (!known || __builtin_mul_overflow(size, index, &bits)
	    || __builtin_mul_overflow(bits, 8, &bits))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "the elements of the array have no size");
	if (!dimension)
		return value_part(whole, context, type, 0, bits, 0, part_ret);
	/* The size of the rest is set before the bytes are looked for. */
	bool loaded = whole->loaded;
	whole->loaded = false;
	error = value_part(whole, context, type, dimension, bits, 0, part_ret);
	whole->loaded = loaded;
	if (error)
		return error;
	part_ret->size = size;
	part_ret->sized = true;
	const struct sdb_type *shape;
	error = value_stripped(whole, &shape);
	if (!error && whole->counts && !part_ret->counts) {
		part_ret->counts = malloc(shape->dimension_count * sizeof(*part_ret->counts));
		if (!part_ret->counts)
			error = value_no_memory();
		else
			memcpy(part_ret->counts, whole->counts,
			       shape->dimension_count * sizeof(*part_ret->counts));
	}
	if (!error && whole->loaded)
		error = borrow(whole, bits, part_ret);
	if (error)
		value_deinit(part_ret);
	return error;
}

/* ---- by name --------------------------------------------------------------------------------- */

struct search {
	const struct sdb_context *context;
	const char *name;
	unsigned visits;
	struct sdb_value found;
	bool has_found;
};

static struct sdb_error *search_members(struct search *search, struct sdb_value *whole,
					unsigned depth);

static struct sdb_error *search_inside(struct search *search, struct sdb_value *whole,
				       const struct sdb_member *member, unsigned depth)
{
	struct sdb_value inner;
	struct sdb_error *error = value_member_part(whole, search->context, member, &inner);
	if (error)
		return error;
	if (types_is_structure(inner.kind))
		error = search_members(search, &inner, depth + 1);
	value_deinit(&inner);
	return error;
}

static struct sdb_error *search_members(struct search *search, struct sdb_value *whole,
					unsigned depth)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(whole, &type);
	if (depth > MAX_DEPTH)
		return error;
	for (size_t i = 0; !error && i < type->member_count && search->visits; i++) {
		const char *name = "";
		search->visits--;
		if (type->members[i].kind != SDB_MEMBER_BASE)
			error = types_text(whole->types, whole->db, type->members[i].name, &name);
		if (error || !*name || strcmp(name, search->name) != 0)
			continue;
		error = value_member_part(whole, search->context, &type->members[i],
					  &search->found);
		search->has_found = !error;
		return error;
	}
	for (size_t i = 0; !error && i < type->member_count && !search->has_found
	     && search->visits; i++) {
		search->visits--;
		if (type->members[i].kind == SDB_MEMBER_BASE || !type->members[i].name)
			error = search_inside(search, whole, &type->members[i], depth);
	}
	return error;
}

static struct sdb_error *no_member(const struct sdb_value *value, const char *name)
{
	char *type;
	struct sdb_error *error = sdb_value_type_name(value, &type);
	if (error)
		return error;
	error = types_is_structure(value->kind)
		? sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no member %s", type, name)
		: sdb_error_new(SDB_ERROR_INVALID, "%s is no structure that could have a member %s",
				type, name);
	free(type);
	return error;
}

struct sdb_error *sdb_value_member(struct sdb_value *value, const struct sdb_context *context,
				   const char *name, struct sdb_value **member_ret)
{
	TYPES_HOLD(value->types);
	struct search search = { .context = context, .name = name, .visits = MAX_VISITS };
	struct sdb_error *error = types_is_structure(value->kind)
		? search_members(&search, value, 0) : NULL;
	if (error)
		return error;
	return search.has_found ? value_detach(&search.found, member_ret) : no_member(value, name);
}

size_t sdb_value_member_count(const struct sdb_value *value)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(value, &type);
	if (error) {
		sdb_error_free(error);
		return 0;
	}
	return type->member_count;
}

struct sdb_error *sdb_value_member_at(struct sdb_value *value, const struct sdb_context *context,
				      size_t index, char **name_ret, struct sdb_value **member_ret)
{
	TYPES_HOLD(value->types);
	const struct sdb_type *type;
	struct sdb_value part;
	struct sdb_error *error = value_stripped(value, &type);
	if (!error && index >= type->member_count)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no member %zu of %zu", index,
				      type->member_count);
	if (!error)
		error = value_member_part(value, context, &type->members[index], &part);
	if (!error)
		error = value_detach(&part, member_ret);
	if (!error && name_ret) {
		error = sdb_name(value->db, type->members[index].name, name_ret);
		if (error)
			sdb_value_free(*member_ret);
	}
	return error;
}
