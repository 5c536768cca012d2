/* SPDX-License-Identifier: MIT */
/* `stackdb sql`: questions that no command foresaw. */
#include "json.h"
#include "sql.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALIGNED_ROWS 2000 /* rows that widths of columns are taken from */
#define MAX_WIDTH 80

struct sql_command {
	struct common common;
	bool header, tabs;
	bool aligned;
	char **statements;
	int statement_count;
	struct text out;
	struct session *session;
	sqlite3 *connection;
	/* rows held back until the widths of the columns are known */
	char **cells;
	size_t cell_count, cell_capacity;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sql_command *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'H': command->header = true; return 0;
	case 't': command->tabs = true; return 0;
	case ARGP_KEY_ARGS:
		command->statements = state->argv + state->next;
		command->statement_count = state->argc - state->next;
		if (!command->common.module && command->statement_count) {
			command->common.module = *command->statements++;
			command->statement_count--;
		}
		return 0;
	case ARGP_KEY_END:
		if (!command->common.module)
			argp_error(state, "which database?");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "header", 'H', NULL, 0, "Begin with the names of the columns", 0 },
	{ "tabs", 't', NULL, 0, "Separate columns by tabs on a terminal too", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "DB [SQL...]",
	"Run SQL over the tables of a database; of standard input when none is given."
	"\vTables: symbols, files, units, sections, segments, types, members, enumerators, variables, "
	"functions, parameters, locals, code, inlines, call_sites, lines, unwind; PRAGMA table_xinfo(TABLE) "
	"lists the columns.\n\nExamples:\n"
	"  stackdb sql vmlinux.sdb \"SELECT name, address FROM symbols WHERE name GLOB 'sys_*'\"\n"
	"  stackdb sql vmlinux.sdb \"SELECT name, offset FROM members WHERE type_name = 'task_struct' "
	"AND type LIKE '%mm_struct%'\"\n",
	children, NULL, NULL
};

/* ---- values -------------------------------------------------------------------------------- */

static bool is_address(sqlite3_stmt *statement, int column)
{
	const char *type = sqlite3_column_decltype(statement, column);
	return type && strncmp(type, "ADDRESS", 7) == 0
		&& sqlite3_column_type(statement, column) == SQLITE_INTEGER;
}

