/* SPDX-License-Identifier: MIT */
/* The variables of a frame: its scope and those around it, out to the function. */
#include "location.h"
#include "scope.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

struct walk {
	const struct sdb_context *context;
	struct types *types;
	struct sdb_function *function;
	sdb_value_local_fn fn;
	void *arg;
};

static struct sdb_error *visit(struct walk *walk, const struct scope_variable *variable, unsigned depth)
{
	const struct sdb_context *context = walk->context;
	struct location *location;
	const char *name;
	struct sdb_error *error = types_text(walk->types, context->db, variable->name, &name);
	if (error)
		return error;
	struct sdb_value_local local = { .name = name, .is_parameter = variable->parameter, .depth = depth,
					 .is_artificial = variable->flags & SDB_LOCAL_ARTIFICIAL,
					 .file = variable->file, .line = variable->line };
	error = location_find(context, &variable->record->location, &location);
	if (!error)
		error = value_new(context, walk->types, context->db, variable->type, location, &local.value);
	if (error)
		return error;
	error = walk->fn(walk->arg, &local);
	sdb_value_free(local.value);
	return error;
}

/* Those of one scope, in their order; WHICH says which of them. */
static struct sdb_error *visit_scope(struct walk *walk, uint32_t scope, unsigned which, unsigned depth)
{
	const struct sdb_code *code = walk->context->code;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < code->variable_count && !error; i++) {
		struct scope_variable variable;
		if (code->variables[i].scope != scope
		    || !scope_describe(walk->function, &code->variables[i], &variable)
		    || variable.flags & (SDB_LOCAL_EXTERNAL | SDB_LOCAL_LABEL | SDB_LOCAL_DECLARATION))
			continue;
		if (which & (variable.parameter ? SDB_VALUE_PARAMETERS : SDB_VALUE_LOCALS))
			error = visit(walk, &variable, depth);
	}
	return error;
}

static unsigned depth_of(const struct sdb_code *code, uint32_t scope, uint32_t outermost)
{
	unsigned depth = 0;
	for (; scope != outermost; scope = code->scopes[scope].parent)
		depth++;
	return depth;
}

struct sdb_error *sdb_value_locals(const struct sdb_context *context, unsigned which,
				   sdb_value_local_fn fn, void *arg)
{
	const struct sdb_code *code = context->code;
	struct walk walk = { .context = context, .fn = fn, .arg = arg };
	if (!code || context->scope >= code->scope_count)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no function is known here, so no variables are");
	uint32_t outermost = location_function_scope(code, context->scope);
	struct sdb_error *error = value_types(context, &walk.types);
	if (error)
		return error;
	types_enter(walk.types);
	if (code->scopes[outermost].function)
		error = sdb_function(context->db, code->scopes[outermost].function, true, &walk.function);
	if (!error && which & SDB_VALUE_PARAMETERS)
		error = visit_scope(&walk, outermost, SDB_VALUE_PARAMETERS, 0);
	unsigned depth = depth_of(code, context->scope, outermost);
	for (uint32_t scope = context->scope; !error && which & SDB_VALUE_LOCALS; depth--) {
		error = visit_scope(&walk, scope, SDB_VALUE_LOCALS, depth);
		if (scope == outermost)
			break;
		scope = code->scopes[scope].parent;
	}
	sdb_function_free(walk.function);
	types_leave(walk.types);
	types_unref(walk.types);
	return error;
}

/* ---- one of them ------------------------------------------------------------------------------- */

struct search {
	const char *name;
	struct sdb_value *found;
};

/* Inner scopes come first. */
static struct sdb_error *take(void *arg, struct sdb_value_local *local)
{
	struct search *search = arg;
	if (strcmp(local->name, search->name) != 0)
		return NULL;
	search->found = local->value;
	local->value = NULL;
	return sdb_error_new(SDB_ERROR_STOPPED, "found");
}

struct sdb_error *sdb_value_local(const struct sdb_context *context, const char *name,
				  struct sdb_value **value_ret)
{
	struct search search = { name, NULL };
	struct sdb_error *error = NULL;
	if (context->code)
		error = sdb_value_locals(context, SDB_VALUE_LOCALS, take, &search);
	if (!error && context->code)
		error = sdb_value_locals(context, SDB_VALUE_PARAMETERS, take, &search);
	if (search.found) {
		sdb_error_free(error);
		*value_ret = search.found;
		return NULL;
	}
	return error ? error : sdb_error_new(SDB_ERROR_NOT_FOUND, "no variable %s here", name);
}
