/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_DATABASE_H
#define SYMDB_DATABASE_H

/* An open database as the reader's own files see it: reader.c, cache.c, sections.c, names.c. */

#include "meta.h"
#include "schema.h"
#include <pthread.h>
#include <stdatomic.h>

struct cached_block;
struct stored_row;
struct line_models;
struct shape;

/* What is cached of a part, by key; the row that was fetched last, and the statement that fetches more. */
struct part_cache {
	sqlite3_stmt *find;
	struct stored_row *row;
	struct cached_block **blocks;
	size_t count, capacity;
};

struct sdb_db {
	char *path;
	uint32_t version; /* in the file's header */
	struct meta meta;
	/* The mutex guards everything below. */
	pthread_mutex_t mutex;
	sqlite3 *sql;
	unsigned steps; /* how often the running statement called back: a bound on its work */
	sqlite3_stmt *find_name;
	struct part_cache parts[PART_COUNT];
	struct cached_block *newest, *oldest; /* by use */
	size_t cached, cache_size;            /* bytes */
	struct shape *shape;                  /* for decoding blocks; NULL before the first */
	struct block_models *models[PART_COUNT]; /* of parts with primed blocks, once they were needed */
	struct sdb_section *sections;
	size_t section_count;
	struct sdb_segment *segments;
	size_t segment_count;
	bool have_sections, have_segments;
	atomic_uint users; /* that have to close it */
};

/* With the mutex held: compiles TEXT, runs a step with a bound on the work. */
struct sdb_error *database_prepare(struct sdb_db *db, const char *text, sqlite3_stmt **ret);
/* *ROW_RET false: there is no (more) row. */
struct sdb_error *database_step(struct sdb_db *db, sqlite3_stmt *statement, bool *row_ret);

struct sdb_error *database_damaged(struct sdb_db *db, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The models of PART_LINES; they stay the handle's. */
struct sdb_error *database_line_models(struct sdb_db *db, const struct line_models **models_ret);

void block_cache_deinit(struct sdb_db *db); /* with no block in use */
void sections_unload(struct sdb_db *db);

#endif
