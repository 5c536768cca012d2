/* SPDX-License-Identifier: MIT */
/* Reading unwind rows. unwind.h says how they are laid out. */

#include "unwind.h"
#include <stdlib.h>

/* Walks the rows of a block. */
struct unwind_reader {
	struct cursor cursor;
	/* The row that was read last. */
	uint64_t low, high;
	uint32_t set;
	bool starts_entry;
	bool failed;
};

static void reader_init(struct unwind_reader *reader, const struct block *block)
{
	*reader = (struct unwind_reader){ .cursor = block_cursor(block), .high = block->first };
}

static bool reader_next(struct unwind_reader *reader)
{
	struct cursor *cursor = &reader->cursor;
	if (reader->failed || cursor->at == cursor->end)
		return false;
	uint64_t word = get_uleb(cursor);
	uint64_t hole = word & UNWIND_SET_HOLE ? get_uleb(cursor) : 0, length = get_uleb(cursor);
	reader->starts_entry = word & UNWIND_SET_START;
	reader->set = (uint32_t)(word >> UNWIND_SET_SHIFT);
	reader->failed = __builtin_add_overflow(reader->high, hole, &reader->low) ||
			 __builtin_add_overflow(reader->low, length, &reader->high) ||
			 length == 0 || word >> UNWIND_SET_SHIFT > UINT32_MAX || cursor->failed;
	return !reader->failed;
}

static struct sdb_error *damaged(struct sdb_db *db, const struct block *block)
{
	return block_damaged(db, block, "an unwind row does not decode");
}

static void place_row(struct sdb_unwind_row *row, const struct unwind_reader *reader,
		      enum sdb_unwind_source source)
{
	row->source = source;
	row->low = reader->low;
	row->high = reader->high;
	row->flags &= ~(uint32_t)SDB_UNWIND_FDE_START;
	if (reader->starts_entry)
		row->flags |= SDB_UNWIND_FDE_START;
}

/* ---- by address ------------------------------------------------------------------------ */

/* *ROW_RET stays NULL when SOURCE has none for ADDRESS. */
static struct sdb_error *find_row(struct sdb_db *db, enum sdb_unwind_source source,
				  uint64_t address, struct sdb_unwind_row **row_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct unwind_reader reader;
	struct sdb_error *error = block_find(db, unwind_part(source), address, &block);
	if (error) {
		if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			return error;
		sdb_error_free(error);
		return NULL;
	}
	reader_init(&reader, block);
	while (reader_next(&reader) && reader.high <= address)
		;
	if (reader.failed)
		return damaged(db, block);
	if (address < reader.low || address >= reader.high)
		return NULL;
	error = unwind_set_get(db, reader.set, row_ret);
	if (!error)
		place_row(*row_ret, &reader, source);
	return error;
}

struct sdb_error *sdb_unwind_at(struct sdb_db *db, enum sdb_unwind_source source,
				uint64_t address, struct sdb_unwind_row **row_ret)
{
	static const enum sdb_unwind_source order[] = {
		SDB_UNWIND_ORC, SDB_UNWIND_EH_FRAME, SDB_UNWIND_DEBUG_FRAME
	};
	*row_ret = NULL;
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		if (source && source != order[i])
			continue;
		struct sdb_error *error = find_row(db, order[i], address, row_ret);
		if (error || *row_ret)
			return error;
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no unwind row for %#llx", sdb_db_path(db),
			     (unsigned long long)address);
}

/* ---- all rows ---------------------------------------------------------------------------- */

/* The rule sets met so far. */
struct known_sets {
	struct sdb_unwind_row **sets;
	size_t count;
};

static struct sdb_error *known_set(struct sdb_db *db, struct known_sets *known, uint32_t number,
				   struct sdb_unwind_row **row_ret)
{
	if (number >= known->count) {
		/* A damaged row may name any number: what the database does not have is not kept. */
		struct sdb_unwind_row *row;
		struct sdb_error *error = unwind_set_get(db, number, &row);
		if (error)
			return error;
		size_t count = (size_t)number + number / 2 + 16;
		void *sets = realloc(known->sets, count * sizeof(*known->sets));
		if (!sets) {
			sdb_unwind_row_free(row);
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		}
		known->sets = sets;
		memset(known->sets + known->count, 0, (count - known->count) * sizeof(*known->sets));
		known->count = count;
		known->sets[number] = row;
	}
	*row_ret = known->sets[number];
	if (*row_ret)
		return NULL;
	struct sdb_error *error = unwind_set_get(db, number, row_ret);
	known->sets[number] = *row_ret;
	return error;
}

static struct sdb_error *report_block(struct sdb_db *db, const struct block *block,
				      enum sdb_unwind_source source, struct known_sets *known,
				      sdb_unwind_fn fn, void *arg)
{
	struct unwind_reader reader;
	struct sdb_error *error = NULL;
	reader_init(&reader, block);
	while (!error && reader_next(&reader)) {
		struct sdb_unwind_row *row;
		error = known_set(db, known, reader.set, &row);
		if (!error) {
			place_row(row, &reader, source);
			error = fn(arg, row);
		}
	}
	return !error && reader.failed ? damaged(db, block) : error;
}

struct sdb_error *sdb_unwind_rows(struct sdb_db *db, enum sdb_unwind_source source,
				  sdb_unwind_fn fn, void *arg)
{
	struct known_sets known = { 0 };
	const struct block *block = NULL;
	if (unwind_part(source) == PART_COUNT)
		return sdb_error_new(SDB_ERROR_INVALID, "unwind source %d", (int)source);
	struct sdb_error *error = block_first(db, unwind_part(source), &block);
	while (!error && block) {
		const struct block *next = NULL;
		error = report_block(db, block, source, &known, fn, arg);
		if (!error)
			error = block_next(db, block, &next);
		block_release(block);
		block = next;
	}
	block_release(block);
	for (size_t i = 0; i < known.count; i++)
		sdb_unwind_row_free(known.sets[i]);
	free(known.sets);
	return error;
}

/* ---- verification -------------------------------------------------------------------------- */

struct sdb_error *unwind_verify_block(struct sdb_db *db, const struct block *block)
{
	struct unwind_reader reader;
	uint64_t last = block->first;
	reader_init(&reader, block);
	while (reader_next(&reader)) {
		if (reader.low < last || (!block->last && reader.high > block->next))
			return damaged(db, block);
		last = reader.high;
	}
	return reader.failed ? damaged(db, block) : NULL;
}
