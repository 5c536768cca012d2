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

static struct sdb_error *find_location(struct walk *walk,
				       const struct sdb_scope_description *variable,
				       struct location **location_ret)
{
	return variable->record ? location_find(walk->context, &variable->record->location,
						location_ret)
		: location_absent(SDB_ABSENT_OPTIMIZED_OUT, NULL, location_ret);
}

static struct sdb_error *visit(struct walk *walk, const struct sdb_scope_description *variable,
			       unsigned depth)
{
	const struct sdb_context *context = walk->context;
	struct location *location;
	const char *name;
	struct sdb_error *error = types_text(walk->types, context->db, variable->name, &name);
	if (error)
		return error;
	struct sdb_value_local local = { .name = name, .is_parameter = variable->parameter,
					 .depth = depth,
					 .is_artificial = variable->flags & SDB_LOCAL_ARTIFICIAL,
					 .file = variable->file, .line = variable->line };
	error = find_location(walk, variable, &location);
	if (!error)
		error = value_new(context, walk->types, context->db, variable->type, location,
				  &local.value);
	if (error)
		return error;
	error = walk->fn(walk->arg, &local);
	sdb_value_free(local.value);
	return error;
}

/* The locals of one scope, in their order. */
static struct sdb_error *visit_scope(struct walk *walk, uint32_t scope, unsigned depth)
{
	const struct sdb_code *code = walk->context->code;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < code->variable_count && !error; i++) {
		struct sdb_scope_description variable;
		if (code->variables[i].scope != scope
		    || !sdb_scope_describe(walk->function, &code->variables[i], &variable)
		    || variable.flags & (SDB_LOCAL_EXTERNAL | SDB_LOCAL_LABEL
					 | SDB_LOCAL_DECLARATION))
			continue;
		if (!variable.parameter)
			error = visit(walk, &variable, depth);
	}
	return error;
}

/*
 * Which variable of scope SCOPE is parameter NUMBER of its function; NULL: this instance has none.
 */
static const struct sdb_scope_variable *parameter_record(const struct sdb_code *code,
							 uint32_t scope,
							 size_t number)
{
	for (size_t i = 0; i < code->variable_count; i++)
		if (code->variables[i].scope == scope && code->variables[i].local == number)
			return &code->variables[i];
	return NULL;
}

/*
 * The parameters of the function in their order, those that this instance says nothing of too (they
 * are optimized out), then those that only it has.
 */
static struct sdb_error *visit_parameters(struct walk *walk, uint32_t scope)
{
	const struct sdb_code *code = walk->context->code;
	struct sdb_error *error = NULL;
	bool own = false;
	for (size_t i = 0; i < code->variable_count; i++)
		own |= code->variables[i].scope == scope
			&& code->variables[i].local == SDB_LOCAL_OWN
			&& code->variables[i].own_is_parameter;
	for (size_t i = 0; walk->function && i < walk->function->parameter_count && !error; i++) {
		const struct sdb_scope_variable *record = parameter_record(code, scope, i),
			none = { .local = (uint32_t)i };
		struct sdb_scope_description variable;
		if ((!record && own) || !sdb_scope_describe(walk->function, record ? record : &none,
							    &variable))
			continue;
		variable.record = record;
		error = visit(walk, &variable, 0);
	}
	for (size_t i = 0; own && i < code->variable_count && !error; i++) {
		struct sdb_scope_description variable;
		if (code->variables[i].scope == scope && code->variables[i].local == SDB_LOCAL_OWN
		    && code->variables[i].own_is_parameter
		    && sdb_scope_describe(walk->function, &code->variables[i], &variable))
			error = visit(walk, &variable, 0);
	}
	return error;
}

/*
 * Marks the parameters and locals of the function that have a place in any block of scope
 * OUTERMOST.
 */
static void mark_placed(const struct sdb_code *code, uint32_t outermost, bool *placed, size_t count)
{
	for (size_t i = 0; i < code->variable_count; i++)
		if (code->variables[i].local < count
		    && sdb_scope_outermost(code, code->variables[i].scope) == outermost)
			placed[code->variables[i].local] = true;
}

/* Locals that the source has and this instance says nothing of: optimized out. */
static struct sdb_error *visit_lost(struct walk *walk, uint32_t outermost)
{
	const struct sdb_function *function = walk->function;
	size_t first = function ? function->parameter_count : 0, count = function ? first
		+ function->local_count : 0;
	struct sdb_error *error = NULL;
	if (count == first)
		return NULL;
	bool *placed = calloc(count, sizeof(*placed));
	if (!placed)
		return value_no_memory();
	mark_placed(walk->context->code, outermost, placed, count);
	for (size_t i = first; i < count && !error; i++) {
		const struct sdb_scope_variable none = { .local = (uint32_t)i };
		struct sdb_scope_description variable;
		if (placed[i] || !sdb_scope_describe(function, &none, &variable)
		    || variable.flags & (SDB_LOCAL_EXTERNAL | SDB_LOCAL_LABEL
					 | SDB_LOCAL_DECLARATION))
			continue;
		variable.record = NULL;
		error = visit(walk, &variable, 0);
	}
	free(placed);
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
		return sdb_error_new(SDB_ERROR_NOT_FOUND,
				     "no function is known here, so no variables are");
	uint32_t outermost = sdb_scope_outermost(code, context->scope);
	struct sdb_error *error = value_types(context, &walk.types);
	if (error)
		return error;
	types_enter(walk.types);
	if (code->scopes[outermost].function)
		error = sdb_function(context->db, code->scopes[outermost].function, true,
				     &walk.function);
	if (!error && which & SDB_VALUE_PARAMETERS)
		error = visit_parameters(&walk, outermost);
	unsigned depth = depth_of(code, context->scope, outermost);
	for (uint32_t scope = context->scope; !error && which & SDB_VALUE_LOCALS; depth--) {
		error = visit_scope(&walk, scope, depth);
		if (scope == outermost)
			break;
		scope = code->scopes[scope].parent;
	}
	if (!error && which & SDB_VALUE_LOCALS)
		error = visit_lost(&walk, outermost);
	sdb_function_free(walk.function);
	types_leave(walk.types);
	types_unref(walk.types);
	return error;
}

/* ---- one of them ----------------------------------------------------------------------------- */

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
