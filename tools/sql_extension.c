/* SPDX-License-Identifier: MIT */
/*
 * The tables for any program that uses SQLite:
 *     .load stackdb_sqlite
 *     SELECT name, address FROM stackdb_symbols('vmlinux.sdb') WHERE name = 'schedule';
 */
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT1

#include "sql.h"

/* The name that SQLite derives from the file's: stackdb_sqlite.so. */
__attribute__((visibility("default")))
int sqlite3_stackdbsqlite_init(sqlite3 *connection, char **message_ret,
			       const sqlite3_api_routines *routines);

int sqlite3_stackdbsqlite_init(sqlite3 *connection, char **message_ret,
			       const sqlite3_api_routines *routines)
{
	SQLITE_EXTENSION_INIT2(routines);
	(void)message_ret;
	return sql_register(connection, NULL);
}
