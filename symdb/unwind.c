/* SPDX-License-Identifier: MIT */
/* Reading unwind rows. unwind.h says how they are laid out. */

#include "unwind.h"
#include <stdlib.h>

/* Walks the rows of a block. */
struct unwind_reader {
	size_t rows, index; /* INDEX is that of the next row */
	struct cursor groups, streams[UNWIND_STREAMS];
	uint64_t group_address;
	/* The row that was read last. */
	uint64_t low, high;
	uint32_t set;
	bool starts_entry;
	bool at_group; /* reader_seek() found the group that comes next, with its address */
	bool failed;
};

static bool reader_init(struct unwind_reader *reader, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	*reader = (struct unwind_reader){ .rows = get_count(&cursor), .group_address = block->first };
	uint64_t sizes[UNWIND_STREAMS];
	for (int stream = 0; stream < UNWIND_SETS; stream++)
		sizes[stream] = get_uleb(&cursor);
	for (int stream = 0; stream < UNWIND_SETS && !cursor.failed; stream++) {
		const uint8_t *at = sizes[stream] <= block->size ?
					    get_bytes(&cursor, (size_t)sizes[stream]) : NULL;
		cursor.failed |= !at;
		reader->streams[stream] = (struct cursor){ at, cursor.at, false };
	}
	reader->streams[UNWIND_SETS] = cursor;
	reader->groups = reader->streams[UNWIND_GROUPS];
	reader->failed = cursor.failed || reader->rows == 0;
	return !reader->failed;
}

/* Passes over the groups that end before ADDRESS. */
static bool reader_seek(struct unwind_reader *reader, uint64_t address)
{
	struct cursor groups = reader->groups;
	uint64_t at = reader->group_address;
	size_t index = 0, skips[UNWIND_STREAMS] = { 0 };
	while (groups.at < groups.end) {
		struct cursor before = groups;
		at += get_uleb(&groups);
		if (at > address && index > 0)
			break;
		if (index > 0) {
			/* The group before is passed over: its bytes were counted below. */
			for (int stream = UNWIND_LENGTHS; stream < UNWIND_STREAMS; stream++)
				get_bytes(&reader->streams[stream], skips[stream]);
			reader->groups = before;
			reader->index = index;
		}
		reader->group_address = at;
		for (int stream = UNWIND_LENGTHS; stream < UNWIND_STREAMS; stream++)
			skips[stream] = get_u32(&groups);
		index += UNWIND_GROUP_ROWS;
	}
	for (int stream = UNWIND_LENGTHS; stream < UNWIND_STREAMS; stream++)
		reader->failed |= reader->streams[stream].failed;
	reader->failed |= groups.failed || reader->index >= reader->rows;
	reader->at_group = true;
	return !reader->failed;
}

static void enter_group(struct unwind_reader *reader)
{
	uint64_t step = get_uleb(&reader->groups);
	if (!reader->at_group)
		reader->group_address += step;
	reader->at_group = false;
	for (int stream = UNWIND_LENGTHS; stream < UNWIND_STREAMS; stream++)
		get_u32(&reader->groups);
	reader->high = reader->group_address;
}

static bool reader_next(struct unwind_reader *reader)
{
	if (reader->failed || reader->index == reader->rows)
		return false;
	if (reader->index % UNWIND_GROUP_ROWS == 0)
		enter_group(reader);
	uint64_t word = get_uleb(&reader->streams[UNWIND_SETS]);
	uint64_t hole = word & UNWIND_SET_HOLE ? get_uleb(&reader->streams[UNWIND_HOLES]) : 0;
	uint64_t length = get_uleb(&reader->streams[UNWIND_LENGTHS]);
	reader->starts_entry = word & UNWIND_SET_START;
	reader->set = (uint32_t)(word >> UNWIND_SET_SHIFT);
	reader->failed = __builtin_add_overflow(reader->high, hole, &reader->low) ||
			 __builtin_add_overflow(reader->low, length, &reader->high) ||
			 length == 0 || word >> UNWIND_SET_SHIFT > UINT32_MAX ||
			 reader->groups.failed;
	for (int stream = UNWIND_LENGTHS; stream < UNWIND_STREAMS; stream++)
		reader->failed |= reader->streams[stream].failed;
	reader->index++;
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
	if (!reader_init(&reader, block) || !reader_seek(&reader, address))
		return damaged(db, block);
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
	if (!reader_init(&reader, block))
		return damaged(db, block);
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
	if (!reader_init(&reader, block))
		return damaged(db, block);
	while (reader_next(&reader)) {
		if (reader.low < last || (!block->last && reader.high > block->next))
			return damaged(db, block);
		last = reader.high;
	}
	return reader.failed ? damaged(db, block) : NULL;
}
