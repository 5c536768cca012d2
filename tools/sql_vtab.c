/* SPDX-License-Identifier: MIT */
/* The tables as SQLite's virtual tables: one module, with the description of a table as its data. */
#include "sql.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONDITIONS 16

/* What a module is registered with. */
struct module_data {
	const struct sql_table *table;
	struct session *session; /* NULL: each table opens its own database */
	sqlite3 *connection;
};

struct table_instance {
	sqlite3_vtab base;
	const struct module_data *data;
	struct session *session;
	char *path;     /* of the database that is open here, or that was named; NULL: not yet */
	bool owned;
};

static size_t column_count(const struct sql_table *table)
{
	size_t count = 0;
	while (table->columns[count].name)
		count++;
	return count;
}

/* Moves an error of the session to where SQLite looks for it. */
static int report(sqlite3_vtab *base, struct sdb_error *error)
{
	if (!error)
		return SQLITE_OK;
	sqlite3_free(base->zErrMsg);
	base->zErrMsg = sqlite3_mprintf("%s", sdb_error_message(error));
	sdb_error_free(error);
	return SQLITE_ERROR;
}

/* ---- tables ------------------------------------------------------------------------------- */

static char *unquoted(const char *argument)
{
	size_t length = strlen(argument);
	if (length >= 2 && (argument[0] == '\'' || argument[0] == '"') && argument[length - 1] == argument[0]) {
		char *inner = tool_strdup(argument + 1);
		inner[length - 2] = '\0';
		return inner;
	}
	return tool_strdup(argument);
}

static int table_connect(sqlite3 *connection, void *aux, int argc, const char *const *argv,
			 sqlite3_vtab **table_ret, char **message_ret)
{
	const struct module_data *data = aux;
	struct text schema = TEXT_EMPTY;
	(void)message_ret;
	text_add(&schema, "CREATE TABLE x(");
	for (const struct sql_column *column = data->table->columns; column->name; column++)
		text_format(&schema, "%s %s, ", column->name, column->type);
	text_add(&schema, "database TEXT HIDDEN)");
	int result = sqlite3_declare_vtab(connection, text_string(&schema));
	free(schema.data);
	if (result != SQLITE_OK)
		return result;
	struct table_instance *instance = tool_alloc(sizeof(*instance));
	instance->data = data;
	instance->session = data->session;
	if (argc > 3 && !data->session)
		instance->path = unquoted(argv[3]);
	*table_ret = &instance->base;
	return SQLITE_OK;
}

static void close_owned(struct table_instance *instance)
{
	if (!instance->owned)
		return;
	sdb_error_free(session_take_error(instance->session));
	session_close(instance->session, 0);
	instance->session = NULL;
	instance->owned = false;
}

static int table_disconnect(sqlite3_vtab *table)
{
	struct table_instance *instance = (struct table_instance *)table;
	close_owned(instance);
	free(instance->path);
	free(instance);
	return SQLITE_OK;
}

/* Sees to it that a database is open: PATH, the one of the table's argument, or the main one. */
static struct sdb_error *open_session(struct table_instance *instance, const char *path)
{
	if (instance->data->session || (instance->owned && (!path || strcmp(path, instance->path) == 0)))
		return NULL;
	if (!path)
		path = instance->path;
	if (!path)
		path = sqlite3_db_filename(instance->data->connection, "main");
	if (!path || !*path)
		return sdb_error_new(SDB_ERROR_INVALID, "which database? open it, or name it: SELECT ... "
				     "FROM stackdb_%s('FILE.sdb')", instance->data->table->name);
	char *kept = tool_strdup(path);
	close_owned(instance);
	struct sdb_error *error = session_open_path(kept, 0, &instance->session);
	if (error) {
		free(kept);
		return error;
	}
	free(instance->path);
	instance->path = kept;
	instance->owned = true;
	return NULL;
}

/* ---- plans --------------------------------------------------------------------------------- */

static char operator_of(unsigned char op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ: return '=';
	case SQLITE_INDEX_CONSTRAINT_GT: case SQLITE_INDEX_CONSTRAINT_GE: return '>';
	case SQLITE_INDEX_CONSTRAINT_LT: case SQLITE_INDEX_CONSTRAINT_LE: return '<';
	case SQLITE_INDEX_CONSTRAINT_GLOB: return '*';
	default: return 0;
	}
}

/*
 * The plan is a text of two characters for each condition that is used: the column (from `A`)
 * and the operator.
 */
static int table_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	struct table_instance *instance = (struct table_instance *)base;
	const struct sql_table *table = instance->data->table;
	int hidden = (int)column_count(table), used = 0;
	char plan[2 * MAX_CONDITIONS + 1];
	double cost = 1e6;
	for (int i = 0; i < info->nConstraint && used < MAX_CONDITIONS; i++) {
		int column = info->aConstraint[i].iColumn;
		char operator = operator_of(info->aConstraint[i].op);
		bool narrows = column >= 0 && column < hidden && operator && table->columns[column].operators
			&& strchr(table->columns[column].operators, operator);
		bool names_database = column == hidden && operator == '=';
		if (names_database && !info->aConstraint[i].usable)
			return SQLITE_CONSTRAINT;
		if (!(narrows || names_database) || !info->aConstraint[i].usable)
			continue;
		plan[2 * used] = (char)('A' + column);
		plan[2 * used + 1] = operator;
		info->aConstraintUsage[i].argvIndex = ++used;
		info->aConstraintUsage[i].omit = names_database;
		if (narrows)
			cost = operator == '=' ? (cost < 10 ? cost : 10) : cost < 1e4 ? cost : 1e4;
	}
	plan[2 * used] = '\0';
	info->idxStr = sqlite3_mprintf("%s", plan);
	info->needToFreeIdxStr = 1;
	info->estimatedCost = cost;
	info->estimatedRows = (sqlite3_int64)cost;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

