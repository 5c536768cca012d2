/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 4096, LIMIT = 256 << 20, ALIGNMENT = 16 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(ALIGNMENT) unsigned char bytes[];
};

/* Stands at the start of the first chunk; the record follows it. */
struct arena {
	struct chunk *chunks;
	size_t total;
};

static struct chunk *chunk_create(size_t size)
{
	struct chunk *chunk = malloc(sizeof(*chunk) + size);
	if (chunk)
		*chunk = (struct chunk){ .size = size };
	return chunk;
}

static size_t padded(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *arena_record(size_t size, struct arena **arena_ret)
{
	size_t head = padded(sizeof(struct arena));
	struct chunk *chunk = chunk_create(head + padded(size) + CHUNK);

	if (!chunk)
		return NULL;
	struct arena *arena = (struct arena *)chunk->bytes;
	memset(chunk->bytes, 0, head + padded(size)); /* what is handed out alone: chunks are larger */
	arena->chunks = chunk;
	chunk->used = head + padded(size);
	*arena_ret = arena;
	return chunk->bytes + head;
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > LIMIT - arena->total)
		return NULL;
	bytes = padded(bytes);
	arena->total += bytes;
	struct chunk *chunk = arena->chunks;
	if (bytes > chunk->size - chunk->used) {
		/* the first chunk stays last in the list: the arena itself is in it */
		size_t wanted = bytes > CHUNK ? bytes : 2 * arena->total + CHUNK;
		chunk = chunk_create(wanted > bytes ? wanted : bytes);
		if (!chunk)
			return NULL;
		chunk->next = arena->chunks;
		arena->chunks = chunk;
	}
	void *array = chunk->bytes + chunk->used;
	chunk->used += bytes;
	memset(array, 0, bytes);
	return array;
}

void arena_free(void *record)
{
	if (!record)
		return;
	struct arena *arena = (struct arena *)((unsigned char *)record - padded(sizeof(*arena)));
	struct chunk *chunk = arena->chunks;
	while (chunk) {
		struct chunk *next = chunk->next;
		free(chunk);
		chunk = next;
	}
}
