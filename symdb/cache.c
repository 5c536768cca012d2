/* SPDX-License-Identifier: MIT */
/*
 * Finding blocks: decoded ones in the cache, the others in the file. A block knows the first key of
 * the next one, so a cached block answers for its whole range without asking SQLite, and a
 * row that is missing from the file is noticed.
 */

#include "block_format.h"
#include "database.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct cached_block {
	struct block block; /* first, so that a pointer to one is a pointer to the other */
	atomic_uint references; /* the cache's own counts as one */
	atomic_uint_least64_t place; /* of the record found last: number and offset */
	struct cached_block *newer, *older;
	uint8_t raw[];
};

static struct cached_block *cached(const struct block *block)
{
	return (struct cached_block *)block;
}

struct sdb_error *block_damaged(struct sdb_db *db, const struct block *block, const char *what)
{
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s: part %s, block %#llx: %s", db->path,
			     part_traits[block->part].name, (unsigned long long)block->first, what);
}

void block_release(const struct block *block)
{
	if (block && atomic_fetch_sub_explicit(&cached(block)->references, 1,
					       memory_order_acq_rel) == 1)
		free(cached(block));
}

/* A row as it is in the file, after its checksum was found right. */
struct stored_row {
	atomic_uint references;
	struct row row;
	uint8_t data[];
};

static void row_release(struct stored_row *row)
{
	if (row && atomic_fetch_sub_explicit(&row->references, 1, memory_order_acq_rel) == 1)
		free(row);
}

void block_recall(const struct block *block, uint32_t *number_ret, uint32_t *offset_ret)
{
	uint64_t place = atomic_load_explicit(&cached(block)->place, memory_order_relaxed);
	*number_ret = (uint32_t)(place >> 32);
	*offset_ret = (uint32_t)place;
}

void block_remember(const struct block *block, uint32_t number, uint32_t offset)
{
	atomic_store_explicit(&cached(block)->place, (uint64_t)number << 32 | offset, memory_order_relaxed);
}

static size_t footprint(const struct cached_block *block)
{
	return sizeof(*block) + block->block.size;
}

/* ---- the list by use ---------------------------------------------------------- */

static void list_remove(struct sdb_db *db, struct cached_block *block)
{
	*(block->newer ? &block->newer->older : &db->newest) = block->older;
	*(block->older ? &block->older->newer : &db->oldest) = block->newer;
}

static void list_push(struct sdb_db *db, struct cached_block *block)
{
	block->newer = NULL;
	block->older = db->newest;
	*(db->newest ? &db->newest->newer : &db->oldest) = block;
	db->newest = block;
}

/* ---- the blocks of a part ------------------------------------------------------ */

