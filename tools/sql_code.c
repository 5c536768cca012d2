/* SPDX-License-Identifier: MIT */
/* Tables: code, inlines, call_sites, lines, unwind. */
#include "expression.h"
#include "rules.h"
#include "sql.h"
#include "sql_columns.h"

#include <stdlib.h>

#define LINE_CHUNK 2048 /* rows of the line table that are read at a time */

/* ---- instances of functions ----------------------------------------------------------------- */

static struct sdb_error *take_code(void *arg, const struct sdb_code *code)
{
	struct sql_cursor *cursor = arg;
	if (code->scope_count && code->scopes[0].range_count)
		sql_add_key(cursor, code->scopes[0].ranges[0].low, 0);
	return NULL;
}

static void keys_of_function(struct sql_cursor *cursor, sqlite3_int64 id)
{
	struct sdb_instance *instances;
	size_t count;
	uint64_t last = 0;
	if (id < 1 || (uint64_t)id > session_info(cursor->session)->functions
	    || session_missed(cursor->session, sdb_function_instances(session_db(cursor->session),
								      (sdb_function_id)id, &instances, &count)))
		return;
	for (size_t i = 0; i < count; i++) {
		if (!cursor->key_count || instances[i].address != last)
			sql_add_key(cursor, instances[i].address, 0);
		last = instances[i].address;
	}
	free(instances);
}

/* By `code` (an address inside), by `function_id`, or all. */
static void begin_code(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sql_condition *code = sql_find(cursor, conditions, count, "code", '=');
	const struct sql_condition *address = sql_find(cursor, conditions, count, "address", '=');
	const struct sql_condition *function = sql_find(cursor, conditions, count, "function_id", '=');
	cursor->keys = tool_realloc(cursor->keys, 16, sizeof(*cursor->keys));
	cursor->key_capacity = 16;
	if (code)
		sql_add_key(cursor, (uint64_t)sqlite3_value_int64(code->value), 0);
	else if (address) /* of a call: its return address may be the first one behind the function */
		sql_add_key(cursor, (uint64_t)sqlite3_value_int64(address->value) - 1, 0);
	else if (function)
		keys_of_function(cursor, sqlite3_value_int64(function->value));
	else
		session_note(cursor->session, sdb_codes(session_db(cursor->session), 0, take_code, cursor));
}

static bool read_code(struct sql_cursor *cursor, const struct sql_key *key, unsigned parts)
{
	return !session_missed(cursor->session, sdb_code_at(session_db(cursor->session), key->number, parts,
							    &cursor->code))
		&& cursor->code->scope_count && cursor->code->scopes[0].range_count;
}

static const struct sdb_code_scope *outer(const struct sql_cursor *cursor)
{
	return &cursor->code->scopes[0];
}

INTEGER(code_entry, outer(c)->ranges[0].low)
INTEGER(code_function_id, outer(c)->function)
QUALIFIED(code_function, SDB_ENTITY_FUNCTION, outer(c)->function)
INTEGER(code_low, outer(c)->ranges[c->row].low)
INTEGER(code_high, outer(c)->ranges[c->row].high)
INTEGER(code_unit, c->code->unit)

static const struct sql_column code_columns[] = {
	{ "code", "ADDRESS", "=", code_entry }, { "function_id", "INTEGER", "=", code_function_id },
	{ "function", "TEXT", NULL, code_function }, { "low", "ADDRESS", NULL, code_low },
	{ "high", "ADDRESS", NULL, code_high }, { "unit_id", "INTEGER", NULL, code_unit }, { 0 }
};

static bool load_code(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_code(cursor, key, 0))
		return false;
	cursor->row_count = outer(cursor)->range_count;
	return true;
}

const struct sql_table sql_code = { "code", code_columns, begin_code, load_code };

/* ---- inlined functions: one row a range ------------------------------------------------------- */

/* The scope and the range that row ROW stands for. */
static const struct sdb_code_scope *inline_scope(const struct sql_cursor *cursor, struct sdb_range *range_ret)
{
	size_t row = cursor->row;
	for (size_t i = 1; i < cursor->code->scope_count; i++) {
		const struct sdb_code_scope *scope = &cursor->code->scopes[i];
		if (scope->kind != SDB_CODE_INLINED)
			continue;
		if (row < scope->range_count) {
			*range_ret = scope->ranges[row];
			return scope;
		}
		row -= scope->range_count;
	}
	*range_ret = (struct sdb_range){ 0, 0 };
	return outer(cursor);
}

