/* SPDX-License-Identifier: MIT */
/* Tables: functions, parameters, locals. */
#include "cdecl.h"
#include "sql.h"
#include "sql_columns.h"

#include <stdlib.h>

/* The first place of the function's own code; false when it has none. */
static bool first_instance(struct sql_cursor *cursor, uint64_t *address_ret, uint64_t *inlined_ret)
{
	struct sdb_instance *instances;
	size_t count;
	bool found = false;
	*inlined_ret = 0;
	if (session_note(cursor->session, sdb_function_instances(session_db(cursor->session),
								 cursor->function->id, &instances, &count)))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!instances[i].inlined && !found) {
			*address_ret = instances[i].address;
			found = true;
		}
		*inlined_ret += instances[i].inlined;
	}
	free(instances);
	return found;
}

INTEGER(function_id, c->id)
NAME(function_name, c->function->name)
NAME(function_linkage_name, c->function->linkage_name)
QUALIFIED(function_qualified, SDB_ENTITY_FUNCTION, c->function->id)
COLUMN(function_prototype)
{
	struct text text = TEXT_EMPTY;
	cdecl_prototype(c->session, &text, c->function, c->function->scope.kind == SDB_SCOPE_UNIT
			? session_name(c->session, c->function->name)
			: session_qualified(c->session, (struct sdb_entity){ SDB_ENTITY_FUNCTION, c->function->id }));
	sql_text_deinit(x, &text);
}
TYPE_NAME(function_type, c->function->type)
COLUMN(function_address)
{
	uint64_t address = 0, inlined;
	if (first_instance(c, &address, &inlined))
		sqlite3_result_int64(x, (sqlite3_int64)address);
}
COLUMN(function_inlined)
{
	uint64_t address, inlined;
	first_instance(c, &address, &inlined);
	sqlite3_result_int64(x, (sqlite3_int64)inlined);
}
COLUMN(function_size)
{
	uint64_t address, inlined, size = 0;
	struct sdb_code *code;
	if (!first_instance(c, &address, &inlined)
	    || session_missed(c->session, sdb_code_at(session_db(c->session), address, 0, &code)))
		return;
	if (code->scope_count)
		for (size_t i = 0; i < code->scopes[0].range_count; i++)
			size += code->scopes[0].ranges[i].high - code->scopes[0].ranges[i].low;
	sdb_code_free(code);
	sqlite3_result_int64(x, (sqlite3_int64)size);
}
INTEGER(function_external, (c->function->flags & SDB_FUNCTION_EXTERNAL) != 0)
INTEGER(function_declaration, (c->function->flags & SDB_FUNCTION_DECLARATION) != 0)
INTEGER(function_unit, c->function->unit)
FILE_NAME(function_file, c->function->decl.file)
INTEGER(function_line, c->function->decl.line)

static const struct sql_column function_columns[] = {
	{ "id", "INTEGER", "=", function_id }, { "name", "TEXT", "=*", function_name },
	{ "address", "ADDRESS", "=", function_address }, { "size", "INTEGER", NULL, function_size },
	{ "prototype", "TEXT", NULL, function_prototype }, { "file", "TEXT", NULL, function_file },
	{ "line", "INTEGER", NULL, function_line }, { "qualified", "TEXT", NULL, function_qualified },
	{ "linkage_name", "TEXT", "=*", function_linkage_name },
	{ "return_type", "TEXT", NULL, function_type }, { "inlined_into", "INTEGER", NULL, function_inlined },
	{ "external", "INTEGER", NULL, function_external },
	{ "is_declaration", "INTEGER", NULL, function_declaration },
	{ "unit_id", "INTEGER", NULL, function_unit }, { 0 }
};

/* The function whose code holds ADDRESS: the only one that can begin there. */
static void function_at(struct sql_cursor *cursor, uint64_t address)
{
	struct sdb_code *code;
	cursor->next = cursor->end = 1;
	if (session_missed(cursor->session, sdb_code_at(session_db(cursor->session), address, 0, &code)))
		return;
	if (code->scope_count && code->scopes[0].function) {
		cursor->next = code->scopes[0].function;
		cursor->end = cursor->next + 1;
	}
	sdb_code_free(code);
}