/* ---- walks ----------------------------------------------------------------------------------- */

static int cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor_ret)
{
	(void)table;
	struct sql_cursor *cursor = tool_alloc(sizeof(*cursor));
	*cursor_ret = &cursor->base;
	return SQLITE_OK;
}

static void reset(struct sql_cursor *cursor)
{
	sql_drop_record(cursor);
	free(cursor->keys);
	free(cursor->lines);
	cursor->keys = NULL;
	cursor->lines = NULL;
	cursor->key_count = cursor->key_capacity = cursor->line_capacity = 0;
	cursor->next = cursor->end = 0;
	cursor->number = 0;
}

static int cursor_close(sqlite3_vtab_cursor *base)
{
	struct sql_cursor *cursor = (struct sql_cursor *)base;
	reset(cursor);
	free(cursor);
	return SQLITE_OK;
}

static bool at_end(const struct sql_cursor *cursor)
{
	return cursor->row >= cursor->row_count && cursor->next >= (cursor->keys ? cursor->key_count : cursor->end);
}

/* Loads records until there is one with a row. */
static int advance(struct sql_cursor *cursor)
{
	while (cursor->row >= cursor->row_count
	       && cursor->next < (cursor->keys ? cursor->key_count : cursor->end)) {
		struct sql_key key = { cursor->next, 0 };
		if (cursor->keys)
			key = cursor->keys[cursor->next];
		cursor->next++;
		sql_drop_record(cursor);
		cursor->id = key.number;
		if (!cursor->table->load(cursor, &key))
			cursor->row_count = 0;
		if (session_failed(cursor->session))
			return report(cursor->base.pVtab, session_take_error(cursor->session));
	}
	return SQLITE_OK;
}

static int cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int argc,
			 sqlite3_value **argv)
{
	struct sql_cursor *cursor = (struct sql_cursor *)base;
	struct table_instance *instance = (struct table_instance *)base->pVtab;
	const struct sql_table *table = instance->data->table;
	struct sql_condition conditions[MAX_CONDITIONS];
	int hidden = (int)column_count(table);
	const char *path = NULL;
	size_t count = 0;
	(void)number;
	for (int i = 0; i < argc && i < MAX_CONDITIONS; i++) {
		int column = plan[2 * i] - 'A';
		if (column == hidden)
			path = (const char *)sqlite3_value_text(argv[i]);
		else if (sqlite3_value_type(argv[i]) != SQLITE_NULL)
			conditions[count++] = (struct sql_condition){ column, plan[2 * i + 1], argv[i] };
	}
	reset(cursor);
	struct sdb_error *error = open_session(instance, path);
	if (error)
		return report(base->pVtab, error);
	cursor->table = table;
	cursor->session = instance->session;
	table->begin(cursor, conditions, count);
	/* Lists are walked by index. */
	if (cursor->keys)
		cursor->next = 0;
	if (session_failed(cursor->session))
		return report(base->pVtab, session_take_error(cursor->session));
	return advance(cursor);
}

static int cursor_next(sqlite3_vtab_cursor *base)
{
	struct sql_cursor *cursor = (struct sql_cursor *)base;
	cursor->row++;
	cursor->number++;
	return advance(cursor);
}

static int cursor_eof(sqlite3_vtab_cursor *base)
{
	return at_end((struct sql_cursor *)base);
}

static int cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	struct sql_cursor *cursor = (struct sql_cursor *)base;
	struct table_instance *instance = (struct table_instance *)base->pVtab;
	if (column >= (int)column_count(cursor->table)) {
		sql_text(context, instance->path);
		return SQLITE_OK;
	}
	cursor->table->columns[column].value(cursor, context);
	return session_failed(cursor->session)
		? report(base->pVtab, session_take_error(cursor->session)) : SQLITE_OK;
}

static int cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid_ret)
{
	*rowid_ret = ((struct sql_cursor *)base)->number;
	return SQLITE_OK;
}

static const sqlite3_module module = {
	.iVersion = 1,
	.xCreate = table_connect,
	.xConnect = table_connect, /* the same: tables can be used without being created */
	.xBestIndex = table_best_index,
	.xDisconnect = table_disconnect,
	.xDestroy = table_disconnect,
	.xOpen = cursor_open,
	.xClose = cursor_close,
	.xFilter = cursor_filter,
	.xNext = cursor_next,
	.xEof = cursor_eof,
	.xColumn = cursor_column,
	.xRowid = cursor_rowid,
};

int sql_register(sqlite3 *connection, struct session *session)
{
	for (const struct sql_table *const *table = sql_tables; *table; table++) {
		struct text name = TEXT_EMPTY;
		struct module_data *data = tool_alloc(sizeof(*data));
		*data = (struct module_data){ *table, session, connection };
		text_format(&name, "%s%s", session ? "" : "stackdb_", (*table)->name);
		int result = sqlite3_create_module_v2(connection, text_string(&name), &module, data, free);
		free(name.data);
		if (result != SQLITE_OK)
			return result;
	}
	return SQLITE_OK;
}
