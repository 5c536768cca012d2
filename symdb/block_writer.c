/* SPDX-License-Identifier: MIT */
/* Cutting a part's records into blocks and having them compressed. */

#include "block_writer.h"
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>

enum {
	/* So many bytes of records are held back, and so many of them teach the models of a part. */
	SAMPLE_MAX = 4 << 20,
	SAMPLE_MAX_LINES = 8 << 20,
	LEARN_MAX = 4 << 20,
	SAMPLE_MIN = 6144, /* fewer are not worth it */
};

/* A block on its way through the pool. */
struct sealed_block {
	struct stored_block stored; /* first, so that a pointer to one is a pointer to the other */
	enum part part;
	uint8_t *raw;
	size_t raw_size;
	const struct block_models *models; /* NULL: none */
};

/*
 * What is usual in a part (struct block_models) is learned from its first blocks: until enough of them are
 * there, and until a job has learned, blocks are held back. Which blocks it learns from depends on the
 * records only.
 */
enum models_state { MODELS_COLLECT, MODELS_MAKE, MODELS_READY };

struct block_writer {
	enum part part;
	struct pool *pool;
	pthread_mutex_t mutex; /* guards `state` and `passed` once a job makes the models */
	enum models_state state;
	size_t sample, sample_size; /* blocks, bytes */
	size_t passed;              /* blocks that went to the pool */
	struct buffer model_record;
	struct block_models *models;
	bool open; /* `current` holds a record */
	uint64_t first_key, last_key;
	struct buffer current;
	struct sealed_block **blocks;
	size_t count, capacity;
	void *scratch;
};

struct block_writer *block_writer_create(enum part part, struct pool *pool, bool hold)
{
	struct block_writer *writer = calloc(1, sizeof(*writer));
	if (writer) {
		writer->part = part;
		writer->pool = pool;
		writer->state = hold || block_has_models(part) ? MODELS_COLLECT : MODELS_READY;
		pthread_mutex_init(&writer->mutex, NULL);
	}
	return writer;
}

void block_writer_destroy(struct block_writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->count; i++) {
		if (writer->blocks[i]->raw != writer->blocks[i]->stored.data)
			free(writer->blocks[i]->raw);
		free(writer->blocks[i]->stored.data);
		free(writer->blocks[i]);
	}
	free(writer->blocks);
	block_scratch_free(writer->scratch);
	buffer_deinit(&writer->current);
	buffer_deinit(&writer->model_record);
	block_models_free(writer->models);
	pthread_mutex_destroy(&writer->mutex);
	free(writer);
}

const struct stored_block *block_writer_block(const struct block_writer *writer, size_t index)
{
	return index < writer->count ? &writer->blocks[index]->stored : NULL;
}

size_t block_writer_row(const struct block_writer *writer, size_t index, struct buffer *to)
{
	size_t end = index, size = 0;
	while (end < writer->count && (end == index || size < part_traits[writer->part].row_size))
		size += writer->blocks[end++]->stored.size;
	bool last = end == writer->count;
	to->size = 0;
	put_bytes(to, "\0\0\0\0", 4);
	put_uleb(to, (uint64_t)(end - index) << 1 | last);
	for (size_t i = index; i < end; i++) {
		const struct stored_block *block = &writer->blocks[i]->stored;
		put_uleb(to, (uint64_t)block->raw_size << BLOCK_FLAGS | block->flags);
		put_uleb(to, block->size);
		if (!last || i + 1 < end)
			put_uleb(to, writer->blocks[i + 1]->stored.first - block->first);
	}
	for (size_t i = index; i < end; i++)
		put_bytes(to, writer->blocks[i]->stored.data, writer->blocks[i]->stored.size);
	if (!to->failed) {
		uint32_t checksum = htole32(row_checksum(writer->part, writer->blocks[index]->stored.first,
							 to->data + 4, to->size - 4));
		memcpy(to->data, &checksum, sizeof(checksum));
	}
	return end;
}

