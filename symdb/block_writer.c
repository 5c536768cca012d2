/* SPDX-License-Identifier: MIT */
/* Cutting a part's records into blocks and having them compressed. */

#include "block_writer.h"
#include <endian.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>

/* A block on its way through the pool. */
struct sealed_block {
	struct stored_block stored; /* first, so that a pointer to one is a pointer to the other */
	enum part part;
	bool last;
	uint64_t next;
	uint8_t *raw;
};

/* What a thread keeps from one block to the next. */
struct block_scratch {
	void *lz4;
	struct shape *shape;
};

struct block_writer {
	enum part part;
	struct pool *pool;
	bool open; /* `current` holds a record */
	uint64_t first_key, last_key;
	struct buffer current;
	struct sealed_block **blocks;
	size_t count, capacity;
	void *scratch;
};

void block_scratch_free(void *scratch)
{
	struct block_scratch *held = scratch;
	if (held) {
		free(held->lz4);
		shape_free(held->shape);
	}
	free(held);
}

struct block_writer *block_writer_create(enum part part, struct pool *pool)
{
	struct block_writer *writer = calloc(1, sizeof(*writer));
	if (writer) {
		writer->part = part;
		writer->pool = pool;
	}
	return writer;
}

void block_writer_destroy(struct block_writer *writer)
{
	if (!writer)
		return;
	for (size_t i = 0; i < writer->count; i++) {
		free(writer->blocks[i]->raw);
		free(writer->blocks[i]->stored.data);
		free(writer->blocks[i]);
	}
	free(writer->blocks);
	block_scratch_free(writer->scratch);
	buffer_deinit(&writer->current);
	free(writer);
}

const struct stored_block *block_writer_block(const struct block_writer *writer, size_t index)
{
	return index < writer->count ? &writer->blocks[index]->stored : NULL;
}

static size_t put_header(const struct sealed_block *block, unsigned flags, uint8_t *to)
{
	uint8_t room[BLOCK_HEADER];
	struct buffer header = { room, 4, sizeof(room), false };
	put_uleb(&header, (uint64_t)block->stored.raw_size << BLOCK_FLAGS |
				  (block->last ? BLOCK_LAST : 0) | flags);
	if (!block->last)
		put_uleb(&header, block->next - block->stored.first);
	memcpy(to, room, header.size);
	return header.size;
}

/* Compresses SIZE bytes to TO, which has room for as many; 0: that did not make them fewer. */
static size_t compress(const uint8_t *raw, uint8_t *to, size_t size, int level, void *state)
{
	if (size < 16)
		return 0;
	int made = LZ4_compress_HC_extStateHC(state, (const char *)raw, (char *)to, (int)size,
					      (int)size - 1, level);
	return made > 0 ? (size_t)made : 0;
}

/* The payload by its part's shape to DATA, which has ROOM; *SIZE_RET is 0 when LZ4 is to be taken. */
static bool shape(const struct sealed_block *block, uint8_t *data, size_t room,
		  struct block_scratch *scratch, size_t *size_ret)
{
	struct buffer to = { 0 };
	enum shape_result result = shape_encode(block->part, block->stored.first, block->raw,
						block->stored.raw_size, &to, &scratch->shape);
	*size_ret = 0;
	if (result == SHAPE_CODED && to.size < room && to.size * 255 >= block->stored.raw_size) {
		memcpy(data, to.data, to.size);
		*size_ret = to.size;
	}
	buffer_deinit(&to);
	return result != SHAPE_FAILED;
}

/* The header and the best of the payloads to DATA, which has room for it; 0: it cannot be coded. */
static size_t encode_block(const struct sealed_block *block, uint8_t *data,
			   struct block_scratch *scratch)
{
	size_t raw_size = block->stored.raw_size;
	size_t header = put_header(block, BLOCK_SHAPED, data);
	size_t size;
	if (!shape(block, data + header, raw_size, scratch, &size))
		return 0;
	if (size)
		return header + size;
	header = put_header(block, 0, data);
	size = compress(block->raw, data + header, raw_size, part_traits[block->part].level,
			scratch->lz4);
	if (size)
		return header + size;
	header = put_header(block, BLOCK_STORED, data);
	memcpy(data + header, block->raw, raw_size);
	return header + raw_size;
}

static struct block_scratch *scratch_create(void)
{
	struct block_scratch *scratch = calloc(1, sizeof(*scratch));
	if (scratch)
		scratch->lz4 = malloc((size_t)LZ4_sizeofStateHC());
	if (scratch && !scratch->lz4) {
		free(scratch);
		return NULL;
	}
	return scratch;
}

/* A pool job. What cannot be coded stays without data. */
static void encode(void *arg, void **scratch)
{
	struct sealed_block *block = arg;
	if (!*scratch)
		*scratch = scratch_create();
	uint8_t *data = *scratch ? malloc(BLOCK_HEADER + block->stored.raw_size) : NULL;
	if (!data)
		return;
	size_t size = encode_block(block, data, *scratch);
	if (size == 0) {
		free(data);
		return;
	}
	uint32_t checksum =
		htole32(block_checksum(block->part, block->stored.first, data + 4, size - 4));
	memcpy(data, &checksum, sizeof(checksum));
	uint8_t *smaller = realloc(data, size);
	block->stored.data = smaller ? smaller : data;
	block->stored.size = size;
	free(block->raw);
	block->raw = NULL;
}

/* The current block is complete: NEXT is the first key of the one behind it. */
static struct sdb_error *seal(struct block_writer *writer, bool last, uint64_t next)
{
	if (writer->current.size > BLOCK_RAW_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY,
				     "part %s: the records of key %#llx take more than %u MiB",
				     part_traits[writer->part].name,
				     (unsigned long long)writer->last_key, BLOCK_RAW_MAX >> 20);
	if (writer->count == writer->capacity) {
		size_t capacity = writer->capacity ? 2 * writer->capacity : 16;
		void *blocks = realloc(writer->blocks, capacity * sizeof(*writer->blocks));
		if (!blocks)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		writer->blocks = blocks;
		writer->capacity = capacity;
	}
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
		.stored = { .first = writer->first_key, .raw_size = writer->current.size },
		.part = writer->part,
		.last = last,
		.next = next,
		.raw = raw,
	};
	writer->current.size = 0;
	writer->blocks[writer->count++] = block;
	pool_run(writer->pool, encode, block, &writer->scratch);
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
			struct sdb_error *error = seal(writer, false, key);
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

struct sdb_error *block_writer_end(struct block_writer *writer)
{
	if (writer->current.failed)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (!writer->open)
		return NULL;
	writer->open = false;
	return seal(writer, true, 0);
}
