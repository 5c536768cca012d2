/* SPDX-License-Identifier: MIT */
/* Tables: types, members, enumerators, variables. */
#include "cdecl.h"
#include "expression.h"
#include "sql.h"
#include "sql_columns.h"

/* ---- types ---------------------------------------------------------------------------------- */

static const char *kind_name(enum sdb_type_kind kind)
{
	static const char *const names[SDB_TYPE_KINDS] = {
		"void", "base", "pointer", "reference", "rvalue_reference", "member_pointer", "const",
		"volatile", "restrict", "atomic", "typedef", "array", "struct", "class", "union", "enum",
		"function", "unspecified", "subrange", "string", "namespace", "other",
	};
	return (unsigned)kind < SDB_TYPE_KINDS ? names[kind] : "other";
}

static void size_of(struct sql_cursor *cursor, sqlite3_context *context, sdb_type_id id)
{
	uint64_t size;
	if (session_type_size(cursor->session, id, &size))
		sqlite3_result_int64(context, (sqlite3_int64)size);
}

INTEGER(type_id, c->id)
NAME(type_name, c->type->name)
COLUMN(type_qualified)
{
	if (c->type->name)
		sql_qualified(c, x, SDB_ENTITY_TYPE, c->type->id);
}
STRING(type_kind, kind_name(c->type->kind))
COLUMN(type_size) { size_of(c, x, c->type->id); }
TYPE_NAME(type_text, c->type->id)
INTEGER(type_target, c->type->target)
INTEGER(type_members, c->type->member_count)
INTEGER(type_declaration, (c->type->flags & SDB_TYPE_DECLARATION) != 0)
FILE_NAME(type_file, c->type->decl.file)
INTEGER(type_line, c->type->decl.line)

static const struct sql_column type_columns[] = {
	{ "id", "INTEGER", "=", type_id }, { "name", "TEXT", "=*", type_name },
	{ "kind", "TEXT", NULL, type_kind }, { "size", "INTEGER", NULL, type_size },
	{ "text", "TEXT", NULL, type_text }, { "qualified", "TEXT", NULL, type_qualified },
	{ "target_id", "INTEGER", NULL, type_target },
	{ "members", "INTEGER", NULL, type_members }, { "is_declaration", "INTEGER", NULL, type_declaration },
	{ "file", "TEXT", NULL, type_file }, { "line", "INTEGER", NULL, type_line }, { 0 }
};

static void begin_types(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	if (sql_find(cursor, conditions, count, "id", '=')
	    || !sql_by_name(cursor, conditions, count, "name", SDB_ENTITY_TYPE))
		sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->types);
}

static bool read_type(struct sql_cursor *cursor, const struct sql_key *key)
{
	return !session_missed(cursor->session, sdb_type(session_db(cursor->session),
							 (sdb_type_id)key->number, &cursor->type));
}

static bool load_type(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return read_type(cursor, key);
}

const struct sql_table sql_types = { "types", type_columns, begin_types, load_type };

/* ---- members ---------------------------------------------------------------------------------- */

#define MEMBER (&c->type->members[c->row])

static const char *access_name(uint32_t flags)
{
	static const char *const names[] = { NULL, "public", "protected", "private" };
	return names[flags & SDB_MEMBER_ACCESS];
}

static const char *member_kind_name(const struct sdb_member *member)
{
	return member->flags & SDB_MEMBER_STATIC ? "static" : member->kind == SDB_MEMBER_BASE ? "base"
		: member->kind == SDB_MEMBER_VARIANT ? "variant"
		: member->kind == SDB_MEMBER_DISCRIMINANT ? "discriminant" : "field";
}

INTEGER(member_index, c->row)
NAME(member_name, MEMBER->name)
TYPE_NAME(member_type, MEMBER->type)
INTEGER(member_type_id, MEMBER->type)
INTEGER(member_offset, MEMBER->bit_offset / 8)
INTEGER(member_bit_offset, MEMBER->bit_offset)
COLUMN(member_bit_size)
{
	if (MEMBER->bit_size)
		sqlite3_result_int64(x, MEMBER->bit_size);
}
COLUMN(member_size) { size_of(c, x, MEMBER->type); }
STRING(member_kind, member_kind_name(MEMBER))
STRING(member_access, access_name(MEMBER->flags))

static const struct sql_column member_columns[] = {
	{ "type_id", "INTEGER", "=", type_id }, { "type_name", "TEXT", "=*", type_name },
	{ "idx", "INTEGER", NULL, member_index }, { "name", "TEXT", NULL, member_name },
	{ "type", "TEXT", NULL, member_type }, { "member_type_id", "INTEGER", NULL, member_type_id },
	{ "offset", "INTEGER", NULL, member_offset }, { "bit_offset", "INTEGER", NULL, member_bit_offset },
	{ "bit_size", "INTEGER", NULL, member_bit_size }, { "size", "INTEGER", NULL, member_size },
	{ "kind", "TEXT", NULL, member_kind }, { "access", "TEXT", NULL, member_access }, { 0 }
};

