/* SPDX-License-Identifier: MIT */
/*
 * What names lead to. A record: ULEB128 distance from the name of the record before (from the
 * block's first for the first), then its entities, each
 *     ULEB128 of zigzag(id - last id of this kind in the block) * 16 + kind * 2 + more
 * where `more` says that another one follows.
 */

#include "names.h"
#include <stdlib.h>

/* ---- writing ------------------------------------------------------------------ */

struct sdb_error *names_add_entity(struct sdb_writer *writer, sdb_name_id name,
				   struct sdb_entity entity)
{
	struct names_state *state = writer_slot(writer, SLOT_NAMES);
	if (name == 0)
		return NULL;
	if (name > state->count || entity.kind == 0 || entity.kind >= ENTITY_KINDS)
		return sdb_error_new(SDB_ERROR_INVALID, "name %u of %u, entity kind %d", name,
				     state->count, (int)entity.kind);
	struct posting_list *list = &state->lists[entity.kind];
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? 2 * list->capacity : 1024;
		void *items = realloc(list->items, capacity * sizeof(*list->items));
		if (!items)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		list->items = items;
		list->capacity = capacity;
	}
	list->items[list->count++] = (struct posting){ name, entity.id };
	return NULL;
}

struct sorted_posting {
	uint32_t id;
	uint8_t kind;
};

/* Counting sort by name; of one name by kind and in the order they were added. */
static struct sorted_posting *sort_postings(const struct names_state *state, uint32_t *starts)
{
	size_t total = 0;
	for (int kind = 0; kind < ENTITY_KINDS; kind++) {
		for (size_t i = 0; i < state->lists[kind].count; i++)
			starts[state->lists[kind].items[i].name + 1]++;
		total += state->lists[kind].count;
	}
	struct sorted_posting *sorted = malloc((total + 1) * sizeof(*sorted));
	if (!sorted || total > UINT32_MAX) {
		free(sorted);
		return NULL;
	}
	for (size_t name = 1; name <= (size_t)state->count + 1; name++)
		starts[name] += starts[name - 1];
	for (int kind = 0; kind < ENTITY_KINDS; kind++) {
		for (size_t i = 0; i < state->lists[kind].count; i++) {
			struct posting posting = state->lists[kind].items[i];
			sorted[starts[posting.name]++] =
				(struct sorted_posting){ posting.id, (uint8_t)kind };
		}
	}
	return sorted; /* starts[n] is now the end of name n and the start of name n + 1 */
}

/* Writes the entities of one name, equal ones once. */
static void put_entities(struct buffer *to, const struct sorted_posting *postings, size_t count,
			 uint32_t last[ENTITY_KINDS])
{
	for (size_t i = 0; i < count; i++) {
		size_t next = i + 1;
		while (next < count && postings[next].id == postings[i].id &&
		       postings[next].kind == postings[i].kind)
			next++;
		i = next - 1;
		unsigned kind = postings[i].kind;
		int64_t delta = (int64_t)postings[i].id - last[kind];
		uint64_t zigzag = (uint64_t)delta << 1 ^ (uint64_t)(delta >> 63);
		put_uleb(to, zigzag << 4 | kind << 1 | (next < count));
		last[kind] = postings[i].id;
	}
}

struct sdb_error *postings_write(struct sdb_writer *writer, struct names_state *state)
{
	uint32_t *starts = calloc((size_t)state->count + 2, sizeof(*starts));
	struct sorted_posting *sorted = starts ? sort_postings(state, starts) : NULL;
	struct sdb_error *error = NULL;
	if (!sorted)
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	uint32_t last[ENTITY_KINDS] = { 0 }, last_name = 0;
	for (uint32_t name = 1; name <= state->count && !error; name++) {
		size_t start = starts[name - 1], count = starts[name] - start;
		struct buffer *to;
		bool fresh;
		if (count == 0)
			continue;
		error = block_begin(writer_part(writer, PART_POSTINGS), name, &to, &fresh);
		if (error)
			break;
		if (fresh) {
			memset(last, 0, sizeof(last));
			last_name = name;
		}
		put_uleb(to, name - last_name);
		put_entities(to, sorted + start, count, last);
		last_name = name;
	}
	free(sorted);
	free(starts);
	return error;
}

/* ---- reading -------------------------------------------------------------------- */

static bool add_entity(struct posting_reader *reader, struct sdb_entity entity)
{
	if (reader->count == reader->capacity) {
		size_t capacity = reader->capacity ? 2 * reader->capacity : 16;
		void *entities = realloc(reader->entities, capacity * sizeof(*reader->entities));
		if (!entities)
			return false;
		reader->entities = entities;
		reader->capacity = capacity;
	}
	reader->entities[reader->count++] = entity;
	return true;
}

/* Reads the next record of the block to `name` and `entities`. */
static struct sdb_error *next_record(struct sdb_db *db, struct posting_reader *reader)
{
	struct cursor *cursor = &reader->cursor;
	uint64_t word = 1;
	reader->count = 0;
	reader->name += get_u32(cursor);
	while (word & 1 && !cursor->failed) {
		word = get_uleb(cursor);
		unsigned kind = word >> 1 & 7;
		uint64_t zigzag = word >> 4;
		int64_t delta = (int64_t)(zigzag >> 1) ^ -(int64_t)(zigzag & 1);
		if (kind == 0 || kind >= ENTITY_KINDS) {
			cursor->failed = true;
			break;
		}
		reader->last[kind] += (uint32_t)delta;
		if (!add_entity(reader, (struct sdb_entity){ kind, reader->last[kind] }))
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	if (cursor->failed)
		return block_damaged(db, reader->block, "a posting does not decode");
	return NULL;
}

/* Stands before the first record of BLOCK, which it takes over. */
static void enter_block(struct posting_reader *reader, const struct block *block)
{
	block_release(reader->block);
	reader->block = block;
	reader->cursor = block_cursor(block);
	reader->name = block->first;
	reader->count = 0;
	memset(reader->last, 0, sizeof(reader->last));
}

struct sdb_error *posting_reader_find(struct sdb_db *db, struct posting_reader *reader, uint64_t name)
{
	const struct block *block = reader->block;
	if (!block || name < reader->name || (!block->last && name >= block->next)) {
		struct sdb_error *error = block_find(db, PART_POSTINGS, name, &block);
		if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
			sdb_error_free(error);
			reader->count = 0;
			return NULL;
		}
		if (error)
			return error;
		enter_block(reader, block);
	}
	while (reader->cursor.at < reader->cursor.end && (reader->name < name || !reader->count)) {
		struct cursor before = reader->cursor;
		uint64_t distance = get_u32(&reader->cursor);
		reader->cursor = before;
		if (reader->name + distance > name)
			break;
		struct sdb_error *error = next_record(db, reader);
		if (error)
			return error;
	}
	if (reader->name != name)
		reader->count = 0;
	return NULL;
}

void posting_reader_deinit(struct posting_reader *reader)
{
	block_release(reader->block);
	free(reader->entities);
}

struct sdb_error *postings_verify_block(struct sdb_db *db, const struct block *block)
{
	struct posting_reader reader = { 0 };
	struct sdb_error *error = NULL;
	enter_block(&reader, block);
	uint64_t last = 0, names = sdb_db_info(db)->names;
	while (!error && reader.cursor.at < reader.cursor.end) {
		error = next_record(db, &reader);
		if (!error && (reader.name <= last || reader.name > names))
			error = block_damaged(db, block, "a posting's name is out of order");
		last = reader.name;
	}
	reader.block = NULL; /* it is the caller's */
	posting_reader_deinit(&reader);
	return error;
}