static struct block_raw raw_of(const struct sealed_block *block)
{
	return (struct block_raw){ .part = block->part, .first = block->stored.first, .data = block->raw,
				   .size = block->raw_size };
}

/* A pool job. What cannot be coded stays without data. */
static void encode(void *arg, void **scratch)
{
	struct sealed_block *block = arg;
	struct block_raw raw = raw_of(block);
	block->stored = block_encode(&raw, block->models, scratch);
	free(block->raw);
	block->raw = NULL;
}

/* ---- models -------------------------------------------------------------------- */

/* With the mutex held: what was held back goes to the pool. */
static void pass_blocks(struct block_writer *writer, void **scratch)
{
	for (; writer->passed < writer->count; writer->passed++) {
		struct sealed_block *block = writer->blocks[writer->passed];
		block->models = writer->models;
		pool_run(writer->pool, encode, block, scratch);
	}
}

/* The blocks to learn from, of many only some; malloc'ed. The list itself may move meanwhile. */
static struct block_raw *sample_of(struct block_writer *writer, size_t *count_ret)
{
	struct block_raw *sample = calloc(writer->sample, sizeof(*sample));
	size_t step = 1 + writer->sample_size / LEARN_MAX, count = 0;
	pthread_mutex_lock(&writer->mutex);
	for (size_t i = 0; i < writer->sample && sample; i += step)
		sample[count++] = raw_of(writer->blocks[i]);
	pthread_mutex_unlock(&writer->mutex);
	*count_ret = count;
	return sample;
}

/* The models of the sample; there are none when memory is short (the blocks will say so). */
static void make_models(struct block_writer *writer, void **scratch)
{
	struct buffer *record = &writer->model_record;
	size_t count;
	struct block_raw *sample = sample_of(writer, &count);
	if (sample && block_models_make(sample, count, scratch, record)) {
		struct cursor cursor = { record->data, record->data + record->size, false };
		writer->models = block_models_get(writer->part, &cursor);
	}
	if (!writer->models)
		record->size = 0;
	free(sample);
}

/* A pool job. */
static void make_models_job(void *arg, void **scratch)
{
	struct block_writer *writer = arg;
	make_models(writer, scratch);
	pthread_mutex_lock(&writer->mutex);
	writer->state = MODELS_READY;
	pass_blocks(writer, scratch);
	pthread_mutex_unlock(&writer->mutex);
}

/*
 * With the mutex held: what is held back goes its way. True: to make_models_job(), which is yet to be
 * started.
 */
static bool release(struct block_writer *writer, bool learn)
{
	learn &= block_has_models(writer->part);
	writer->state = learn ? MODELS_MAKE : MODELS_READY;
	if (!learn)
		pass_blocks(writer, &writer->scratch);
	return learn;
}

/* A block was added to the list. */
static void pass(struct block_writer *writer, size_t raw_size)
{
	bool make = false;
	pthread_mutex_lock(&writer->mutex);
	if (writer->state == MODELS_COLLECT) {
		writer->sample++;
		writer->sample_size += raw_size;
		if (writer->sample_size >= (writer->part == PART_LINES ? SAMPLE_MAX_LINES : SAMPLE_MAX))
			make = release(writer, true);
	} else if (writer->state == MODELS_READY) {
		pass_blocks(writer, &writer->scratch);
	}
	pthread_mutex_unlock(&writer->mutex);
	if (make)
		pool_run(writer->pool, make_models_job, writer, &writer->scratch);
}

/* All blocks are there: what is held back will not be joined by others. Lines cannot do without models. */
void block_writer_pack(struct block_writer *writer)
{
	bool make = false;
	pthread_mutex_lock(&writer->mutex);
	if (writer->state == MODELS_COLLECT && writer->count)
		make = release(writer, writer->sample_size >= SAMPLE_MIN || writer->part == PART_LINES);
	pthread_mutex_unlock(&writer->mutex);
	if (make)
		pool_run(writer->pool, make_models_job, writer, &writer->scratch);
}

