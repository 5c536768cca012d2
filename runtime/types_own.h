/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TYPES_OWN_H
#define RUNTIME_TYPES_OWN_H

/* The types that no database has: base types, and what is derived for computed values. */

#include "types.h"

struct own_type {
	struct sdb_type type;
	struct sdb_dimension dimension;
	struct sdb_db *db;          /* of a function's type */
	sdb_function_id function;
};

struct own_types {
	struct own_type **derived; /* by number from TYPES_BASES; each stays where it is */
	size_t count, capacity;
};

void own_types_deinit(struct own_types *own);
struct sdb_error *own_types_get(const struct own_types *own, sdb_type_id id,
				const struct sdb_type **type_ret);
/* The name of a base type; NULL for all other types. */
const char *own_types_name(sdb_type_id id);
/*
 * Finds or makes a type of SIZE bytes; MEMORY when there are more of them than is sensible. COUNT:
 * the elements of an array, the class of a pointer to a member.
 */
struct sdb_error *own_types_derive(struct own_types *own, enum sdb_type_kind kind,
				   sdb_type_id target,
				   uint64_t count, uint64_t size, sdb_type_id *id_ret);

/* The type of FUNCTION, of DB. */
struct sdb_error *own_types_function(struct own_types *own, struct sdb_db *db,
				     const struct sdb_function *function, sdb_type_id *id_ret);

#endif
