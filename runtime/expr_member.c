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

/* ---- methods ------------------------------------------------------------------------------------- */

struct method_search {
	struct parser *parser;
	struct sdb_db *db;
	const char *name;
	int arguments;          /* -1: any number */
	unsigned visits;
	sdb_function_id found;
	unsigned quality;       /* of what was found; 0: nothing */
	uint32_t flags;         /* of it: enum sdb_function_flags */
	uint32_t virtual_index;
};

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

static int parameters_of(const struct sdb_function *function)
{
	int count = (int)function->parameter_count;
	bool object = count && function->parameters[0].flags & SDB_LOCAL_ARTIFICIAL;
	return object ? count - 1 : count;
}

static struct sdb_error *take_method(void *arg, struct sdb_entity entity)
{
	struct method_search *search = arg;
	struct sdb_function *function;
	const char *name;
	if (entity.kind != SDB_ENTITY_FUNCTION || search->visits == 0)
		return NULL;
	search->visits--;
	struct sdb_error *error = sdb_function(search->db, entity.id, false, &function);
	if (error)
		return error;
	error = types_text(search->parser->types, search->db, function->name, &name);
	/* Of several the first that takes that many arguments. */
	unsigned quality = 1 + (parameters_of(function) == search->arguments);
	if (!error && strcmp(name, search->name) == 0 && quality > search->quality) {
		search->quality = quality;
		search->found = entity.id;
		search->flags = function->flags;
		search->virtual_index = function->virtual_index;
	}
	sdb_function_free(function);
	return error;
}

/* Looks in the class of WHOLE, then in its bases; *OBJECT_RET is the part that has the method. */
static struct sdb_error *find_method(struct method_search *search, struct sdb_value *whole,
				     unsigned depth, struct sdb_value **object_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = value_stripped(whole, &type);
	if (error || depth > MAX_DEPTH || !types_is_structure(type->kind) || type->id >= TYPES_OWN
	    || search->visits == 0)
		return error;
	search->visits--;
	search->db = whole->db;
	error = sdb_children(whole->db, type->id, take_method, search);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	if (error || search->found)
		return error ? error : sdb_value_copy(whole, object_ret);
	for (size_t i = 0; !error && !search->found && i < type->member_count; i++) {
		struct sdb_value base;
		if (type->members[i].kind != SDB_MEMBER_BASE)
			continue;
		error = value_member_part(whole, search->parser->context, &type->members[i], &base);
		if (error)
			return error;
		error = find_method(search, &base, depth + 1, object_ret);
		value_deinit(&base);
	}
	return error;
}

/* The pointer at ADDRESS. */
static struct sdb_error *read_address(struct parser *parser, const struct sdb_value *value,
				      uint64_t address, uint64_t *pointer_ret)
{
	const struct sdb_context *context = parser->context;
	uint8_t bytes[8];
	unsigned size = types_address_size(value->db);
	if (!context->ops->read_memory)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
	struct sdb_error *error = context->ops->read_memory(context->arg, address, bytes, size);
	if (!error)
		*pointer_ret = (uint64_t)number_get(bytes, size, types_big_endian(value->db));
	return error;
}

/* What stands at OFFSET in the virtual table of the object at OBJECT (2.5.2). */
static struct sdb_error *read_virtual(struct parser *parser, const struct sdb_value *value,
				      uint64_t object, uint64_t offset, uint64_t *function_ret)
{
	uint64_t table = 0;
	struct sdb_error *error = read_address(parser, value, object, &table);
	return error ? error : read_address(parser, value, table + offset, function_ret);
}

/* The function, of the type that FOUND has, that a call through OBJECT leads to. */
static struct sdb_error *dispatch(struct method_search *search, const struct sdb_value *object,
				  uint64_t address, struct sdb_value **value_ret)
{
	struct parser *parser = search->parser;
	struct sdb_function *function;
	sdb_type_id type;
	uint64_t entry = 0;
	unsigned size = types_address_size(object->db);
	struct sdb_error *error = read_virtual(parser, object, address,
					       (uint64_t)search->virtual_index * size, &entry);
	if (!error)
		error = sdb_function(object->db, search->found, false, &function);
	if (error)
		return error;
	error = types_function(parser->types, object->db, function, &type);
	sdb_function_free(function);
	return error ? error : sdb_value_at(parser->context, object->db, type, entry, value_ret);
}

static struct sdb_error *bind_method(struct method_search *search, struct sdb_value *object,
				     bool virtually, struct sdb_value **value_ret)
{
	struct sdb_context there = *search->parser->context;
	uint64_t address;
	bool has_address = sdb_value_address(object, &address);
	struct sdb_error *error;
	if (object->db != there.db)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "the class of the object is another module's");
	if (virtually && has_address && search->virtual_index != UINT32_MAX
	    && search->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL))
		error = dispatch(search, object, address, value_ret);
	else
		error = sdb_value_function(&there, search->found, value_ret);
	if (!error && has_address && !(search->flags & SDB_FUNCTION_STATIC_MEMBER))
		value_bind(*value_ret, address);
	return error;
}

/* MISSED: there is no data member NAME; owned. */
static struct sdb_error *read_method(struct parser *parser, struct sdb_value *whole,
				     const char *name, bool qualified, struct sdb_error *missed,
				     struct sdb_value **value_ret)
{
	struct method_search search = { .parser = parser, .name = name, .visits = MAX_VISITS,
					.arguments = count_arguments(parser) };
	struct sdb_value *object = NULL;
	struct sdb_error *error = find_method(&search, whole, 0, &object);
	if (error || !object) {
		if (error)
			sdb_error_free(missed);
		return error ? error : missed;
	}
	sdb_error_free(missed);
	/* As in C++: `object.Class::method()` is that very one. */
	error = bind_method(&search, object, !qualified && search.arguments >= 0, value_ret);
	sdb_value_free(object);
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
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND && types_is_structure(whole->kind))
		error = read_method(parser, whole, last ? last + 1 : name, last != NULL, error,
				    value_ret);
	sdb_value_free(whole);
	return error;
}

/* ---- pointers to members: `.*` and `->*` -------------------------------------------------------------- */

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
	error = value_part(object, parser->context, type->target, 0, (uint64_t)offset * 8, 0, &part);
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
		error = read_virtual(parser, pointer, address, function - 1, &function);
	if (!error)
		error = sdb_value_at(parser->context, pointer->db, type->target, function, value_ret);
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

/* ---- pointers to members: `&Class::member` ----------------------------------------------------------- */

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
	bool virtual = function->flags & SDB_FUNCTION_VIRTUAL && function->virtual_index != UINT32_MAX;
	pointer = virtual ? (uint64_t)function->virtual_index * size + 1 : address;
	sdb_type_id class = function->scope.id;
	sdb_function_free(function);
	if (!method)
		return NULL;
	number_put(bytes, size, big, pointer);
	error = types_member_pointer(parser->types, value->db, class, value->type, &type);
	return error ? error : value_of_bytes(parser->context, parser->types, value->db, type, bytes,
					      2 * (size_t)size, value_ret);
}
