/* SPDX-License-Identifier: MIT */
/* Tables: symbols, files, units, sections, segments. */
#include "names.h"
#include "sql.h"
#include "sql_columns.h"

/* ---- symbols ---------------------------------------------------------------------------- */

INTEGER(symbol_id, c->id)
NAME(symbol_name, c->symbol.name)
INTEGER(symbol_address, c->symbol.address)
INTEGER(symbol_size, c->symbol.size)
STRING(symbol_type, symbol_type_name(c->symbol.type))
STRING(symbol_binding, symbol_binding_name(c->symbol.binding))
STRING(symbol_visibility, symbol_visibility_name(c->symbol.visibility))
INTEGER(symbol_section, c->symbol.section)
NAME(symbol_version, c->symbol.version)
INTEGER(symbol_dynamic, c->symbol.dynamic)

static const struct sql_column symbol_columns[] = {
	{ "id", "INTEGER", "=", symbol_id }, { "name", "TEXT", "=*", symbol_name },
	{ "address", "ADDRESS", "=", symbol_address }, { "size", "INTEGER", NULL, symbol_size },
	{ "type", "TEXT", NULL, symbol_type }, { "binding", "TEXT", NULL, symbol_binding },
	{ "visibility", "TEXT", NULL, symbol_visibility }, { "section", "INTEGER", NULL, symbol_section },
	{ "version", "TEXT", NULL, symbol_version }, { "dynamic", "INTEGER", NULL, symbol_dynamic },
	{ 0 }
};

static bool load_symbol(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return !session_missed(cursor->session, sdb_symbol(session_db(cursor->session),
							   (sdb_symbol_id)key->number, &cursor->symbol));
}

/* Symbols are numbered by address: those at ADDRESS are neighbours of the one that is found. */
static void symbols_at(struct sql_cursor *cursor, uint64_t address)
{
	struct sdb_db *db = session_db(cursor->session);
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	cursor->next = cursor->end = 1;
	if (session_missed(cursor->session, sdb_symbol_at(db, address, &symbol, &id)))
		return;
	uint64_t count = session_info(cursor->session)->symbols, first = id, last = id;
	/* What holds the address may begin before it, or at it with others of size 0. */
	while (last < count && !session_missed(cursor->session, sdb_symbol(db, (sdb_symbol_id)last + 1, &symbol))
	       && symbol.address <= address)
		last++;
	while (first > 1 && !session_missed(cursor->session, sdb_symbol(db, (sdb_symbol_id)first - 1, &symbol))
	       && symbol.address >= address)
		first--;
	cursor->next = first;
	cursor->end = last + 1;
}

static void begin_symbols(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sql_condition *address = sql_find(cursor, conditions, count, "address", '=');
	if (!sql_find(cursor, conditions, count, "id", '=')) {
		if (sql_by_name(cursor, conditions, count, "name", SDB_ENTITY_SYMBOL))
			return;
		if (address) {
			symbols_at(cursor, (uint64_t)sqlite3_value_int64(address->value));
			return;
		}
	}
	sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->symbols);
}

const struct sql_table sql_symbols = { "symbols", symbol_columns, begin_symbols, load_symbol };

/* ---- files ---------------------------------------------------------------------------------- */

INTEGER(file_id, c->id)
FILE_NAME(file_path, (sdb_file_id)c->id)

static const struct sql_column file_columns[] = {
	{ "id", "INTEGER", "=", file_id }, { "path", "TEXT", NULL, file_path }, { 0 }
};

static void begin_files(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->files);
}

static bool load_number(struct sql_cursor *cursor, const struct sql_key *key)
{
	(void)key;
	cursor->row_count = 1;
	return true;
}

const struct sql_table sql_files = { "files", file_columns, begin_files, load_number };

/* ---- units ----------------------------------------------------------------------------------- */

INTEGER(unit_id, c->id)
NAME(unit_name, c->unit.name)
NAME(unit_directory, c->unit.directory)
NAME(unit_producer, c->unit.producer)
STRING(unit_language, language_name(c->unit.language))
INTEGER(unit_version, c->unit.version)
INTEGER(unit_low, c->unit.low)

