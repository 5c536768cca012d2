/* SPDX-License-Identifier: MIT */
/*
 * ELF section and program headers: two small SQL tables, read whole on first use and checked
 * against the sums that `meta` has of them.
 */

#include "checksum.h"
#include "database.h"
#include "writer_private.h"
#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>

enum { HEADERS_MAX = 1 << 20 };

static uint64_t hash_number(uint64_t hash, uint64_t number)
{
	number = htole64(number);
	return checksum64(hash, &number, sizeof(number));
}

static uint64_t sum_sections(const struct sdb_section *sections, size_t count)
{
	uint64_t hash = count;
	for (size_t i = 0; i < count; i++) {
		const struct sdb_section *section = &sections[i];
		hash = checksum64(hash, section->name, strlen(section->name) + 1);
		hash = hash_number(hash, section->index);
		hash = hash_number(hash, section->type);
		hash = hash_number(hash, section->flags);
		hash = hash_number(hash, section->address);
		hash = hash_number(hash, section->offset);
		hash = hash_number(hash, section->size);
		hash = hash_number(hash, section->alignment);
	}
	return hash;
}

static uint64_t sum_segments(const struct sdb_segment *segments, size_t count)
{
	uint64_t hash = count;
	for (size_t i = 0; i < count; i++) {
		const struct sdb_segment *segment = &segments[i];
		hash = hash_number(hash, segment->type);
		hash = hash_number(hash, segment->flags);
		hash = hash_number(hash, segment->offset);
		hash = hash_number(hash, segment->address);
		hash = hash_number(hash, segment->physical_address);
		hash = hash_number(hash, segment->file_size);
		hash = hash_number(hash, segment->memory_size);
		hash = hash_number(hash, segment->alignment);
	}
	return hash;
}

/* Room for one more at the end of an array whose capacity is the next power of two. */
static bool grow(void **array, size_t count, size_t size)
{
	if (count & (count - 1))
		return true;
	void *bigger = realloc(*array, (count ? 2 * count : 1) * size);
	if (bigger)
		*array = bigger;
	return bigger;
}

/* ---- writing ------------------------------------------------------------------ */

struct sdb_error *sdb_writer_add_section(struct sdb_writer *writer, const struct sdb_section *section)
{
	if (writer->section_count && section->index <= writer->sections[writer->section_count - 1].index)
		return sdb_error_new(SDB_ERROR_INVALID, "section %u comes out of order",
				     section->index);
	char *name = strdup(section->name ? section->name : "");
	if (!name || !grow((void **)&writer->sections, writer->section_count, sizeof(*section))) {
		free(name);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	struct sdb_section *copy = &writer->sections[writer->section_count++];
	*copy = *section;
	copy->name = name;
	return NULL;
}

struct sdb_error *sdb_writer_add_segment(struct sdb_writer *writer, const struct sdb_segment *segment)
{
	if (!grow((void **)&writer->segments, writer->segment_count, sizeof(*segment)))
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	writer->segments[writer->segment_count++] = *segment;
	return NULL;
}

void sections_deinit(struct sdb_writer *writer)
{
	for (size_t i = 0; i < writer->section_count; i++)
		free((char *)writer->sections[i].name);
	free(writer->sections);
	free(writer->segments);
}

struct sdb_error *sections_checksums(struct sdb_writer *writer)
{
	struct sdb_error *error =
		writer_meta_row(writer, "sections.checksum", "%016" PRIx64,
				sum_sections(writer->sections, writer->section_count));
	return error ? error : writer_meta_row(writer, "segments.checksum", "%016" PRIx64,
					       sum_segments(writer->segments, writer->segment_count));
}

/* Inserts one row of NUMBERS; a text goes to column 2 when there is one. */
static struct sdb_error *insert(struct sdb_writer *writer, sqlite3 *sql, sqlite3_stmt *statement,
				const char *text, const uint64_t *numbers, int count)
{
	for (int i = 0, column = 1; i < count; i++, column++) {
		if (text && column == 2)
			sqlite3_bind_text(statement, column++, text, -1, SQLITE_STATIC);
		sqlite3_bind_int64(statement, column, (int64_t)numbers[i]);
	}
	bool done = sqlite3_step(statement) == SQLITE_DONE;
	struct sdb_error *error = done ? NULL : output_error(writer, sql);
	sqlite3_reset(statement);
	return error;
}

static struct sdb_error *write_sections(struct sdb_writer *writer, sqlite3 *sql)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(sql, "INSERT INTO sections VALUES(?1,?2,?3,?4,?5,?6,?7,?8)", -1,
			       &statement, NULL) != SQLITE_OK)
		return output_error(writer, sql);
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < writer->section_count && !error; i++) {
		const struct sdb_section *section = &writer->sections[i];
		uint64_t numbers[] = { section->index,   section->type,   section->flags,
				       section->address, section->offset, section->size,
				       section->alignment };
		error = insert(writer, sql, statement, section->name, numbers, 7);
	}
	sqlite3_finalize(statement);
	return error;
}

