/* SPDX-License-Identifier: MIT */

/* `ns::class::name`: an entity's name behind those of the scopes around it. */

#include "coding.h"

#include <stdlib.h>

enum { SCOPES_MAX = 64 };

/* Name and scope of an entity. */
static struct sdb_error *look_up(struct sdb_db *db, struct sdb_entity entity, sdb_name_id *name,
				 struct sdb_scope *scope, const char **unnamed)
{
	struct sdb_error *error;
	struct sdb_type_outline type;
	struct sdb_function *function;
	struct sdb_variable *variable;
	struct sdb_symbol symbol;

	*scope = (struct sdb_scope){ SDB_SCOPE_UNIT, 0 };
	*unnamed = "";
	switch (entity.kind) {
	case SDB_ENTITY_TYPE:
	case SDB_ENTITY_ENUMERATOR:
		error = sdb_type_outline(db, entity.id, &type);
		if (error)
			return error;
		*name = type.name;
		*scope = type.scope;
		*unnamed = type.kind == SDB_TYPE_NAMESPACE ? "(anonymous namespace)" : "(anonymous)";
		return NULL;
	case SDB_ENTITY_FUNCTION:
		error = sdb_function(db, entity.id, false, &function);
		if (error)
			return error;
		*name = function->name ? function->name : function->linkage_name;
		*scope = function->scope;
		sdb_function_free(function);
		return NULL;
	case SDB_ENTITY_VARIABLE:
		error = sdb_variable(db, entity.id, &variable);
		if (error)
			return error;
		*name = variable->name;
		*scope = variable->scope;
		sdb_variable_free(variable);
		return NULL;
	case SDB_ENTITY_SYMBOL:
		error = sdb_symbol(db, entity.id, &symbol);
		if (!error)
			*name = symbol.name;
		return error;
	}
	return sdb_error_new(SDB_ERROR_INVALID, "no such kind of entity: %d", (int)entity.kind);
}

/* Puts NAME (or UNNAMED when it is empty) and `::` in front of *WHOLE. */
static struct sdb_error *prepend(struct sdb_db *db, sdb_name_id name, const char *unnamed, char **whole)
{
	char *text = NULL, *joined;
	struct sdb_error *error = sdb_name(db, name, &text);

	if (error)
		return error;
	const char *shown = text[0] ? text : unnamed;
	size_t size = strlen(shown) + strlen(*whole) + 3;
	joined = malloc(size);
	if (joined) {
		strcpy(joined, shown);
		if (**whole) {
			strcat(joined, "::");
			strcat(joined, *whole);
		}
		free(*whole);
		*whole = joined;
	}
	free(text);
	return joined ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

struct sdb_error *sdb_qualified_name(struct sdb_db *db, struct sdb_entity entity, char **name_ret)
{
	char *whole = calloc(1, 1);
	struct sdb_error *error = whole ? NULL : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");

	for (int depth = 0; !error; depth++) {
		sdb_name_id name = 0;
		struct sdb_scope scope;
		const char *unnamed;
		error = look_up(db, entity, &name, &scope, &unnamed);
		if (!error)
			error = prepend(db, name, depth ? unnamed : "", &whole);
		if (error || scope.kind == SDB_SCOPE_UNIT)
			break;
		if (depth == SCOPES_MAX)
			error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: scopes around number %u run in a circle",
					      sdb_db_path(db), entity.id);
		entity = (struct sdb_entity){ scope.kind == SDB_SCOPE_TYPE ? SDB_ENTITY_TYPE : SDB_ENTITY_FUNCTION,
					      scope.id };
	}
	if (error)
		free(whole);
	else
		*name_ret = whole;
	return error;
}
