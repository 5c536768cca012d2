/* SPDX-License-Identifier: MIT */
/* The tables of a database file. */

#include "schema.h"
#include <stdio.h>

static const struct {
	const char *name, *columns;
} fixed[TABLE_FIXED] = {
	[TABLE_META] = { "meta", "(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID" },
	[TABLE_SECTIONS] = { "sections",
			     "(number INTEGER PRIMARY KEY, name TEXT, type INTEGER, flags INTEGER, "
			     "address INTEGER, offset INTEGER, size INTEGER, alignment INTEGER)" },
	[TABLE_SEGMENTS] = { "segments",
			     "(number INTEGER PRIMARY KEY, type INTEGER, flags INTEGER, "
			     "offset INTEGER, address INTEGER, physical_address INTEGER, "
			     "file_size INTEGER, memory_size INTEGER, alignment INTEGER)" },
	[TABLE_NAME_INDEX] = { "name_index",
			       "(text BLOB PRIMARY KEY, first INTEGER NOT NULL) WITHOUT ROWID" },
};

const char *schema_table_name(enum schema_table table)
{
	return table < TABLE_FIXED ? fixed[table].name : part_traits[table - TABLE_FIXED].name;
}

const char *schema_table_sql(enum schema_table table, char sql[SCHEMA_SQL_MAX])
{
	snprintf(sql, SCHEMA_SQL_MAX, "CREATE TABLE %s%s", schema_table_name(table),
		 table < TABLE_FIXED ? fixed[table].columns :
				       "(first INTEGER PRIMARY KEY, data BLOB NOT NULL)");
	return sql;
}
