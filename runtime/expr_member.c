/* SPDX-License-Identifier: MIT */
/* Members of objects, data and functions; pointers to members (Itanium C++ ABI, 2.3). */
#include "expr.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16     /* of base classes */
#define MAX_VISITS 10000 /* of methods and classes in one search */

/* The structure that pointers and references lead to. */
static struct sdb_error *structure_of(struct parser *parser, struct sdb_value *value,
				      struct sdb_value **whole_ret)
{
	struct sdb_error *error = sdb_value_copy(value, whole_ret);
	for (unsigned i = 0; !error && i < 3; i++) {
		struct sdb_value *pointer = *whole_ret;
		if (pointer->kind != SDB_TYPE_POINTER && !types_is_reference(pointer->kind))
			return NULL;
		error = sdb_value_follow(pointer, parser->context, whole_ret);
		sdb_value_free(pointer);
	}
	return error;
}

/* ---- methods --------------------------------------------------------------------------------- */

/* How many arguments stand behind the `(` that is next; -1: none is. */
static int count_arguments(struct parser *parser)
{
	if (!expr_next(parser, "("))
		return -1;
	int depth = 0, commas = 0;
	bool any = false;
	char quote = 0;
	for (const char *at = parser->at; *at; at++) {
		if (quote) {
			at += *at == '\\' && at[1];
			quote = *at == quote ? 0 : quote;
			continue;
		}
		if (*at == '"' || *at == '\'')
			quote = *at;
		if (*at == ')' || *at == ']')
			if (--depth == 0)
				break;
		any |= depth > 0 && *at != ' ';
		commas += depth == 1 && *at == ',';
		depth += *at == '(' || *at == '[';
	}
	return any ? commas + 1 : 0;
}

/* MISSED: there is no data member NAME; owned. */
static struct sdb_error *read_method(struct parser *parser, struct sdb_value *whole,
				     const char *name, bool qualified, struct sdb_error *missed,
				     struct sdb_value **value_ret)
{
	int arguments = count_arguments(parser);
	/* As in C++: `object.Class::method()` is that very one. */
	struct sdb_error *error = value_method(whole, parser->context, name, arguments,
					       !qualified && arguments >= 0, value_ret);
	if (!error && !*value_ret)
		return missed;
	sdb_error_free(missed);
	return error;
}

struct sdb_error *expr_member(struct parser *parser, struct sdb_value *value,
			      struct sdb_value **value_ret)
{
	struct sdb_value *whole;
	char name[256];
	expr_next(parser, "");
	size_t length = expr_name_length(parser->at);
	if (length == 0 || length >= sizeof(name))
		return expr_error(parser, "a member's name is missing");
	memcpy(name, parser->at, length);
	name[length] = '\0';
	parser->at += length;
	if (parser->skipping)
		return expr_dummy(parser, value_ret);
	struct sdb_error *error = structure_of(parser, value, &whole);
	if (error)
		return error;
	const char *last = strrchr(name, ':');
	error = sdb_value_member(whole, parser->context, last ? last + 1 : name, value_ret);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND
	    && types_is_structure(whole->kind))
		error = read_method(parser, whole, last ? last + 1 : name, last != NULL, error,
				    value_ret);
	sdb_value_free(whole);
	return error;
}

/* ---- pointers to members: `.*` and `->*` ----------------------------------------------------- */

/* The part of OBJECT that is its base class CLASS, or OBJECT itself. */
static struct sdb_error *base_of(struct parser *parser, struct sdb_value *object, sdb_type_id class,
				 struct sdb_value **base_ret)
{
	const struct sdb_type *wanted;
	uint64_t offset, address;
	bool found;
	struct sdb_error *error = types_strip(parser->types, object->db, class, &wanted);
	if (error)
		return error;
	if (!types_is_structure(object->kind) || !types_is_structure(wanted->kind))
		return expr_error(parser, "a pointer to a member of something that is no class");
	if (wanted->id == object->stripped)
		return sdb_value_copy(object, base_ret);
	if (!sdb_value_address(object, &address))
		return expr_error(parser, "an object without an address");
	error = value_base_offset(object, parser->context, object->stripped, wanted->id, address,
				  &offset, &found);
	if (!error && !found)
		error = expr_error(parser, "a pointer to a member of another class");
	return error ? error : sdb_value_at(parser->context, object->db, wanted->id,
					    address + offset, base_ret);
}

static struct sdb_error *data_at(struct parser *parser, struct sdb_value *object,
				 struct sdb_value *pointer, const struct sdb_type *type,
				 struct sdb_value **value_ret)
{
	struct sdb_value part;
	number_signed offset;
	struct sdb_error *error = value_integer(pointer, parser->context, &offset);
	if (error)
		return error;
	if (offset < 0 || offset > INT32_MAX)
		return expr_error(parser, "a pointer to no member");
	error = value_part(object, parser->context, type->target, 0, (uint64_t)offset * 8, 0,
			   &part);
	return error ? error : value_detach(&part, value_ret);
}

static struct sdb_error *method_at(struct parser *parser, struct sdb_value *object,
				   struct sdb_value *pointer, const struct sdb_type *type,
				   struct sdb_value **value_ret)
{
	uint64_t address, function;
	bool big = types_big_endian(pointer->db);
	size_t half = (size_t)pointer->size / 2;
	struct sdb_error *error = value_need(pointer, parser->context);
	if (error)
		return error;
	if (!sdb_value_address(object, &address) || half == 0 || half > 8)
		return expr_error(parser, "an object without an address");
	function = (uint64_t)number_get(pointer->bytes, half, big);
	address += (uint64_t)number_extend(number_get(pointer->bytes + half, half, big),
					   (unsigned)half * 8);
	if (function == 0)
		return expr_error(parser, "a pointer to no member");
	if (function & 1)
		error = value_virtual(pointer, parser->context, address, function - 1, &function);
	if (!error)
		error = sdb_value_at(parser->context, pointer->db, type->target, function,
				     value_ret);
	if (!error)
		value_bind(*value_ret, address);
	return error;
}