static unsigned inline_depth(const struct sql_cursor *cursor, const struct sdb_code_scope *scope)
{
	unsigned depth = 0;
	for (size_t i = (size_t)(scope - cursor->code->scopes); i > 0; i = cursor->code->scopes[i].parent) {
		depth += cursor->code->scopes[i].kind == SDB_CODE_INLINED;
		if (cursor->code->scopes[i].parent >= i)
			break;
	}
	return depth;
}

#define INLINE_COLUMN(name) COLUMN(name) { struct sdb_range range; \
		const struct sdb_code_scope *scope = inline_scope(c, &range); (void)scope;

INLINE_COLUMN(inline_low) sqlite3_result_int64(x, (sqlite3_int64)range.low); }
INLINE_COLUMN(inline_high) sqlite3_result_int64(x, (sqlite3_int64)range.high); }
INLINE_COLUMN(inline_level) sqlite3_result_int64(x, inline_depth(c, scope)); }
INLINE_COLUMN(inline_function_id) sqlite3_result_int64(x, scope->function); }
INLINE_COLUMN(inline_function) sql_qualified(c, x, SDB_ENTITY_FUNCTION, scope->function); }
INLINE_COLUMN(inline_call_file) sql_file(c, x, scope->call_file); }
INLINE_COLUMN(inline_call_line) sqlite3_result_int64(x, scope->call_line); }

static const struct sql_column inline_columns[] = {
	{ "code", "ADDRESS", "=", code_entry }, { "caller", "TEXT", NULL, code_function },
	{ "function_id", "INTEGER", "=", inline_function_id }, { "function", "TEXT", NULL, inline_function },
	{ "depth", "INTEGER", NULL, inline_level }, { "low", "ADDRESS", NULL, inline_low },
	{ "high", "ADDRESS", NULL, inline_high }, { "call_file", "TEXT", NULL, inline_call_file },
	{ "call_line", "INTEGER", NULL, inline_call_line }, { 0 }
};

static bool load_inlines(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_code(cursor, key, 0))
		return false;
	for (size_t i = 1; i < cursor->code->scope_count; i++)
		if (cursor->code->scopes[i].kind == SDB_CODE_INLINED)
			cursor->row_count += cursor->code->scopes[i].range_count;
	return true;
}

const struct sql_table sql_inlines = { "inlines", inline_columns, begin_code, load_inlines };

/* ---- calls -------------------------------------------------------------------------------------- */

#define CALL (&c->code->call_sites[c->row])

INTEGER(call_address, CALL->address)
INTEGER(call_function_id, CALL->function)
QUALIFIED(call_function, SDB_ENTITY_FUNCTION, CALL->function)
INTEGER(call_tail, (CALL->flags & SDB_CALL_TAIL) != 0)
COLUMN(call_target)
{
	struct text text = TEXT_EMPTY;
	if (CALL->target.length)
		expression_value(c->session, &text, &CALL->target, &c->code->frame_base);
	sql_text_deinit(x, &text);
}
COLUMN(call_parameters)
{
	struct text text = TEXT_EMPTY;
	for (size_t i = 0; i < CALL->parameter_count; i++) {
		text_add(&text, i ? ", " : "");
		expression_value(c->session, &text, &CALL->parameters[i].location, NULL);
		text_char(&text, '=');
		expression_value(c->session, &text, &CALL->parameters[i].value, &c->code->frame_base);
	}
	sql_text_deinit(x, &text);
}

static const struct sql_column call_columns[] = {
	{ "code", "ADDRESS", "=", code_entry }, { "caller", "TEXT", NULL, code_function },
	{ "address", "ADDRESS", "=", call_address }, { "function_id", "INTEGER", NULL, call_function_id },
	{ "function", "TEXT", NULL, call_function }, { "tail", "INTEGER", NULL, call_tail },
	{ "target", "TEXT", NULL, call_target }, { "parameters", "TEXT", NULL, call_parameters }, { 0 }
};

static bool load_calls(struct sql_cursor *cursor, const struct sql_key *key)
{
	if (!read_code(cursor, key, SDB_CODE_WITH_CALLS))
		return false;
	cursor->row_count = cursor->code->call_site_count;
	return true;
}

const struct sql_table sql_call_sites = { "call_sites", call_columns, begin_code, load_calls };

/* ---- lines ---------------------------------------------------------------------------------------- */

#define LINE (&c->lines[c->row])