/* How many of them begin at or below KEY. */
static size_t count_below(const struct part_cache *cache, uint64_t key)
{
	size_t low = 0, high = cache->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cache->blocks[middle]->block.first <= key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool holds(const struct block *block, uint64_t key)
{
	return block->first <= key && (block->last || key < block->next);
}

static struct cached_block *cache_get(struct sdb_db *db, enum part part, uint64_t key)
{
	const struct part_cache *cache = &db->parts[part];
	size_t index = count_below(cache, key);
	if (index == 0 || !holds(&cache->blocks[index - 1]->block, key))
		return NULL;
	struct cached_block *block = cache->blocks[index - 1];
	if (block != db->newest) {
		list_remove(db, block);
		list_push(db, block);
	}
	return block;
}

static void cache_evict(struct sdb_db *db, struct cached_block *block)
{
	struct part_cache *cache = &db->parts[block->block.part];
	size_t index = count_below(cache, block->block.first) - 1;
	cache->count--;
	memmove(&cache->blocks[index], &cache->blocks[index + 1],
		(cache->count - index) * sizeof(*cache->blocks));
	list_remove(db, block);
	db->cached -= footprint(block);
	block_release(&block->block);
}

/* Takes a reference of its own; a block that does not fit is just not kept. */
static void cache_put(struct sdb_db *db, struct cached_block *block)
{
	struct part_cache *cache = &db->parts[block->block.part];
	if (footprint(block) > db->cache_size)
		return;
	while (db->cached + footprint(block) > db->cache_size)
		cache_evict(db, db->oldest);
	if (cache->count == cache->capacity) {
		size_t capacity = cache->capacity ? 2 * cache->capacity : 8;
		void *blocks = realloc(cache->blocks, capacity * sizeof(*cache->blocks));
		if (!blocks)
			return;
		cache->blocks = blocks;
		cache->capacity = capacity;
	}
	size_t index = count_below(cache, block->block.first);
	memmove(&cache->blocks[index + 1], &cache->blocks[index],
		(cache->count - index) * sizeof(*cache->blocks));
	cache->blocks[index] = block;
	cache->count++;
	list_push(db, block);
	db->cached += footprint(block);
	atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
}

void block_cache_deinit(struct sdb_db *db)
{
	while (db->oldest)
		cache_evict(db, db->oldest);
	for (int part = 0; part < PART_COUNT; part++) {
		free(db->parts[part].blocks);
		sqlite3_finalize(db->parts[part].find);
		row_release(db->parts[part].row);
		block_models_free(db->models[part]);
	}
	shape_free(db->shape);
}

/* ---- reading from the file ----------------------------------------------------- */

static struct sdb_error *decode(struct sdb_db *db, const struct block_header *header,
				const struct block_models *models, struct shape **shape,
				struct cached_block **block_ret)
{
	const struct block where = { .part = header->part, .first = header->first };
	if (header->primed && !models)
		return block_damaged(db, &where, "its models are missing");
	struct cached_block *block = malloc(sizeof(*block) + header->raw_size);
	if (!block)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (!block_unpack(header, models, block->raw, shape)) {
		free(block);
		return block_damaged(db, &where, "its content does not decompress");
	}
	block->block = (struct block){
		.part = header->part,
		.last = header->last,
		.first = header->first,
		.next = header->next,
		.size = header->raw_size,
		.data = block->raw,
	};
	atomic_init(&block->references, 1);
	atomic_init(&block->place, 0);
	*block_ret = block;
	return NULL;
}

/* A row of the statement FIND. */
static struct sdb_error *copy_row(struct sdb_db *db, enum part part, sqlite3_stmt *find,
				  struct stored_row **row_ret)
{
	uint64_t first = block_row_to_key(part, sqlite3_column_int64(find, 0));
	const void *data = sqlite3_column_blob(find, 1);
	size_t size = data ? (size_t)sqlite3_column_bytes(find, 1) : 0;
	const struct block where = { .part = part, .first = first };
	const char *what;
	struct stored_row *row = malloc(sizeof(*row) + size);
	if (!row)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	atomic_init(&row->references, 1);
	if (size)
		memcpy(row->data, data, size);
	if (!row_parse(part, first, row->data, size, &row->row, &what)) {
		free(row);
		return block_damaged(db, &where, what);
	}
	*row_ret = row;
	return NULL;
}

static bool row_holds(const struct stored_row *row, uint64_t key)
{
	return row && row->row.first <= key && (row->row.last || key < row->row.next);
}

/* With the mutex held: makes the row for KEY the part's `row`. */
static struct sdb_error *fetch(struct sdb_db *db, enum part part, uint64_t key)
{
	struct part_cache *cache = &db->parts[part];
	struct stored_row *fetched = NULL;
	struct sdb_error *error = NULL;
	if (row_holds(cache->row, key))
		return NULL;
	if (!cache->find) {
		char text[128];
		snprintf(text, sizeof(text),
			 "SELECT first, data FROM %s WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
			 part_traits[part].name);
		error = database_prepare(db, text, &cache->find);
		if (error)
			return error;
	}
	bool found;
	sqlite3_bind_int64(cache->find, 1, block_key_to_row(part, key));
	error = database_step(db, cache->find, &found);
	if (!error && found)
		error = copy_row(db, part, cache->find, &fetched);
	sqlite3_reset(cache->find);
	if (!error && !row_holds(fetched, key)) {
		row_release(fetched);
		error = database_damaged(db, "part %s: the block for key %#llx is missing",
					 part_traits[part].name, (unsigned long long)key);
	}
	if (!error) {
		row_release(cache->row);
		cache->row = fetched;
	}
	return error;
}

static struct sdb_error *load(struct sdb_db *db, enum part part, uint64_t key,
			      struct cached_block **block_ret);

/* With the mutex held: sees to it that the models of PART are there, if the file has any. */
static struct sdb_error *load_models(struct sdb_db *db, enum part part)
{
	const struct part_totals *totals = &db->meta.parts[PART_MODELS];
	uint64_t key = (uint64_t)part;
	struct cached_block *block;
	if (!block_has_models(part) || db->models[part] || totals->blocks == 0 || key < totals->first)
		return NULL;
	struct sdb_error *error = load(db, PART_MODELS, key, &block);
	if (error)
		return error;
	if (!db->models[part] && block->block.first == key) {
		struct cursor cursor = block_cursor(&block->block);
		db->models[part] = block_models_get(part, &cursor);
		if (!db->models[part])
			error = block_damaged(db, &block->block, "its models do not decode");
	}
	block_release(&block->block);
	return error;
}

/*
 * Reads the block for KEY, with the mutex held on entry and exit and free while it is unpacked,
 * so that several threads unpack at once.
 */
static struct sdb_error *load(struct sdb_db *db, enum part part, uint64_t key, struct cached_block **block_ret)
{
	struct sdb_error *error = load_models(db, part);
	if (!error)
		error = fetch(db, part, key);
	if (error)
		return error;
	struct stored_row *row = db->parts[part].row;
	struct shape *shape = db->shape;
	const struct block_models *models = db->models[part];
	atomic_fetch_add_explicit(&row->references, 1, memory_order_relaxed);
	db->shape = NULL;
	pthread_mutex_unlock(&db->mutex);
	struct block_header header = row_block(&row->row, key);
	error = decode(db, &header, models, &shape, block_ret);
	row_release(row);
	pthread_mutex_lock(&db->mutex);
	if (db->shape)
		shape_free(shape);
	else
		db->shape = shape;
	return error;
}

struct sdb_error *database_line_models(struct sdb_db *db, const struct line_models **models_ret)
{
	pthread_mutex_lock(&db->mutex);
	struct sdb_error *error = load_models(db, PART_LINES);
	const struct block_models *models = db->models[PART_LINES];
	pthread_mutex_unlock(&db->mutex);
	*models_ret = models ? models->lines : NULL;
	return error;
}

static struct sdb_error *not_found(struct sdb_db *db, enum part part, uint64_t key)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: part %s has nothing for %#llx", db->path,
			     part_traits[part].name, (unsigned long long)key);
}

