/* SPDX-License-Identifier: MIT */
/* Values as objects, and what follows from their types. */
#include "value.h"
#include <stackdb/operation.h>

#include <stdlib.h>
#include <string.h>

struct sdb_error *value_no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a value");
}

struct sdb_error *value_types(const struct sdb_context *context, struct types **types_ret)
{
	*types_ret = context->types ? types_ref(context->types) : types_create(0);
	return *types_ret ? NULL : value_no_memory();
}

struct sdb_error *value_stripped(const struct sdb_value *value, const struct sdb_type **type_ret)
{
	return types_get(value->types, value->db, value->stripped, type_ret);
}

/* ---- declarations that have a definition elsewhere ------------------------------------------- */

struct definition {
	struct sdb_value *value;
	enum sdb_type_kind kind;
	sdb_type_id found;
};

static bool same_sort(enum sdb_type_kind a, enum sdb_type_kind b)
{
	bool structure = a == SDB_TYPE_STRUCT || a == SDB_TYPE_CLASS;
	return a == b || (structure && (b == SDB_TYPE_STRUCT || b == SDB_TYPE_CLASS));
}

static struct sdb_error *take_definition(void *arg, sdb_name_id name, const char *text,
					 struct sdb_entity entity)
{
	struct definition *definition = arg;
	const struct sdb_type *type;
	(void)name, (void)text;
	if (definition->found)
		return NULL;
	struct sdb_error *error = types_get(definition->value->types, definition->value->db,
					    entity.id, &type);
	if (!error && same_sort(type->kind, definition->kind)
	    && !(type->flags & SDB_TYPE_DECLARATION))
		definition->found = entity.id;
	return error;
}

/* Looks in the value's own module, then in the others of the target. */
static struct sdb_error *complete(struct sdb_value *value, const struct sdb_context *context,
				  const struct sdb_type **type)
{
	struct definition definition = { value, (*type)->kind, 0 };
	char *name;
	struct sdb_error *error = sdb_qualified_name(value->db,
						     (struct sdb_entity){ SDB_ENTITY_TYPE,
									  (*type)->id },
						     &name);
	if (error)
		return error;
	struct sdb_db *db = value->db;
	error = sdb_lookup(db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_TYPE, take_definition,
			   &definition);
	if ((!error || sdb_error_code(error) == SDB_ERROR_NOT_FOUND) && !definition.found && context
	    && context->ops->find_type) {
		sdb_error_free(error);
		error = context->ops->find_type(context->arg, name, (*type)->kind, &db,
						&definition.found);
	}
	free(name);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return NULL;
	}
	if (error || !definition.found)
		return error;
	if (db != value->db) /* from now on all its types are those of the other module */
		value->type = definition.found;
	value->db = db;
	return types_get(value->types, db, definition.found, type);
}

/* ---- lengths that are known at run time only ------------------------------------------------- */

/* `GNU_variable_value REFERENCE`, in BYTES. */
static struct sdb_expression value_of(const struct sdb_dimension *dimension, uint8_t *bytes)
{
	uint32_t number = dimension->reference, length = 0;
	bytes[length++] = SDB_OP_GNU_VARIABLE_VALUE;
	bytes[length++] = (uint8_t)dimension->reference_kind;
	for (; number >= 0x80; number >>= 7)
		bytes[length++] = (uint8_t)(number | 0x80);
	bytes[length++] = (uint8_t)number;
	return (struct sdb_expression){ bytes, length };
}

static struct sdb_error *count_dimension(const struct sdb_value *value,
					 const struct sdb_context *context,
					 const struct sdb_dimension *dimension, uint64_t *count_ret,
					 bool *known_ret)
{
	struct sdb_expression expression = { dimension->expression, dimension->expression_length };
	uint8_t bytes[8];
	uint64_t bound;
	enum sdb_absence absence;
	*count_ret = dimension->count;
	*known_ret = dimension->kind == SDB_DIMENSION_COUNT;
	if (*known_ret || dimension->kind == SDB_DIMENSION_UNBOUNDED || !context
	    || context->db != value->db)
		return NULL;
	if (dimension->kind == SDB_DIMENSION_DYNAMIC)
		expression = value_of(dimension, bytes);
	struct sdb_error *error = location_number(context, &expression, NULL, &bound, &absence);
	if (error && absence) {
		sdb_error_free(error);
		return NULL;
	}
	*known_ret = !error;
	if (error || (int64_t)bound < (dimension->is_count ? 0 : dimension->lower))
		*count_ret = 0;
	else
		*count_ret = dimension->is_count ? bound : bound - (uint64_t)dimension->lower + 1;
	return error;
}