INTEGER(line_address, LINE->address)
INTEGER(line_file_id, LINE->file)
FILE_NAME(line_file, LINE->file)
INTEGER(line_line, LINE->line)
INTEGER(line_column, LINE->column)
INTEGER(line_discriminator, LINE->discriminator)
INTEGER(line_is_stmt, (LINE->flags & SDB_LINE_STATEMENT) != 0)
INTEGER(line_end, (LINE->flags & SDB_LINE_END_SEQUENCE) != 0)
INTEGER(line_prologue_end, (LINE->flags & SDB_LINE_PROLOGUE_END) != 0)

static const struct sql_column line_columns[] = {
	{ "address", "ADDRESS", "=<>", line_address }, { "file", "TEXT", "=", line_file },
	{ "line", "INTEGER", "=", line_line }, { "col", "INTEGER", NULL, line_column },
	{ "discriminator", "INTEGER", NULL, line_discriminator },
	{ "is_stmt", "INTEGER", NULL, line_is_stmt }, { "end_sequence", "INTEGER", NULL, line_end },
	{ "prologue_end", "INTEGER", NULL, line_prologue_end },
	{ "file_id", "INTEGER", "=", line_file_id }, { 0 }
};

static struct sdb_error *take_file(void *arg, sdb_file_id id, const char *path)
{
	struct sql_cursor *cursor = arg;
	(void)path;
	sql_add_key(cursor, 0, id);
	return NULL;
}

/*
 * The addresses that signed conditions leave, as an unsigned range; the whole of it when they
 * are not one range.
 */
static void set_range(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sql_condition *equal = sql_find(cursor, conditions, count, "address", '=');
	const struct sql_condition *above = equal ? equal : sql_find(cursor, conditions, count, "address", '>');
	const struct sql_condition *below = equal ? equal : sql_find(cursor, conditions, count, "address", '<');
	sqlite3_int64 low = above ? sqlite3_value_int64(above->value) : INT64_MIN;
	sqlite3_int64 high = below ? sqlite3_value_int64(below->value) : INT64_MAX;
	cursor->low = 0;
	cursor->high = UINT64_MAX;
	if ((low < 0) != (high < 0))
		return;
	cursor->low = (uint64_t)low;
	cursor->high = (uint64_t)high == UINT64_MAX ? UINT64_MAX : (uint64_t)high + 1;
}

static void begin_lines(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sql_condition *file = sql_find(cursor, conditions, count, "file", '=');
	const struct sql_condition *file_id = sql_find(cursor, conditions, count, "file_id", '=');
	const struct sql_condition *line = sql_find(cursor, conditions, count, "line", '=');
	sqlite3_int64 wanted = line ? sqlite3_value_int64(line->value) : 0;
	cursor->wanted_line = wanted > 0 && wanted <= UINT32_MAX ? (uint32_t)wanted : 0;
	bool by_address = sql_find(cursor, conditions, count, "address", '=') != NULL;
	cursor->keys = tool_realloc(cursor->keys, 16, sizeof(*cursor->keys));
	cursor->key_capacity = 16;
	sqlite3_int64 id = file_id ? sqlite3_value_int64(file_id->value) : 0;
	const char *path = file ? (const char *)sqlite3_value_text(file->value) : NULL;
	if (by_address || (!file_id && !path)) {
		set_range(cursor, conditions, count);
		sql_add_key(cursor, 0, 0);
	} else if (file_id) {
		if (id > 0 && (uint64_t)id <= session_info(cursor->session)->files)
			sql_add_key(cursor, 0, (uint32_t)id);
	} else {
		session_missed(cursor->session, sdb_files(session_db(cursor->session), path, take_file, cursor));
	}
}

static struct sdb_error *take_line(void *arg, const struct sdb_line *line)
{
	struct sql_cursor *cursor = arg;
	/* A chunk ends between two addresses, so that the next one can begin there. */
	if (!cursor->wanted_line && cursor->high && cursor->row_count >= LINE_CHUNK
	    && cursor->lines[cursor->row_count - 1].address != line->address)
		return sdb_error_new(SDB_ERROR_STOPPED, "enough");
	if (cursor->row_count == cursor->line_capacity) {
		cursor->line_capacity = cursor->line_capacity ? cursor->line_capacity * 2 : 256;
		cursor->lines = tool_realloc(cursor->lines, cursor->line_capacity, sizeof(*cursor->lines));
	}
	cursor->lines[cursor->row_count++] = *line;
	return NULL;
}

