/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_WRITER_PRIVATE_H
#define SYMDB_WRITER_PRIVATE_H

/* The writer as its own files see it: writer.c, output.c, sections.c, names.c. */

#include "block_writer.h"
#include "records.h"
#include "schema.h"
#include "writer.h"
#include <sqlite3.h>

struct meta_row {
	char *key, *value;
};

struct sdb_writer {
	char *path;      /* destination */
	char *temporary; /* beside it; NULL before it exists and after it was renamed */
	enum sdb_detail detail;
	bool (*unpacked)(void *arg, uint64_t size); /* as in struct sdb_writer_options */
	void *arg;
	struct pool *pool;
	void *scratch;
	struct block_writer *parts[PART_COUNT];
	void *slots[SLOT_COUNT];
	struct sdb_db_info info; /* strings malloc'ed */
	bool has_info;
	struct meta_row *meta;
	size_t meta_count;
	struct sdb_section *sections; /* names malloc'ed */
	size_t section_count;
	struct sdb_segment *segments;
	size_t segment_count;
};

/* output.c: the file of version FORMAT beside the destination, filled, synced when it is to last, renamed. */
struct sdb_error *output_create(struct sdb_writer *writer); /* makes `temporary` */
struct sdb_error *output_write(struct sdb_writer *writer, int format, uint64_t *size_ret);
void output_discard(struct sdb_writer *writer);

/* unpacked.c: the file with all blocks as they are; *DONE_RET: it is to stay so. */
struct sdb_error *unpacked_write(struct sdb_writer *writer, uint64_t *size_ret, bool *done_ret);

/* One prepared statement's outcome, with the file's name in front. */
struct sdb_error *output_error(struct sdb_writer *writer, sqlite3 *sql);

/* Adds a row to `meta`; the key may be one of the writer's own. */
struct sdb_error *writer_meta_row(struct sdb_writer *writer, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* meta.c: identity and totals of a file of version FORMAT as rows of `meta`. */
struct sdb_error *meta_gather(struct sdb_writer *writer, int format);

/* sections.c: fills the two tables, adds their checksums to `meta`. */
struct sdb_error *sections_checksums(struct sdb_writer *writer);
struct sdb_error *sections_write(struct sdb_writer *writer, sqlite3 *sql);
void sections_deinit(struct sdb_writer *writer);

/* names.c: fills `name_index`. */
struct sdb_error *names_write_index(struct sdb_writer *writer, sqlite3 *sql);

#endif