static struct sdb_error *measure_dynamic(struct sdb_value *value, const struct sdb_context *context,
					 const struct sdb_type *type)
{
	uint64_t size;
	bool known;
	if (type->dimension_count == 0 || type->dimension_count > VALUE_MAX_DIMENSIONS)
		return NULL;
	struct sdb_error *error = types_size(value->types, value->db, type->target, &size, &known);
	if (error || !known)
		return error;
	uint64_t *counts = calloc(type->dimension_count, sizeof(*counts));
	if (!counts)
		return value_no_memory();
	for (size_t i = 0; i < type->dimension_count && known && !error; i++) {
		error = count_dimension(value, context, &type->dimensions[i], &counts[i], &known);
		known = known && !__builtin_mul_overflow(size, counts[i], &size);
	}
	if (error || !known) {
		free(counts);
		return error;
	}
	value->counts = counts;
	value->size = size;
	value->sized = true;
	return NULL;
}

/* ---- values ---------------------------------------------------------------------------------- */

struct sdb_error *value_init(struct sdb_value *value, const struct sdb_context *context,
			     struct types *types, struct sdb_db *db, sdb_type_id type)
{
	const struct sdb_type *stripped;
	*value = (struct sdb_value){ .db = db, .types = types_ref(types), .type = type };
	struct sdb_error *error = types_strip(types, db, type, &stripped);
	if (!error && stripped->flags & SDB_TYPE_DECLARATION && stripped->name
	    && (types_is_structure(stripped->kind) || stripped->kind == SDB_TYPE_ENUM))
		error = complete(value, context, &stripped);
	if (!error) {
		value->stripped = stripped->id;
		value->kind = stripped->kind;
		error = types_size(types, value->db, stripped->id, &value->size, &value->sized);
	}
	if (!error && !value->sized && value->kind == SDB_TYPE_ARRAY)
		error = measure_dynamic(value, context, stripped);
	if (error)
		value_deinit(value);
	return error;
}

void value_deinit(struct sdb_value *value)
{
	types_unref(value->types);
	location_unref(value->location);
	if (!value->borrowed) {
		if (value->bytes != value->small)
			free(value->bytes);
		free(value->missing);
	}
	free(value->counts);
	free(value->why);
	*value = (struct sdb_value){ 0 };
}

/* Bytes and mask of a borrowing part become its own. */
static struct sdb_error *own_bytes(struct sdb_value *value)
{
	uint8_t *bytes = value->bytes, *missing = value->missing;
	size_t size = value->size ? (size_t)value->size : 1;
	if (!value->borrowed)
		return NULL;
	value->bytes = malloc(size);
	value->missing = missing ? malloc(size) : NULL;
	value->borrowed = false;
	if (!value->bytes || (missing && !value->missing))
		return value_no_memory();
	memcpy(value->bytes, bytes, (size_t)value->size);
	if (missing)
		memcpy(value->missing, missing, (size_t)value->size);
	return NULL;
}

struct sdb_error *value_detach(struct sdb_value *value, struct sdb_value **value_ret)
{
	struct sdb_value *made = malloc(sizeof(*made));
	struct sdb_error *error = made ? NULL : value_no_memory();
	if (!error && value->loaded && value->bytes)
		error = own_bytes(value);
	if (error) {
		value_deinit(value);
		free(made);
		return error;
	}
	*made = *value;
	if (value->bytes == value->small)
		made->bytes = made->small;
	*value = (struct sdb_value){ 0 };
	*value_ret = made;
	return NULL;
}

struct sdb_error *value_new(const struct sdb_context *context, struct types *types,
			    struct sdb_db *db,
			    sdb_type_id type, struct location *location,
			    struct sdb_value **value_ret)
{
	struct sdb_value value;
	struct sdb_error *error = value_init(&value, context, types, db, type);
	if (error) {
		location_unref(location);
		return error;
	}
	value.location = location;
	return value_detach(&value, value_ret);
}

void sdb_value_free(struct sdb_value *value)
{
	if (value)
		value_deinit(value);
	free(value);
}

struct sdb_error *sdb_value_copy(const struct sdb_value *value, struct sdb_value **copy_ret)
{
	struct sdb_value copy = *value;
	const struct sdb_type *type;
	struct sdb_error *error = NULL;
	copy.types = types_ref(value->types);
	copy.location = location_ref(value->location);
	copy.counts = NULL;
	copy.why = NULL;
	copy.borrowed = value->bytes != NULL;
	if (value->bytes == value->small)
		copy.bytes = copy.small;
	if (value->why && !(copy.why = strdup(value->why)))
		error = value_no_memory();
	if (!error && value->counts) {
		error = value_stripped(value, &type);
		size_t size = error ? 0 : type->dimension_count * sizeof(*copy.counts);
		if (!error && !(copy.counts = malloc(size)))
			error = value_no_memory();
		if (!error)
			memcpy(copy.counts, value->counts, size);
	}
	if (error) {
		value_deinit(&copy);
		return error;
	}
	return value_detach(&copy, copy_ret);
}
