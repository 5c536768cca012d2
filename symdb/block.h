/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_BLOCK_H
#define SYMDB_BLOCK_H

/*
 * Blocks: runs of records of one part of the database, sorted by key and compressed, several in each
 * row of the part's own table:
 *     CREATE TABLE <part>(first INTEGER PRIMARY KEY, data BLOB NOT NULL)
 * `first` is the key of the row's first record. Address keys are stored with their top bit
 * flipped so that SQLite's signed order is the unsigned one.
 * A row's checksum covers part, key and content, so that a row that was moved
 * is found out as well as one that was changed.
 */

#include "buffer.h"
#include <stackdb/error.h>

struct sdb_db;

enum part {
	PART_NAMES,       /* by name id: front-coded texts */
	PART_POSTINGS,    /* by name id: what each name leads to */
	PART_FILES,       /* by file id */
	PART_UNITS,       /* by unit id */
	PART_SYMBOLS,     /* by address */
	PART_SYMBOL_IDS,  /* by symbol id: the address of the block that holds it (directory) */
	PART_TYPE_OUTLINES, /* by type id: what it takes to name one */
	PART_TYPES,       /* by type id: the rest */
	PART_CHILDREN,    /* by type id: functions, types, variables declared inside */
	PART_FUNCTION_NAMES, /* by function id: names and unit */
	PART_FUNCTIONS,   /* by function id: the rest of the prototype */
	PART_LOCALS,      /* by function id */
	PART_INSTANCES,   /* by function id: where its code is */
	PART_VARIABLES,   /* by variable id */
	PART_VARIABLE_ADDRESSES, /* by address */
	PART_CODE,        /* by address: instances, ranges, inlined scopes */
	PART_SCOPES,      /* by address: lexical blocks, variables, frame base */
	PART_CALLS,       /* by address: call sites */
	PART_EXPRESSIONS, /* by number */
	PART_LINES,       /* by address */
	PART_LINE_FILES,  /* by file id: which runs of line blocks mention it */
	PART_UNWIND_EH_FRAME,    /* by address: rows of one source each */
	PART_UNWIND_DEBUG_FRAME,
	PART_UNWIND_ORC,
	PART_UNWIND_RULES,/* by number: the distinct rule sets */
	PART_MODELS,      /* by number of a part: what its symbols are likely to be */
	PART_COUNT
};

/* Name of the part's table, target sizes of its unpacked blocks and of the payloads of a row, whether
 * keys are addresses. */
struct part_traits {
	const char *name;
	size_t block_size, row_size;
	bool by_address;
};
extern const struct part_traits part_traits[PART_COUNT];

/* ---- writing -------------------------------------------------------------- */

struct block_writer; /* one part being written */
struct sdb_writer;

/* The writer's stream for PART. Owned by the writer. */
struct block_writer *writer_part(struct sdb_writer *writer, enum part part);

/*
 * Begins a record with KEY (not below the last one). *FRESH_RET says that it is the first of a
 * new block: the caller then codes it without reference to the record before. Records with a
 * key equal to the last one stay in the last one's block. The record ends with the next
 * block_begin() or with the end.
 */
struct sdb_error *block_begin(struct block_writer *part, uint64_t key, struct buffer **to_ret,
			      bool *fresh_ret);

/* ---- reading --------------------------------------------------------------- */

/* A decoded block. Immutable; counted references, thread-safe. */
struct block {
	enum part part;
	bool last;      /* there is none behind it */
	uint64_t first;
	uint64_t next;  /* first key of the next block: this one answers for [first, next) */
	size_t size;
	const uint8_t *data;
	/* private to cache.c follows */
};

/* The last block of PART whose first key is at or below KEY; NOT_FOUND. */
struct sdb_error *block_find(struct sdb_db *db, enum part part, uint64_t key,
			     const struct block **block_ret);
/* The block after / before BLOCK; *BLOCK_RET NULL at the end (no error). */
struct sdb_error *block_next(struct sdb_db *db, const struct block *block,
			     const struct block **block_ret);
struct sdb_error *block_previous(struct sdb_db *db, const struct block *block,
				 const struct block **block_ret);
/* The first block of PART; *BLOCK_RET NULL when it is empty. */
struct sdb_error *block_first(struct sdb_db *db, enum part part, const struct block **block_ret);
/* BLOCK may be NULL. */
void block_release(const struct block *block);

static inline void block_release_cleanup(const struct block **block)
{
	block_release(*block);
}
/* `BLOCK_SCOPED const struct block *block = NULL;` releases it at the end of the scope. */
#define BLOCK_SCOPED __attribute__((cleanup(block_release_cleanup)))

static inline struct cursor block_cursor(const struct block *block)
{
	return (struct cursor){ block->data, block->data + block->size, false };
}

/*
 * Where a record of BLOCK was found last: its number from the block's first key and its offset; 0
 * and 0 at first. Only a hint, for those who ask for the records one after the other.
 */
void block_recall(const struct block *block, uint32_t *number_ret, uint32_t *offset_ret);
void block_remember(const struct block *block, uint32_t number, uint32_t offset);

/* The error for a record that does not decode: names the file, the part and the block. */
struct sdb_error *block_damaged(struct sdb_db *db, const struct block *block, const char *what);

#endif
