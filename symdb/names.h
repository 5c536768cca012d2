/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_NAMES_H
#define SYMDB_NAMES_H

/* What the files about names need of each other: names.c, postings.c, lookup.c. */

#include "records.h"
#include "texts.h"
#include "writer.h"

/* ---- writing ---- */

struct posting {
	uint32_t name, id;
};

/* What was added of one kind of entity: each kind has one thread at a time. */
struct posting_list {
	struct posting *items;
	size_t count, capacity;
};

#define ENTITY_KINDS (SDB_ENTITY_ENUMERATOR + 1)

struct index_entry {
	uint8_t *text;
	size_t length;
	uint32_t first;
};

struct names_state {
	struct sdb_writer *writer;
	struct sdb_names *names;
	uint32_t *order, *ranks;
	uint32_t count;
	struct posting_list lists[ENTITY_KINDS];
	struct index_entry *index; /* the first of each block of names */
	size_t index_count;
	struct sdb_error *error; /* of the job that writes the texts */
};

/* postings.c: writes all that was added. */
struct sdb_error *postings_write(struct sdb_writer *writer, struct names_state *state);

/* ---- reading ---- */

/* The block of names that holds TEXT if any does; checks that it is the right one. */
struct sdb_error *names_find_block(struct sdb_db *db, const char *text, size_t length,
				   const struct block **block_ret);

/* Walks the postings, name by name, in order. */
struct posting_reader {
	const struct block *block;
	struct cursor cursor;
	uint64_t name;      /* of the postings at hand */
	struct sdb_entity *entities;
	size_t count, capacity;
	uint32_t last[ENTITY_KINDS];
};

/*
 * What NAME leads to, to READER->entities; count 0 when to nothing. A reader that starts zeroed may
 * be asked for ascending names.
 */
struct sdb_error *posting_reader_find(struct sdb_db *db, struct posting_reader *reader, uint64_t name);
void posting_reader_deinit(struct posting_reader *reader);

#endif
