/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SQL_H
#define TOOLS_SQL_H

/*
 * A database as SQL tables. Each table is a list of keys (numbers of records, or addresses); a
 * key loads a record that gives one row or several. Conditions of a query only narrow the list:
 * SQLite checks every row again.
 */

#include "session.h"
#include "sqlite_api.h"

struct sql_condition {
	int column;
	char operator; /* = < > (with or without equality), * for GLOB */
	sqlite3_value *value;
};

struct sql_key {
	uint64_t number; /* id or address */
	uint32_t extra;  /* source of unwind rows, file of lines */
};

/* A walk over one table. */
struct sql_cursor {
	sqlite3_vtab_cursor base;
	const struct sql_table *table;
	struct session *session;
	struct sql_key *keys;  /* the list; NULL: all numbers from `next` to `end` */
	size_t key_count, key_capacity;
	uint64_t next, end;
	/* the record loaded last and the row of it */
	uint64_t id;
	size_t row, row_count;
	struct sdb_symbol symbol;
	struct sdb_unit unit;
	struct sdb_type *type;
	struct sdb_function *function;
	struct sdb_variable *variable;
	struct sdb_code *code;
	struct sdb_unwind_row *unwind;
	struct sdb_line *lines;
	size_t line_capacity;
	uint64_t low, high;    /* of the walk over lines by address: what is still to come */
	uint32_t wanted_line;
	sqlite3_int64 number;  /* of the row in the walk */
};

struct sql_column {
	const char *name;
	const char *type;     /* declared: INTEGER, TEXT, ADDRESS (printed in hexadecimal) */
	const char *operators; /* conditions on it that narrow the walk: "=", "=<>", "=*"; or NULL */
	void (*value)(struct sql_cursor *cursor, sqlite3_context *context);
};

struct sql_table {
	const char *name;
	const struct sql_column *columns; /* ended by a NULL name */
	/* Sets the keys (or next and end) for the conditions. */
	void (*begin)(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count);
	/* Loads the record of KEY and sets row_count; false: there is no such record. */
	bool (*load)(struct sql_cursor *cursor, const struct sql_key *key);
};

/* Every table; ended by a NULL pointer. */
extern const struct sql_table *const sql_tables[];

/*
 * Adds the tables to a connection: as `symbols` and so on over SESSION, or, with SESSION NULL,
 * as `stackdb_symbols`, over the database that is named by an argument or that is open itself.
 */
int sql_register(sqlite3 *connection, struct session *session);

/* ---- for the tables: sql_walk.c ------------------------------------------------------------- */

void sql_add_key(struct sql_cursor *cursor, uint64_t number, uint32_t extra);
void sql_drop_record(struct sql_cursor *cursor);
/* The condition on the column called NAME with OPERATOR; NULL when there is none. */
const struct sql_condition *sql_find(const struct sql_cursor *cursor,
				     const struct sql_condition *conditions, size_t count,
				     const char *name, char operator);
/* Walks numbers FIRST to LAST, or the single one of an `id` condition on column NAME. */
void sql_by_id(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count,
	       const char *name, uint64_t last);
/* Keys of the entities of KIND that a condition on column NAME names; false: there is none. */
bool sql_by_name(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count,
		 const char *name, enum sdb_entity_kind kind);

void sql_text(sqlite3_context *context, const char *text); /* NULL for an empty one */
void sql_text_deinit(sqlite3_context *context, struct text *text);
void sql_name(struct sql_cursor *cursor, sqlite3_context *context, sdb_name_id id);
void sql_file(struct sql_cursor *cursor, sqlite3_context *context, sdb_file_id id);
void sql_type_name(struct sql_cursor *cursor, sqlite3_context *context, sdb_type_id id);
void sql_qualified(struct sql_cursor *cursor, sqlite3_context *context, enum sdb_entity_kind kind,
		   uint32_t id);

/* By subject: sql_types.c, sql_functions.c, sql_code.c. */
extern const struct sql_table sql_symbols, sql_files, sql_units, sql_sections, sql_segments, sql_types,
	sql_members, sql_enumerators, sql_variables, sql_functions, sql_parameters, sql_locals, sql_code,
	sql_inlines, sql_call_sites, sql_lines, sql_unwind;

#endif
