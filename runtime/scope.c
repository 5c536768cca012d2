/* SPDX-License-Identifier: MIT */
#include "scope.h"
#include "location.h"

sdb_function_id scope_function(const struct sdb_code *code, uint32_t scope)
{
	scope = location_function_scope(code, scope);
	return scope < code->scope_count ? code->scopes[scope].function : 0;
}

bool scope_describe(const struct sdb_function *function, const struct sdb_scope_variable *record,
		    struct scope_variable *variable_ret)
{
	*variable_ret = (struct scope_variable){ .record = record };
	const struct sdb_local *local = &record->own;
	size_t index = record->local;
	if (record->local == SDB_LOCAL_OWN) {
		variable_ret->parameter = record->own_is_parameter;
	} else if (function && index < function->parameter_count) {
		const struct sdb_parameter *parameter = &function->parameters[index];
		variable_ret->parameter = true;
		variable_ret->name = parameter->name;
		variable_ret->type = parameter->type;
		variable_ret->file = parameter->file;
		variable_ret->line = parameter->line;
		variable_ret->flags = parameter->flags;
		return true;
	} else if (function && index - function->parameter_count < function->local_count) {
		local = &function->locals[index - function->parameter_count];
	} else {
		return false;
	}
	variable_ret->name = local->name;
	variable_ret->type = local->type;
	variable_ret->file = local->file;
	variable_ret->line = local->line;
	variable_ret->flags = local->flags;
	return true;
}

struct sdb_error *scope_variable_type(const struct sdb_context *context,
				      const struct sdb_scope_variable *variable, sdb_type_id *type_ret)
{
	struct sdb_function *function = NULL;
	struct scope_variable described;
	sdb_function_id id = scope_function(context->code, variable->scope);
	*type_ret = 0;
	if (variable->local != SDB_LOCAL_OWN && id) {
		struct sdb_error *error = sdb_function(context->db, id, true, &function);
		if (error)
			return error;
	}
	if (scope_describe(function, variable, &described))
		*type_ret = described.type;
	sdb_function_free(function);
	return NULL;
}
