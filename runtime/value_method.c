/* SPDX-License-Identifier: MIT */
/* Member functions of objects, and which one a call through an object leads to. */
#include "value.h"
#include <stackdb/expression.h>

#include <string.h>

#define MAX_DEPTH 16     /* of base classes */
#define MAX_VISITS 10000 /* of methods and classes in one search */

struct method_search {
	const struct sdb_context *context;
	struct types *types;
	struct sdb_db *db;
	const char *name;
	int arguments;          /* -1: any number */
	unsigned visits;
	sdb_function_id found;
	unsigned quality;       /* of what was found; 0: nothing */
	uint32_t flags;         /* of it: enum sdb_function_flags */
	uint32_t virtual_index;
};

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
	error = types_text(search->types, search->db, function->name, &name);
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
		error = value_member_part(whole, search->context, &type->members[i], &base);
		if (error)
			return error;
		error = find_method(search, &base, depth + 1, object_ret);
		value_deinit(&base);
	}
	return error;
}

/* The pointer at ADDRESS. */
static struct sdb_error *read_address(const struct sdb_value *value,
				      const struct sdb_context *context, uint64_t address,
				      uint64_t *pointer_ret)
{
	uint8_t bytes[8];
	unsigned size = types_address_size(value->db);
	if (!context->ops->read_memory)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "there is no memory");
	struct sdb_error *error = context->ops->read_memory(context->arg, address, bytes, size);
	if (!error)
		*pointer_ret = (uint64_t)number_get(bytes, size, types_big_endian(value->db));
	return error;
}

struct sdb_error *value_virtual(const struct sdb_value *value, const struct sdb_context *context,
				uint64_t object, uint64_t offset, uint64_t *function_ret)
{
	uint64_t table = 0;
	struct sdb_error *error = read_address(value, context, object, &table);
	return error ? error : read_address(value, context, table + offset, function_ret);
}

/* The function, of the type that FOUND has, that a call through OBJECT leads to. */
static struct sdb_error *dispatch(struct method_search *search, const struct sdb_value *object,
				  uint64_t address, struct sdb_value **value_ret)
{
	struct sdb_function *function;
	sdb_type_id type;
	uint64_t entry = 0;
	unsigned size = types_address_size(object->db);
	struct sdb_error *error = value_virtual(object, search->context, address,
						(uint64_t)search->virtual_index * size, &entry);
	if (!error)
		error = sdb_function(object->db, search->found, false, &function);
	if (error)
		return error;
	error = types_function(search->types, object->db, function, &type);
	sdb_function_free(function);
	return error ? error : sdb_value_at(search->context, object->db, type, entry, value_ret);
}

static struct sdb_error *bind_method(struct method_search *search, struct sdb_value *object,
				     bool virtually, struct sdb_value **value_ret)
{
	uint64_t address;
	bool has_address = sdb_value_address(object, &address);
	struct sdb_error *error;
	if (object->db != search->context->db)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED,
				     "the class of the object is another module's");
	if (virtually && has_address && search->virtual_index != UINT32_MAX
	    && search->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL))
		error = dispatch(search, object, address, value_ret);
	else
		error = sdb_value_function(search->context, search->found, value_ret);
	if (!error && has_address && !(search->flags & SDB_FUNCTION_STATIC_MEMBER))
		value_bind(*value_ret, address);
	return error;
}

struct sdb_error *value_method(struct sdb_value *whole, const struct sdb_context *context,
			       const char *name, int arguments, bool virtually,
			       struct sdb_value **method_ret)
{
	struct method_search search = { .context = context, .types = whole->types, .name = name,
					.visits = MAX_VISITS, .arguments = arguments };
	struct sdb_value *object = NULL;
	*method_ret = NULL;
	struct sdb_error *error = find_method(&search, whole, 0, &object);
	if (error || !object)
		return error;
	error = bind_method(&search, object, virtually, method_ret);
	sdb_value_free(object);
	return error;
}
