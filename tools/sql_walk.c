/* SPDX-License-Identifier: MIT */
/* What the tables have in common: keys from conditions, values from names and types. */
#include "sql.h"
#include "cdecl.h"

#include <stdlib.h>
#include <string.h>

const struct sql_table *const sql_tables[] = {
	&sql_symbols, &sql_files, &sql_units, &sql_sections, &sql_segments, &sql_types, &sql_members,
	&sql_enumerators, &sql_variables, &sql_functions, &sql_parameters, &sql_locals, &sql_code,
	&sql_inlines, &sql_call_sites, &sql_lines, &sql_unwind, NULL,
};

void sql_add_key(struct sql_cursor *cursor, uint64_t number, uint32_t extra)
{
	if (cursor->key_count == cursor->key_capacity) {
		cursor->key_capacity = cursor->key_capacity ? cursor->key_capacity * 2 : 16;
		cursor->keys = tool_realloc(cursor->keys, cursor->key_capacity, sizeof(*cursor->keys));
	}
	cursor->keys[cursor->key_count++] = (struct sql_key){ number, extra };
}

void sql_drop_record(struct sql_cursor *cursor)
{
	sdb_type_free(cursor->type);
	sdb_function_free(cursor->function);
	sdb_variable_free(cursor->variable);
	sdb_code_free(cursor->code);
	sdb_unwind_row_free(cursor->unwind);
	cursor->type = NULL;
	cursor->function = NULL;
	cursor->variable = NULL;
	cursor->code = NULL;
	cursor->unwind = NULL;
	cursor->row = cursor->row_count = 0;
}

const struct sql_condition *sql_find(const struct sql_cursor *cursor,
				     const struct sql_condition *conditions, size_t count,
				     const char *name, char operator)
{
	for (size_t i = 0; i < count; i++)
		if (conditions[i].operator == operator
		    && strcmp(cursor->table->columns[conditions[i].column].name, name) == 0)
			return &conditions[i];
	return NULL;
}

void sql_by_id(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count,
	       const char *name, uint64_t last)
{
	const struct sql_condition *condition = sql_find(cursor, conditions, count, name, '=');
	cursor->next = 1;
	cursor->end = last < UINT64_MAX ? last + 1 : last;
	if (!condition)
		return;
	sqlite3_int64 id = sqlite3_value_int64(condition->value);
	cursor->next = id > 0 && (uint64_t)id <= last ? (uint64_t)id : cursor->end;
	if (cursor->next < cursor->end)
		cursor->end = cursor->next + 1;
}

static struct sdb_error *take_entity(void *arg, sdb_name_id name, const char *text,
				     struct sdb_entity entity)
{
	struct sql_cursor *cursor = arg;
	(void)name, (void)text;
	sql_add_key(cursor, entity.id, 0);
	return NULL;
}

static int by_number(const void *a, const void *b)
{
	const struct sql_key *x = a, *y = b;
	return x->number < y->number ? -1 : x->number > y->number;
}

/* A thing may be found under its name and under its linkage name. */
static void remove_duplicates(struct sql_cursor *cursor)
{
	size_t kept = 0;
	if (cursor->key_count > 1)
		qsort(cursor->keys, cursor->key_count, sizeof(*cursor->keys), by_number);
	for (size_t i = 0; i < cursor->key_count; i++)
		if (kept == 0 || cursor->keys[kept - 1].number != cursor->keys[i].number)
			cursor->keys[kept++] = cursor->keys[i];
	cursor->key_count = kept;
}

bool sql_by_name(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count,
		 const char *name, enum sdb_entity_kind kind)
{
	const struct sql_condition *condition = sql_find(cursor, conditions, count, name, '=');
	enum sdb_match match = SDB_MATCH_EXACT;
	if (!condition) {
		condition = sql_find(cursor, conditions, count, name, '*');
		match = SDB_MATCH_GLOB;
	}
	if (!condition)
		return false;
	const char *pattern = (const char *)sqlite3_value_text(condition->value);
	/* A backslash is an ordinary character in SQLite's patterns, and `x || ''` finds unnamed things. */
	if (!pattern || !*pattern || (match == SDB_MATCH_GLOB && strchr(pattern, '\\')))
		return false;
	cursor->keys = tool_realloc(cursor->keys, 16, sizeof(*cursor->keys));
	cursor->key_capacity = 16;
	session_missed(cursor->session, sdb_lookup(session_db(cursor->session), pattern, match, 1u << kind,
						   take_entity, cursor));
	remove_duplicates(cursor);
	return true;
}

void sql_text(sqlite3_context *context, const char *text)
{
	if (text && *text)
		sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

void sql_text_deinit(sqlite3_context *context, struct text *text)
{
	if (text->size)
		sqlite3_result_text64(context, text->data, text->size, SQLITE_TRANSIENT, SQLITE_UTF8);
	free(text->data);
}

void sql_name(struct sql_cursor *cursor, sqlite3_context *context, sdb_name_id id)
{
	sql_text(context, session_name(cursor->session, id));
}

void sql_file(struct sql_cursor *cursor, sqlite3_context *context, sdb_file_id id)
{
	sql_text(context, session_file(cursor->session, id));
}

void sql_type_name(struct sql_cursor *cursor, sqlite3_context *context, sdb_type_id id)
{
	struct text text = TEXT_EMPTY;
	cdecl_type(cursor->session, &text, id);
	sql_text_deinit(context, &text);
}

void sql_qualified(struct sql_cursor *cursor, sqlite3_context *context, enum sdb_entity_kind kind,
		   uint32_t id)
{
	if (id)
		sql_text(context, session_qualified(cursor->session, (struct sdb_entity){ kind, id }));
}