static void begin_functions(struct sql_cursor *cursor, const struct sql_condition *conditions,
			    size_t count)
{
	const struct sql_condition *address = sql_find(cursor, conditions, count, "address", '=');
	if (!sql_find(cursor, conditions, count, "id", '=')) {
		if (sql_by_name(cursor, conditions, count, "name", SDB_ENTITY_FUNCTION)
		    || sql_by_name(cursor, conditions, count, "linkage_name", SDB_ENTITY_FUNCTION))
			return;
		if (address) {
			function_at(cursor, (uint64_t)sqlite3_value_int64(address->value));
			return;
		}
	}
	sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->functions);
}

static bool read_function(struct sql_cursor *cursor, const struct sql_key *key, bool with_locals)
{
	return !session_missed(cursor->session, sdb_function(session_db(cursor->session),
							     (sdb_function_id)key->number, with_locals,
							     &cursor->function));
}

static bool load_function(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return read_function(cursor, key, false);
}

const struct sql_table sql_functions = { "functions", function_columns, begin_functions, load_function };

/* ---- parameters and locals -------------------------------------------------------------------- */

INTEGER(part_index, c->row)
NAME(parameter_name, c->function->parameters[c->row].name)
TYPE_NAME(parameter_type, c->function->parameters[c->row].type)
INTEGER(parameter_type_id, c->function->parameters[c->row].type)
INTEGER(parameter_artificial, (c->function->parameters[c->row].flags & SDB_LOCAL_ARTIFICIAL) != 0)
NAME(local_name, c->function->locals[c->row].name)
TYPE_NAME(local_type, c->function->locals[c->row].type)
INTEGER(local_type_id, c->function->locals[c->row].type)
STRING(local_kind, c->function->locals[c->row].flags & SDB_LOCAL_LABEL ? "label" : "variable")
FILE_NAME(local_file, c->function->locals[c->row].file)
INTEGER(local_line, c->function->locals[c->row].line)

static const struct sql_column parameter_columns[] = {
	{ "function_id", "INTEGER", "=", function_id }, { "function", "TEXT", "=*", function_name },
	{ "idx", "INTEGER", NULL, part_index }, { "name", "TEXT", NULL, parameter_name },
	{ "type", "TEXT", NULL, parameter_type }, { "type_id", "INTEGER", NULL, parameter_type_id },
	{ "artificial", "INTEGER", NULL, parameter_artificial }, { 0 }
};

static const struct sql_column local_columns[] = {
	{ "function_id", "INTEGER", "=", function_id }, { "function", "TEXT", "=*", function_name },
	{ "idx", "INTEGER", NULL, part_index }, { "name", "TEXT", NULL, local_name },
	{ "type", "TEXT", NULL, local_type }, { "type_id", "INTEGER", NULL, local_type_id },
	{ "kind", "TEXT", NULL, local_kind }, { "file", "TEXT", NULL, local_file },
	{ "line", "INTEGER", NULL, local_line }, { 0 }
};

static void begin_parts(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	if (sql_find(cursor, conditions, count, "function_id", '=')
	    || !sql_by_name(cursor, conditions, count, "function", SDB_ENTITY_FUNCTION))
		sql_by_id(cursor, conditions, count, "function_id", session_info(cursor->session)->functions);
}

static bool load_parameters(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_function(cursor, key, false))
		return false;
	cursor->row_count = cursor->function->parameter_count;
	return true;
}

static bool load_locals(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_function(cursor, key, true))
		return false;
	cursor->row_count = cursor->function->local_count;
	return true;
}

const struct sql_table sql_parameters = { "parameters", parameter_columns, begin_parts, load_parameters };
const struct sql_table sql_locals = { "locals", local_columns, begin_parts, load_locals };
