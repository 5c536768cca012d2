/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_SQL_COLUMNS_H
#define TOOLS_SQL_COLUMNS_H

/* Short definitions of the functions that give the values of columns. */

#define COLUMN(name) static void name(struct sql_cursor *c, sqlite3_context *x)
#define INTEGER(name, expression) \
	COLUMN(name) { sqlite3_result_int64(x, (sqlite3_int64)(expression)); }
#define NAME(name, expression) COLUMN(name) { sql_name(c, x, expression); }
#define FILE_NAME(name, expression) COLUMN(name) { sql_file(c, x, expression); }
#define TYPE_NAME(name, expression) COLUMN(name) { sql_type_name(c, x, expression); }
#define QUALIFIED(name, kind, expression) COLUMN(name) { sql_qualified(c, x, kind, expression); }
#define STRING(name, expression) COLUMN(name) { sql_text(x, expression); }

#endif