static struct sdb_error *write_segments(struct sdb_writer *writer, sqlite3 *sql)
{
	sqlite3_stmt *statement;
	if (sqlite3_prepare_v2(sql, "INSERT INTO segments VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)", -1,
			       &statement, NULL) != SQLITE_OK)
		return output_error(writer, sql);
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < writer->segment_count && !error; i++) {
		const struct sdb_segment *segment = &writer->segments[i];
		uint64_t numbers[] = { i,
				       segment->type,
				       segment->flags,
				       segment->offset,
				       segment->address,
				       segment->physical_address,
				       segment->file_size,
				       segment->memory_size,
				       segment->alignment };
		error = insert(writer, sql, statement, NULL, numbers, 9);
	}
	sqlite3_finalize(statement);
	return error;
}

struct sdb_error *sections_write(struct sdb_writer *writer, sqlite3 *sql)
{
	struct sdb_error *error = write_sections(writer, sql);
	return error ? error : write_segments(writer, sql);
}

/* ---- reading -------------------------------------------------------------------- */

static struct sdb_error *add_section(struct sdb_db *db, sqlite3_stmt *row)
{
	const char *text = (const char *)sqlite3_column_text(row, 1);
	char *name = strdup(text ? text : "");
	if (!name || !grow((void **)&db->sections, db->section_count, sizeof(*db->sections))) {
		free(name);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	db->sections[db->section_count++] = (struct sdb_section){
		.index = (uint32_t)sqlite3_column_int64(row, 0),
		.name = name,
		.type = (uint32_t)sqlite3_column_int64(row, 2),
		.flags = (uint64_t)sqlite3_column_int64(row, 3),
		.address = (uint64_t)sqlite3_column_int64(row, 4),
		.offset = (uint64_t)sqlite3_column_int64(row, 5),
		.size = (uint64_t)sqlite3_column_int64(row, 6),
		.alignment = (uint64_t)sqlite3_column_int64(row, 7),
	};
	return NULL;
}

static struct sdb_error *add_segment(struct sdb_db *db, sqlite3_stmt *row)
{
	if (!grow((void **)&db->segments, db->segment_count, sizeof(*db->segments)))
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	db->segments[db->segment_count++] = (struct sdb_segment){
		.type = (uint32_t)sqlite3_column_int64(row, 1),
		.flags = (uint32_t)sqlite3_column_int64(row, 2),
		.offset = (uint64_t)sqlite3_column_int64(row, 3),
		.address = (uint64_t)sqlite3_column_int64(row, 4),
		.physical_address = (uint64_t)sqlite3_column_int64(row, 5),
		.file_size = (uint64_t)sqlite3_column_int64(row, 6),
		.memory_size = (uint64_t)sqlite3_column_int64(row, 7),
		.alignment = (uint64_t)sqlite3_column_int64(row, 8),
	};
	return NULL;
}

static void free_sections(struct sdb_db *db)
{
	for (size_t i = 0; i < db->section_count; i++)
		free((char *)db->sections[i].name);
	free(db->sections);
	db->sections = NULL;
	db->section_count = 0;
}

static void free_segments(struct sdb_db *db)
{
	free(db->segments);
	db->segments = NULL;
	db->segment_count = 0;
}

void sections_unload(struct sdb_db *db)
{
	free_sections(db);
	free_segments(db);
}

/* Reads all rows of QUERY with ADD. */
static struct sdb_error *load(struct sdb_db *db, const char *query,
			      struct sdb_error *(*add)(struct sdb_db *db, sqlite3_stmt *row))
{
	sqlite3_stmt *rows;
	struct sdb_error *error = database_prepare(db, query, &rows);
	bool more = !error;
	for (size_t count = 0; more && !error; count++) {
		error = database_step(db, rows, &more);
		if (!error && more)
			error = count < HEADERS_MAX ? add(db, rows) :
						      database_damaged(db, "too many ELF headers");
	}
	sqlite3_finalize(rows);
	return error;
}

struct sdb_error *sdb_sections(struct sdb_db *db, const struct sdb_section **sections_ret,
			       size_t *count_ret)
{
	struct sdb_error *error = NULL;
	pthread_mutex_lock(&db->mutex);
	if (!db->have_sections) {
		error = load(db, "SELECT * FROM sections ORDER BY number", add_section);
		if (!error && sum_sections(db->sections, db->section_count) !=
				      db->meta.sections_checksum)
			error = database_damaged(db, "the checksum of table sections is wrong");
		if (error)
			free_sections(db);
		db->have_sections = !error;
	}
	pthread_mutex_unlock(&db->mutex);
	*sections_ret = db->sections;
	*count_ret = db->section_count;
	return error;
}

struct sdb_error *sdb_segments(struct sdb_db *db, const struct sdb_segment **segments_ret,
			       size_t *count_ret)
{
	struct sdb_error *error = NULL;
	pthread_mutex_lock(&db->mutex);
	if (!db->have_segments) {
		error = load(db, "SELECT * FROM segments ORDER BY number", add_segment);
		if (!error && sum_segments(db->segments, db->segment_count) !=
				      db->meta.segments_checksum)
			error = database_damaged(db, "the checksum of table segments is wrong");
		if (error)
			free_segments(db);
		db->have_segments = !error;
	}
	pthread_mutex_unlock(&db->mutex);
	*segments_ret = db->segments;
	*count_ret = db->segment_count;
	return error;
}
