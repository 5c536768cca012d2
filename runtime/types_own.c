/* SPDX-License-Identifier: MIT */
#include "types_own.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DERIVED 65536

/* DW_ATE_*: DWARF 5, 7.8. */
enum { ATE_BOOLEAN = 2, ATE_COMPLEX = 3, ATE_FLOAT = 4, ATE_SIGNED = 5, ATE_SIGNED_CHAR = 6,
       ATE_UNSIGNED = 7, ATE_UNSIGNED_CHAR = 8, ATE_UTF = 0x10 };

#define BASE(number, bytes, code) \
	[(number) - TYPES_OWN] = { .id = (number), .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED, \
				   .size = (bytes), .encoding = (code) }

static const struct sdb_type bases[TYPES_BASES - TYPES_OWN] = {
	BASE(TYPES_BOOL, 1, ATE_BOOLEAN),
	BASE(TYPES_CHAR, 1, ATE_SIGNED_CHAR),
	BASE(TYPES_SIGNED_CHAR, 1, ATE_SIGNED_CHAR),
	BASE(TYPES_UNSIGNED_CHAR, 1, ATE_UNSIGNED_CHAR),
	BASE(TYPES_SHORT, 2, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_SHORT, 2, ATE_UNSIGNED),
	BASE(TYPES_INT, 4, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_INT, 4, ATE_UNSIGNED),
	BASE(TYPES_LONG, 8, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_LONG, 8, ATE_UNSIGNED),
	BASE(TYPES_LONG_LONG, 8, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_LONG_LONG, 8, ATE_UNSIGNED),
	BASE(TYPES_INT128, 16, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_INT128, 16, ATE_UNSIGNED),
	BASE(TYPES_FLOAT, 4, ATE_FLOAT),
	BASE(TYPES_DOUBLE, 8, ATE_FLOAT),
	BASE(TYPES_LONG_DOUBLE, 16, ATE_FLOAT),
	BASE(TYPES_LONG_32, 4, ATE_SIGNED),
	BASE(TYPES_UNSIGNED_LONG_32, 4, ATE_UNSIGNED),
	BASE(TYPES_INT_RESULT, 4, ATE_SIGNED),
	BASE(TYPES_WCHAR, 4, ATE_SIGNED),
	BASE(TYPES_CHAR16, 2, ATE_UTF),
	BASE(TYPES_CHAR32, 4, ATE_UTF),
	BASE(TYPES_COMPLEX_FLOAT, 8, ATE_COMPLEX),
	BASE(TYPES_COMPLEX_DOUBLE, 16, ATE_COMPLEX),
	BASE(TYPES_COMPLEX_LONG_DOUBLE, 32, ATE_COMPLEX),
};

static const char *const names[TYPES_BASES - TYPES_OWN] = {
	"bool", "char", "signed char", "unsigned char", "short", "unsigned short", "int",
		"unsigned int",
	"long", "unsigned long", "long long", "unsigned long long", "__int128", "unsigned __int128",
	"float", "double", "long double", "long", "unsigned long", "int", "wchar_t", "char16_t",
	"char32_t", "complex float", "complex double", "complex long double",
};

void own_types_deinit(struct own_types *own)
{
	for (size_t i = 0; i < own->count; i++) {
		free(own->derived[i]->type.parameters);
		free(own->derived[i]);
	}
	free(own->derived);
}

const char *own_types_name(sdb_type_id id)
{
	return id >= TYPES_OWN && id < TYPES_BASES ? names[id - TYPES_OWN] : NULL;
}

struct sdb_error *own_types_get(const struct own_types *own, sdb_type_id id,
				const struct sdb_type **type_ret)
{
	if (id >= TYPES_OWN && id < TYPES_BASES)
		*type_ret = &bases[id - TYPES_OWN];
	else if (id >= TYPES_BASES && id - TYPES_BASES < own->count)
		*type_ret = &own->derived[id - TYPES_BASES]->type;
	else
		return sdb_error_new(SDB_ERROR_INVALID, "there is no type 0x%x", id);
	return NULL;
}

static struct sdb_error *grow(struct own_types *own)
{
	if (own->count >= MAX_DERIVED)
		return sdb_error_new(SDB_ERROR_MEMORY, "more than %d types were derived",
				     MAX_DERIVED);
	if (own->count < own->capacity)
		return NULL;
	size_t capacity = own->capacity ? own->capacity * 2 : 16;
	struct own_type **derived = realloc(own->derived, capacity * sizeof(*derived));
	if (!derived)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for types");
	own->derived = derived;
	own->capacity = capacity;
	return NULL;
}

/* A new type at the end; it is counted by the caller, when it is complete. */
static struct sdb_error *make(struct own_types *own, struct own_type **made_ret)
{
	struct sdb_error *error = grow(own);
	if (error)
		return error;
	*made_ret = calloc(1, sizeof(**made_ret));
	if (!*made_ret)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for types");
	(*made_ret)->type.id = (sdb_type_id)(TYPES_BASES + own->count);
	own->derived[own->count] = *made_ret;
	return NULL;
}

struct sdb_error *own_types_derive(struct own_types *own, enum sdb_type_kind kind,
				   sdb_type_id target,
				   uint64_t count, uint64_t size, sdb_type_id *id_ret)
{
	struct own_type *made;
	for (size_t i = 0; i < own->count; i++) {
		const struct own_type *old = own->derived[i];
		if (old->type.kind == kind && old->type.target == target && old->type.size == size
		    && !old->function
		    && (kind != SDB_TYPE_ARRAY || old->dimension.count == count)
		    && (kind != SDB_TYPE_MEMBER_POINTER || old->type.containing == count)) {
			*id_ret = old->type.id;
			return NULL;
		}
	}
	struct sdb_error *error = make(own, &made);
	if (error)
		return error;
	made->type.kind = kind;
	made->type.flags = SDB_TYPE_SIZED;
	made->type.size = size;
	made->type.target = target;
	if (kind == SDB_TYPE_MEMBER_POINTER)
		made->type.containing = (sdb_type_id)count;
	if (kind == SDB_TYPE_ARRAY) {
		made->dimension = (struct sdb_dimension){ .kind = SDB_DIMENSION_COUNT,
							  .count = count };
		made->type.dimension_count = 1;
		made->type.dimensions = &made->dimension;
	}
	own->count++;
	*id_ret = made->type.id;
	return NULL;
}

struct sdb_error *own_types_function(struct own_types *own, struct sdb_db *db,
				     const struct sdb_function *function, sdb_type_id *id_ret)
{
	size_t size = function->parameter_count * sizeof(*function->parameters);
	struct own_type *made;
	for (size_t i = 0; i < own->count; i++)
		if (own->derived[i]->function == function->id && own->derived[i]->db == db) {
			*id_ret = own->derived[i]->type.id;
			return NULL;
		}
	struct sdb_error *error = make(own, &made);
	if (error)
		return error;
	made->type.kind = SDB_TYPE_FUNCTION;
	made->type.target = function->type;
	made->type.flags = (function->flags & SDB_FUNCTION_PROTOTYPED ? SDB_TYPE_PROTOTYPED : 0u)
		| (function->flags & SDB_FUNCTION_VARIADIC ? SDB_TYPE_VARIADIC : 0u);
	made->db = db;
	made->function = function->id;
	if (size && !(made->type.parameters = malloc(size))) {
		free(made);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for types");
	}
	if (size)
		memcpy(made->type.parameters, function->parameters, size);
	made->type.parameter_count = function->parameter_count;
	own->count++;
	*id_ret = made->type.id;
	return NULL;
}