const uint8_t *block_writer_models(const struct block_writer *writer, size_t *size_ret)
{
	*size_ret = writer->model_record.size;
	return writer->model_record.data;
}

/* ---- blocks as they are ------------------------------------------------------------ */

bool block_writer_held(const struct block_writer *writer)
{
	return writer->state == MODELS_COLLECT;
}

void block_writer_leave(struct block_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++) {
		struct sealed_block *block = writer->blocks[i];
		block->stored = (struct stored_block){ .first = block->stored.first, .flags = BLOCK_STORED,
			.raw_size = block->raw_size, .size = block->raw_size, .data = block->raw };
	}
}

void block_writer_take_back(struct block_writer *writer)
{
	for (size_t i = 0; i < writer->count; i++)
		writer->blocks[i]->stored = (struct stored_block){ .first = writer->blocks[i]->stored.first };
}

/* ---- records to blocks ----------------------------------------------------------- */

/* Appends BLOCK to the list, which a job may be reading. */
static bool keep(struct block_writer *writer, struct sealed_block *block)
{
	bool kept = true;
	pthread_mutex_lock(&writer->mutex);
	if (writer->count == writer->capacity) {
		size_t capacity = writer->capacity ? 2 * writer->capacity : 16;
		void *blocks = realloc(writer->blocks, capacity * sizeof(*writer->blocks));
		kept = blocks;
		if (blocks) {
			writer->blocks = blocks;
			writer->capacity = capacity;
		}
	}
	if (kept)
		writer->blocks[writer->count++] = block;
	pthread_mutex_unlock(&writer->mutex);
	return kept;
}

/* The current block is complete. */
static struct sdb_error *seal(struct block_writer *writer)
{
	if (writer->current.size > BLOCK_RAW_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY,
				     "part %s: the records of key %#llx take more than %u MiB",
				     part_traits[writer->part].name,
				     (unsigned long long)writer->last_key, BLOCK_RAW_MAX >> 20);
	struct sealed_block *block = calloc(1, sizeof(*block));
	uint8_t *raw = malloc(writer->current.size + !writer->current.size);
	if (!block || !raw) {
		free(block);
		free(raw);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	if (writer->current.size)
		memcpy(raw, writer->current.data, writer->current.size);
	*block = (struct sealed_block){
		.stored = { .first = writer->first_key },
		.part = writer->part,
		.raw = raw,
		.raw_size = writer->current.size,
	};
	size_t raw_size = writer->current.size;
	writer->current.size = 0;
	if (!keep(writer, block)) {
		free(raw);
		free(block);
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	pass(writer, raw_size);
	return NULL;
}

struct sdb_error *block_begin(struct block_writer *writer, uint64_t key, struct buffer **to_ret,
			      bool *fresh_ret)
{
	if (writer->current.failed)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	*fresh_ret = !writer->open;
	if (writer->open) {
		if (key < writer->last_key)
			return sdb_error_new(SDB_ERROR_INVALID,
					     "part %s: key %#llx comes after %#llx",
					     part_traits[writer->part].name,
					     (unsigned long long)key,
					     (unsigned long long)writer->last_key);
		if (key != writer->last_key &&
		    writer->current.size >= part_traits[writer->part].block_size) {
			struct sdb_error *error = seal(writer);
			if (error)
				return error;
			*fresh_ret = true;
		}
	}
	if (*fresh_ret)
		writer->first_key = key;
	writer->open = true;
	writer->last_key = key;
	*to_ret = &writer->current;
	return NULL;
}

struct sdb_error *block_writer_seal(struct block_writer *writer)
{
	if (writer->current.failed)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (!writer->open)
		return NULL;
	writer->open = false;
	return seal(writer);
}

struct sdb_error *block_writer_end(struct block_writer *writer)
{
	struct sdb_error *error = block_writer_seal(writer);
	if (!error)
		block_writer_pack(writer);
	return error;
}