struct sdb_error *block_find(struct sdb_db *db, enum part part, uint64_t key,
			     const struct block **block_ret)
{
	const struct part_totals *totals = &db->meta.parts[part];
	if (totals->blocks == 0 || key < totals->first)
		return not_found(db, part, key);
	struct sdb_error *error = NULL;
	pthread_mutex_lock(&db->mutex);
	struct cached_block *block = cache_get(db, part, key);
	if (block) {
		atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
	} else {
		error = load(db, part, key, &block);
		/* Another thread may have read it meanwhile. */
		if (!error && !cache_get(db, part, key))
			cache_put(db, block);
	}
	pthread_mutex_unlock(&db->mutex);
	if (!error)
		*block_ret = &block->block;
	return error;
}

struct sdb_error *block_first(struct sdb_db *db, enum part part, const struct block **block_ret)
{
	*block_ret = NULL;
	if (db->meta.parts[part].blocks == 0)
		return NULL;
	return block_find(db, part, db->meta.parts[part].first, block_ret);
}

struct sdb_error *block_next(struct sdb_db *db, const struct block *block,
			     const struct block **block_ret)
{
	*block_ret = NULL;
	if (block->last)
		return NULL;
	const struct block *next;
	struct sdb_error *error = block_find(db, block->part, block->next, &next);
	if (error)
		return error;
	if (next->first != block->next) {
		block_release(next);
		return block_damaged(db, block, "the block behind it is missing");
	}
	*block_ret = next;
	return NULL;
}

struct sdb_error *block_previous(struct sdb_db *db, const struct block *block,
				 const struct block **block_ret)
{
	*block_ret = NULL;
	if (block->first <= db->meta.parts[block->part].first)
		return NULL;
	const struct block *previous;
	struct sdb_error *error = block_find(db, block->part, block->first - 1, &previous);
	if (error)
		return error;
	if (previous->next != block->first) {
		block_release(previous);
		return block_damaged(db, block, "the block before it is missing");
	}
	*block_ret = previous;
	return NULL;
}
