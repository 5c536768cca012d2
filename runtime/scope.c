/* SPDX-License-Identifier: MIT */
#include "scope.h"

uint32_t sdb_scope_outermost(const struct sdb_code *code, uint32_t scope)
{
	/* Parents stand in front of their children, so this ends. */
	while (scope < code->scope_count && code->scopes[scope].kind == SDB_CODE_BLOCK
	       && code->scopes[scope].parent < scope)
		scope = code->scopes[scope].parent;
	return scope;
}

sdb_function_id sdb_scope_function(const struct sdb_code *code, uint32_t scope)
{
	scope = sdb_scope_outermost(code, scope);
	return scope < code->scope_count ? code->scopes[scope].function : 0;
}

bool sdb_scope_describe(const struct sdb_function *function,
			const struct sdb_scope_variable *record,
		    struct sdb_scope_description *description_ret)
{
	*description_ret = (struct sdb_scope_description){ .record = record };
	const struct sdb_local *local = &record->own;
	size_t index = record->local;
	if (record->local == SDB_LOCAL_OWN) {
		description_ret->parameter = record->own_is_parameter;
	} else if (function && index < function->parameter_count) {
		const struct sdb_parameter *parameter = &function->parameters[index];
		description_ret->parameter = true;
		description_ret->name = parameter->name;
		description_ret->type = parameter->type;
		description_ret->file = parameter->file;
		description_ret->line = parameter->line;
		description_ret->flags = parameter->flags;
		return true;
	} else if (function && index - function->parameter_count < function->local_count) {
		local = &function->locals[index - function->parameter_count];
	} else {
		return false;
	}
	description_ret->name = local->name;
	description_ret->type = local->type;
	description_ret->file = local->file;
	description_ret->line = local->line;
	description_ret->flags = local->flags;
	return true;
}

struct sdb_expression sdb_code_frame_base(const struct sdb_code *code, uint64_t address)
{
	const struct sdb_location *list = &code->frame_base_list;
	for (size_t i = 0; list->kind == SDB_LOCATION_LIST && i < list->entry_count; i++)
		if (list->entries[i].is_default
		    || (address >= list->entries[i].low && address < list->entries[i].high))
			return list->entries[i].expression;
	return code->frame_base;
}

struct sdb_error *scope_variable_type(const struct sdb_context *context,
				      const struct sdb_scope_variable *variable,
				      sdb_type_id *type_ret)
{
	struct sdb_function *function = NULL;
	struct sdb_scope_description described;
	sdb_function_id id = sdb_scope_function(context->code, variable->scope);
	*type_ret = 0;
	if (variable->local != SDB_LOCAL_OWN && id) {
		struct sdb_error *error = sdb_function(context->db, id, true, &function);
		if (error)
			return error;
	}
	if (sdb_scope_describe(function, variable, &described))
		*type_ret = described.type;
	sdb_function_free(function);
	return NULL;
}
