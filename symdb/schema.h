/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_SCHEMA_H
#define SYMDB_SCHEMA_H

/*
 * The SQL of a database file. The reader accepts a table only when its SQL is letter by letter
 * what the writer writes: a view or a virtual table in its place is found out before anything
 * is asked of it.
 */

#include "block.h"

enum {
	SCHEMA_APPLICATION_ID = 0x53646200, /* "Sdb\0" */
	SCHEMA_FORMAT_VERSION = 5,
	SCHEMA_FORMAT_UNPACKED = 6, /* the same, with blocks of lines that are plain */
	SCHEMA_PAGE_SIZE = 1024,
	SCHEMA_SQL_MAX = 256,
};

enum schema_table {
	TABLE_META, /* key -> value, all text */
	TABLE_SECTIONS,
	TABLE_SEGMENTS,
	TABLE_NAME_INDEX, /* a text not above the first of a block of names -> that block */
	TABLE_FIXED,
	TABLE_COUNT = TABLE_FIXED + PART_COUNT /* then one for each part */
};

const char *schema_table_name(enum schema_table table);
/* The CREATE TABLE statement, written to SQL. */
const char *schema_table_sql(enum schema_table table, char sql[SCHEMA_SQL_MAX]);

#endif