static void begin_parts(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	if (sql_find(cursor, conditions, count, "type_id", '=')
	    || !sql_by_name(cursor, conditions, count, "type_name", SDB_ENTITY_TYPE))
		sql_by_id(cursor, conditions, count, "type_id", session_info(cursor->session)->types);
}

static bool load_members(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_type(cursor, key))
		return false;
	cursor->row_count = cursor->type->member_count;
	return true;
}

const struct sql_table sql_members = { "members", member_columns, begin_parts, load_members };

/* ---- enumerators --------------------------------------------------------------------------------- */

NAME(enumerator_name, c->type->enumerators[c->row].name)
INTEGER(enumerator_value, c->type->enumerators[c->row].value)

static const struct sql_column enumerator_columns[] = {
	{ "type_id", "INTEGER", "=", type_id }, { "type_name", "TEXT", "=*", type_name },
	{ "idx", "INTEGER", NULL, member_index }, { "name", "TEXT", "=*", enumerator_name },
	{ "value", "INTEGER", NULL, enumerator_value }, { 0 }
};

static void begin_enumerators(struct sql_cursor *cursor, const struct sql_condition *conditions,
			      size_t count)
{
	if (sql_find(cursor, conditions, count, "type_id", '=')
	    || !sql_by_name(cursor, conditions, count, "name", SDB_ENTITY_ENUMERATOR))
		begin_parts(cursor, conditions, count);
}

static bool load_enumerators(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_type(cursor, key))
		return false;
	cursor->row_count = cursor->type->enumerator_count;
	return true;
}

const struct sql_table sql_enumerators = { "enumerators", enumerator_columns, begin_enumerators,
					   load_enumerators };

/* ---- variables -------------------------------------------------------------------------------------- */

INTEGER(variable_id, c->id)
NAME(variable_name, c->variable->name)
NAME(variable_linkage_name, c->variable->linkage_name)
QUALIFIED(variable_qualified, SDB_ENTITY_VARIABLE, c->variable->id)
TYPE_NAME(variable_type, c->variable->type)
INTEGER(variable_type_id, c->variable->type)
COLUMN(variable_address)
{
	if (c->variable->location.kind == SDB_LOCATION_ADDRESS)
		sqlite3_result_int64(x, (sqlite3_int64)c->variable->location.address);
}
COLUMN(variable_size) { size_of(c, x, c->variable->type); }
COLUMN(variable_location)
{
	struct text text = TEXT_EMPTY;
	expression_location(c->session, &text, &c->variable->location, NULL, NULL, NULL);
	sql_text_deinit(x, &text);
}
STRING(variable_storage, c->variable->flags & SDB_VARIABLE_TLS ? "tls"
       : c->variable->flags & SDB_VARIABLE_PERCPU ? "percpu"
       : c->variable->flags & SDB_VARIABLE_DECLARATION ? "declared" : "static")
INTEGER(variable_external, (c->variable->flags & SDB_VARIABLE_EXTERNAL) != 0)
FILE_NAME(variable_file, c->variable->decl.file)
INTEGER(variable_line, c->variable->decl.line)

static const struct sql_column variable_columns[] = {
	{ "id", "INTEGER", "=", variable_id }, { "name", "TEXT", "=*", variable_name },
	{ "type", "TEXT", NULL, variable_type }, { "address", "ADDRESS", NULL, variable_address },
	{ "size", "INTEGER", NULL, variable_size }, { "location", "TEXT", NULL, variable_location },
	{ "storage", "TEXT", NULL, variable_storage }, { "external", "INTEGER", NULL, variable_external },
	{ "qualified", "TEXT", NULL, variable_qualified },
	{ "linkage_name", "TEXT", "=*", variable_linkage_name },
	{ "type_id", "INTEGER", NULL, variable_type_id }, { "file", "TEXT", NULL, variable_file },
	{ "line", "INTEGER", NULL, variable_line }, { 0 }
};

static void begin_variables(struct sql_cursor *cursor, const struct sql_condition *conditions,
			    size_t count)
{
	if (sql_find(cursor, conditions, count, "id", '=')
	    || (!sql_by_name(cursor, conditions, count, "name", SDB_ENTITY_VARIABLE)
		&& !sql_by_name(cursor, conditions, count, "linkage_name", SDB_ENTITY_VARIABLE)))
		sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->variables);
}

static bool load_variable(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return !session_missed(cursor->session, sdb_variable(session_db(cursor->session),
							     (sdb_variable_id)key->number, &cursor->variable));
}

const struct sql_table sql_variables = { "variables", variable_columns, begin_variables, load_variable };