static bool load_lines(struct sql_cursor *cursor, const struct sql_key *key)
{
	struct sdb_db *db = session_db(cursor->session);
	if (key->extra) {
		cursor->high = 0;
		session_missed(cursor->session, sdb_line_find(db, key->extra, cursor->wanted_line,
							      take_line, cursor));
		return true;
	}
	cursor->wanted_line = 0;
	if (cursor->low >= cursor->high)
		return false;
	struct sdb_error *error = sdb_lines(db, cursor->low, cursor->high, take_line, cursor);
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED) {
		sdb_error_free(error);
		cursor->low = cursor->lines[cursor->row_count - 1].address + 1;
		sql_add_key(cursor, 0, 0); /* come again for the rest */
	} else {
		session_missed(cursor->session, error);
		cursor->low = cursor->high;
	}
	return cursor->row_count != 0;
}

const struct sql_table sql_lines = { "lines", line_columns, begin_lines, load_lines };

/* ---- unwinding -------------------------------------------------------------------------------------- */

STRING(unwind_source, rules_source_name(c->unwind->source))
INTEGER(unwind_low, c->unwind->low)
INTEGER(unwind_high, c->unwind->high)
COLUMN(unwind_cfa)
{
	struct text text = TEXT_EMPTY;
	if (!(c->unwind->flags & SDB_UNWIND_GAP) && c->unwind->cfa.kind != SDB_RULE_UNDEFINED)
		rules_put_cfa(c->session, &text, c->unwind);
	sql_text_deinit(x, &text);
}
COLUMN(unwind_rules)
{
	struct text text = TEXT_EMPTY;
	for (size_t i = 0; i < c->unwind->rule_count; i++) {
		const struct sdb_rule *rule = &c->unwind->rules[i];
		text_add(&text, i ? " " : "");
		if (c->unwind->source != SDB_UNWIND_ORC && rule->column == c->unwind->return_column)
			text_add(&text, "ra");
		else
			rules_put_register(c->session, &text, rule->column);
		text_char(&text, '=');
		rules_put_rule(c->session, &text, rule);
	}
	sql_text_deinit(x, &text);
}
COLUMN(unwind_orc_type)
{
	if (c->unwind->source == SDB_UNWIND_ORC)
		sql_text(x, rules_orc_type_name(c->unwind->orc_type));
}
INTEGER(unwind_signal, (c->unwind->flags & (SDB_UNWIND_SIGNAL_FRAME | SDB_UNWIND_ORC_SIGNAL)) != 0)
INTEGER(unwind_gap, (c->unwind->flags & SDB_UNWIND_GAP) != 0)
/* The address that was asked for, so that `address = X` finds the rows that hold X. */
INTEGER(unwind_address, c->id ? c->id : c->unwind->low)

static const struct sql_column unwind_columns[] = {
	{ "source", "TEXT", NULL, unwind_source }, { "low", "ADDRESS", NULL, unwind_low },
	{ "high", "ADDRESS", NULL, unwind_high }, { "cfa", "TEXT", NULL, unwind_cfa },
	{ "rules", "TEXT", NULL, unwind_rules }, { "orc_type", "TEXT", NULL, unwind_orc_type },
	{ "signal", "INTEGER", NULL, unwind_signal }, { "gap", "INTEGER", NULL, unwind_gap },
	{ "address", "ADDRESS HIDDEN", "=", unwind_address }, { 0 }
};

static struct sdb_error *take_unwind(void *arg, const struct sdb_unwind_row *row)
{
	sql_add_key(arg, row->low, row->source);
	return NULL;
}

static void begin_unwind(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sql_condition *address = sql_find(cursor, conditions, count, "address", '=');
	cursor->keys = tool_realloc(cursor->keys, 16, sizeof(*cursor->keys));
	cursor->key_capacity = 16;
	for (uint32_t source = SDB_UNWIND_EH_FRAME; source <= SDB_UNWIND_ORC; source++)
		if (address)
			sql_add_key(cursor, (uint64_t)sqlite3_value_int64(address->value), source);
		else
			session_missed(cursor->session, sdb_unwind_rows(session_db(cursor->session), source,
									take_unwind, cursor));
}

static bool load_unwind(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return !session_missed(cursor->session, sdb_unwind_at(session_db(cursor->session), key->extra,
							      key->number, &cursor->unwind));
}

const struct sql_table sql_unwind = { "unwind", unwind_columns, begin_unwind, load_unwind };
