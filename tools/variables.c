/* SPDX-License-Identifier: MIT */
#include "variables.h"

sdb_function_id variables_function(const struct sdb_code *code, uint32_t scope)
{
	/* Parents stand in front of their children, so this ends. */
	while (scope < code->scope_count && code->scopes[scope].kind == SDB_CODE_BLOCK
	       && code->scopes[scope].parent < scope)
		scope = code->scopes[scope].parent;
	return scope < code->scope_count ? code->scopes[scope].function : 0;
}

bool variables_describe(const struct sdb_function *function, const struct sdb_scope_variable *record,
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

struct sdb_expression variables_frame_base(const struct sdb_code *code, uint64_t address)
{
	const struct sdb_location *list = &code->frame_base_list;
	for (size_t i = 0; list->kind == SDB_LOCATION_LIST && i < list->entry_count; i++)
		if (list->entries[i].is_default
		    || (address >= list->entries[i].low && address < list->entries[i].high))
			return list->entries[i].expression;
	return code->frame_base;
}