struct sdb_error *expr_pointed_member(struct parser *parser, struct sdb_value *left,
				      struct sdb_value *right, struct sdb_value **value_ret)
{
	const struct sdb_type *type, *target;
	struct sdb_value *whole, *object;
	if (right->kind != SDB_TYPE_MEMBER_POINTER)
		return expr_error(parser, "no pointer to a member");
	struct sdb_error *error = value_stripped(right, &type);
	if (!error)
		error = types_strip(parser->types, right->db, type->target, &target);
	if (!error)
		error = structure_of(parser, left, &whole);
	if (error)
		return error;
	error = whole->db == right->db ? base_of(parser, whole, type->containing, &object)
		: expr_error(parser, "a pointer to a member of another module's class");
	sdb_value_free(whole);
	if (error)
		return error;
	error = (target->kind == SDB_TYPE_FUNCTION ? method_at : data_at)(parser, object, right,
									  type, value_ret);
	sdb_value_free(object);
	return error;
}

/* ---- pointers to members: `&Class::member` --------------------------------------------------- */

struct field_search {
	struct parser *parser;
	struct sdb_db *db;
	const char *name;
	unsigned visits;
	const struct sdb_member *found;
	sdb_type_id class; /* that it was found in */
};

static struct sdb_error *find_field(struct field_search *search, sdb_type_id class, unsigned depth)
{
	const struct sdb_type *type;
	struct sdb_error *error = types_strip(search->parser->types, search->db, class, &type);
	for (size_t i = 0; !error && i < type->member_count && search->visits; i++) {
		const struct sdb_member *member = &type->members[i];
		const char *name;
		search->visits--;
		if (member->kind == SDB_MEMBER_BASE
		    || member->flags & (SDB_MEMBER_STATIC | SDB_MEMBER_CONST_VALUE))
			continue;
		error = types_text(search->parser->types, search->db, member->name, &name);
		if (error || strcmp(name, search->name) != 0)
			continue;
		search->found = member;
		search->class = type->id;
		return NULL;
	}
	for (size_t i = 0; !error && i < type->member_count && !search->found && search->visits
	     && depth < MAX_DEPTH; i++)
		if (type->members[i].kind == SDB_MEMBER_BASE)
			error = find_field(search, type->members[i].type, depth + 1);
	return error;
}

/* CLASS is that part of NAME that stands in front of its last `::`. */
static struct sdb_error *point_to_field(struct parser *parser, const char *where, const char *class,
					const char *name, struct sdb_value **value_ret)
{
	struct field_search search = { .parser = parser, .name = name, .visits = MAX_VISITS };
	sdb_type_id type;
	*value_ret = NULL;
	struct sdb_error *error = expr_find_type(parser, where, class, &search.db, &type);
	if (!error)
		error = find_field(&search, type, 0);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return NULL;
	}
	if (error || !search.found)
		return error;
	if (search.found->flags & SDB_MEMBER_BITFIELD || search.found->bit_size)
		return expr_error(parser, "a pointer to a bit-field");
	error = types_member_pointer(parser->types, search.db, search.class, search.found->type,
				     &type);
	return error ? error : value_of_integer(parser->context, parser->types, search.db, type,
						search.found->bit_offset / 8, value_ret);
}

struct sdb_error *expr_member_address(struct parser *parser, struct sdb_value **value_ret)
{
	const char *start = parser->at;
	char *where, *name;
	*value_ret = NULL;
	expr_next(parser, "");
	struct sdb_error *error = expr_name(parser, &where, &name);
	if (error)
		return error;
	char *last = name ? strrchr(name, ':') : NULL;
	if (last && last - name >= 2 && !parser->skipping) {
		last[-1] = '\0';
		error = point_to_field(parser, where, name, last + 1, value_ret);
	}
	free(where);
	free(name);
	if (!*value_ret)
		parser->at = start;
	return error;
}

/* `&Class::method`, of a function that no object was named for. */
struct sdb_error *expr_method_address(struct parser *parser, const struct sdb_value *value,
				      struct sdb_value **value_ret)
{
	struct sdb_function *function;
	uint64_t address, pointer;
	sdb_type_id type;
	unsigned size = types_address_size(value->db);
	uint8_t bytes[16] = { 0 };
	bool big = types_big_endian(value->db);
	*value_ret = NULL;
	if (!value->function || value->bound || !sdb_value_address(value, &address))
		return NULL;
	struct sdb_error *error = sdb_function(value->db, value->function, false, &function);
	if (error)
		return error;
	bool method = function->scope.kind == SDB_SCOPE_TYPE && function->parameter_count
		&& function->parameters[0].flags & SDB_LOCAL_ARTIFICIAL;
	bool virtual = function->flags & SDB_FUNCTION_VIRTUAL
		&& function->virtual_index != UINT32_MAX;
	pointer = virtual ? (uint64_t)function->virtual_index * size + 1 : address;
	sdb_type_id class = function->scope.id;
	sdb_function_free(function);
	if (!method)
		return NULL;
	number_put(bytes, size, big, pointer);
	error = types_member_pointer(parser->types, value->db, class, value->type, &type);
	return error ? error
		     : value_of_bytes(parser->context, parser->types, value->db, type, bytes,
				      2 * (size_t)size, value_ret);
}