static const struct sql_column unit_columns[] = {
	{ "id", "INTEGER", "=", unit_id }, { "name", "TEXT", NULL, unit_name },
	{ "directory", "TEXT", NULL, unit_directory }, { "producer", "TEXT", NULL, unit_producer },
	{ "language", "TEXT", NULL, unit_language }, { "version", "INTEGER", NULL, unit_version },
	{ "low", "ADDRESS", NULL, unit_low }, { 0 }
};

static void begin_units(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	sql_by_id(cursor, conditions, count, "id", session_info(cursor->session)->units);
}

static bool load_unit(struct sql_cursor *cursor, const struct sql_key *key)
{
	cursor->row_count = 1;
	return !session_missed(cursor->session, sdb_unit(session_db(cursor->session),
							 (sdb_unit_id)key->number, &cursor->unit));
}

const struct sql_table sql_units = { "units", unit_columns, begin_units, load_unit };

/* ---- sections and segments: the key counts from 1 ---------------------------------------------- */

static const struct sdb_section *section(struct sql_cursor *cursor)
{
	static const struct sdb_section none;
	const struct sdb_section *sections;
	size_t count;
	if (session_note(cursor->session, sdb_sections(session_db(cursor->session), &sections, &count))
	    || cursor->id > count)
		return &none;
	return &sections[cursor->id - 1];
}

INTEGER(section_index, section(c)->index)
STRING(section_name, section(c)->name)
INTEGER(section_type, section(c)->type)
INTEGER(section_flags, section(c)->flags)
INTEGER(section_address, section(c)->address)
INTEGER(section_offset, section(c)->offset)
INTEGER(section_size, section(c)->size)
INTEGER(section_alignment, section(c)->alignment)

static const struct sql_column section_columns[] = {
	{ "idx", "INTEGER", NULL, section_index }, { "name", "TEXT", NULL, section_name },
	{ "type", "INTEGER", NULL, section_type }, { "flags", "INTEGER", NULL, section_flags },
	{ "address", "ADDRESS", NULL, section_address }, { "offset", "INTEGER", NULL, section_offset },
	{ "size", "INTEGER", NULL, section_size }, { "alignment", "INTEGER", NULL, section_alignment }, { 0 }
};

static void begin_sections(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sdb_section *sections;
	size_t total = 0;
	session_note(cursor->session, sdb_sections(session_db(cursor->session), &sections, &total));
	sql_by_id(cursor, conditions, count, "", total);
}

const struct sql_table sql_sections = { "sections", section_columns, begin_sections, load_number };

static const struct sdb_segment *segment(struct sql_cursor *cursor)
{
	static const struct sdb_segment none;
	const struct sdb_segment *segments;
	size_t count;
	if (session_note(cursor->session, sdb_segments(session_db(cursor->session), &segments, &count))
	    || cursor->id > count)
		return &none;
	return &segments[cursor->id - 1];
}

INTEGER(segment_type, segment(c)->type)
INTEGER(segment_flags, segment(c)->flags)
INTEGER(segment_offset, segment(c)->offset)
INTEGER(segment_address, segment(c)->address)
INTEGER(segment_physical, segment(c)->physical_address)
INTEGER(segment_file_size, segment(c)->file_size)
INTEGER(segment_memory_size, segment(c)->memory_size)
INTEGER(segment_alignment, segment(c)->alignment)

static const struct sql_column segment_columns[] = {
	{ "type", "INTEGER", NULL, segment_type }, { "flags", "INTEGER", NULL, segment_flags },
	{ "offset", "INTEGER", NULL, segment_offset }, { "address", "ADDRESS", NULL, segment_address },
	{ "physical_address", "ADDRESS", NULL, segment_physical },
	{ "file_size", "INTEGER", NULL, segment_file_size },
	{ "memory_size", "INTEGER", NULL, segment_memory_size },
	{ "alignment", "INTEGER", NULL, segment_alignment }, { 0 }
};

static void begin_segments(struct sql_cursor *cursor, const struct sql_condition *conditions, size_t count)
{
	const struct sdb_segment *segments;
	size_t total = 0;
	session_note(cursor->session, sdb_segments(session_db(cursor->session), &segments, &total));
	sql_by_id(cursor, conditions, count, "", total);
}

const struct sql_table sql_segments = { "segments", segment_columns, begin_segments, load_number };