static void put_value(struct text *to, sqlite3_stmt *statement, int column)
{
	if (is_address(statement, column)) {
		text_hex(to, (uint64_t)sqlite3_column_int64(statement, column));
		return;
	}
	const char *value = (const char *)sqlite3_column_text(statement, column);
	for (const char *c = value ? value : ""; *c; c++)
		if (*c == '\t' || *c == '\n' || *c == '\\') {
			text_char(to, '\\');
			text_char(to, *c == '\t' ? 't' : *c == '\n' ? 'n' : '\\');
		} else {
			text_char(to, (unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
		}
}

static void row_as_json(struct sql_command *command, sqlite3_stmt *statement)
{
	struct json json;
	json_begin(&json, &command->out);
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		const char *key = sqlite3_column_name(statement, i);
		if (is_address(statement, i))
			json_hex(&json, key, (uint64_t)sqlite3_column_int64(statement, i));
		else if (sqlite3_column_type(statement, i) == SQLITE_INTEGER)
			json_signed(&json, key, sqlite3_column_int64(statement, i));
		else if (sqlite3_column_type(statement, i) == SQLITE_FLOAT)
			json_real(&json, key, sqlite3_column_double(statement, i));
		else
			json_string(&json, key, (const char *)sqlite3_column_text(statement, i));
	}
	json_end(&json);
}

static void row_with_tabs(struct sql_command *command, sqlite3_stmt *statement)
{
	for (int i = 0; i < sqlite3_column_count(statement); i++) {
		if (i)
			text_char(&command->out, '\t');
		put_value(&command->out, statement, i);
	}
	text_char(&command->out, '\n');
}

/* ---- aligned output on a terminal ------------------------------------------------------------ */

static void keep_cell(struct sql_command *command, struct text *value)
{
	if (command->cell_count == command->cell_capacity) {
		command->cell_capacity = command->cell_capacity ? command->cell_capacity * 2 : 256;
		command->cells = tool_realloc(command->cells, command->cell_capacity, sizeof(char *));
	}
	command->cells[command->cell_count++] = tool_strdup(text_string(value));
	value->size = 0;
}

static void print_cells(struct sql_command *command, size_t columns)
{
	size_t *widths = tool_alloc(columns * sizeof(*widths));
	for (size_t i = 0; i < command->cell_count; i++) {
		size_t width = strlen(command->cells[i]);
		width = width > MAX_WIDTH ? MAX_WIDTH : width;
		if (width > widths[i % columns])
			widths[i % columns] = width;
	}
	for (size_t i = 0; i < command->cell_count; i++) {
		size_t width = strlen(command->cells[i]), column = i % columns;
		text_add(&command->out, command->cells[i]);
		if (column + 1 == columns)
			text_char(&command->out, '\n');
		else
			text_repeat(&command->out, ' ', width < widths[column] ? widths[column] - width + 2 : 2);
		free(command->cells[i]);
	}
	command->cell_count = 0;
	free(widths);
}

static void row_aligned(struct sql_command *command, sqlite3_stmt *statement)
{
	struct text value = TEXT_EMPTY;
	int columns = sqlite3_column_count(statement);
	for (int i = 0; i < columns; i++) {
		put_value(&value, statement, i);
		keep_cell(command, &value);
	}
	free(value.data);
	if (command->cell_count >= (size_t)columns * ALIGNED_ROWS)
		print_cells(command, (size_t)columns);
}

/* ---- statements ------------------------------------------------------------------------------- */

static void put_header(struct sql_command *command, sqlite3_stmt *statement)
{
	struct text name = TEXT_EMPTY;
	int columns = sqlite3_column_count(statement);
	for (int i = 0; i < columns; i++) {
		text_add(&name, sqlite3_column_name(statement, i));
		if (command->aligned) {
			keep_cell(command, &name);
			continue;
		}
		text_char(&name, i + 1 < columns ? '\t' : '\n');
	}
	text_addn(&command->out, name.data, name.size);
	free(name.data);
}

static int run_one(struct sql_command *command, sqlite3_stmt *statement)
{
	int result, columns = sqlite3_column_count(statement);
	if (columns && (command->header || command->aligned) && !command->common.json)
		put_header(command, statement);
	while ((result = sqlite3_step(statement)) == SQLITE_ROW) {
		if (command->common.json)
			row_as_json(command, statement);
		else if (command->aligned)
			row_aligned(command, statement);
		else
			row_with_tabs(command, statement);
	}
	if (command->aligned && columns)
		print_cells(command, (size_t)columns);
	return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int run(struct sql_command *command, const char *sql)
{
	int result = SQLITE_OK;
	while (*sql && result == SQLITE_OK) {
		sqlite3_stmt *statement = NULL;
		const char *rest = sql;
		result = sqlite3_prepare_v2(command->connection, sql, -1, &statement, &rest);
		if (result == SQLITE_OK && statement)
			result = run_one(command, statement);
		if (result != SQLITE_OK) {
			text_flush(&command->out);
			tool_complain(NULL, "%s", sqlite3_errmsg(command->connection));
		}
		sqlite3_finalize(statement);
		sql = rest;
	}
	return result == SQLITE_OK ? STATUS_DONE : result == SQLITE_ERROR ? STATUS_USAGE : STATUS_NOT_FOUND;
}

static char *read_input(void)
{
	struct text sql = TEXT_EMPTY;
	char chunk[4096];
	ssize_t got;
	while ((got = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0 || (got < 0 && errno == EINTR))
		if (got > 0)
			text_addn(&sql, chunk, (size_t)got);
	text_string(&sql);
	return sql.data;
}

int command_sql(int argc, char **argv)
{
	struct sql_command command = { .out = text_to(STDOUT_FILENO) };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.aligned = isatty(STDOUT_FILENO) && !command.tabs && !command.common.json;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	if (sqlite3_open(":memory:", &command.connection) != SQLITE_OK
	    || sql_register(command.connection, command.session) != SQLITE_OK) {
		tool_complain(NULL, "%s", sqlite3_errmsg(command.connection));
		status = STATUS_NOT_FOUND;
	} else if (command.statement_count) {
		for (int i = 0; i < command.statement_count && status == STATUS_DONE; i++)
			status = run(&command, command.statements[i]);
	} else {
		char *sql = read_input();
		status = run(&command, sql);
		free(sql);
	}
	sqlite3_close(command.connection);
	free(command.cells);
	text_deinit(&command.out);
	return session_close(command.session, status);
}
