/* SPDX-License-Identifier: MIT */
/*
 * The set of all strings while a database is made. It is asked some ten times for each string that
 * it has, so looking one up takes no lock: tables only ever gain entries, and a full one is
 * replaced by a bigger one and kept until the end. Adding locks one of 64 shards.
 */

#include "name_set.h"
#include "checksum.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
	SHARD_BITS = 6,
	SHARDS = 1 << SHARD_BITS,
	FIRST_SLOTS = 256,
	ARENA = 32 << 10,
	DIRECTORY_BASE_BITS = 12,
	DIRECTORY = 33 - DIRECTORY_BASE_BITS,
};

struct text {
	uint32_t length;
	char bytes[]; /* NUL behind them */
};

/* Open addressing; a slot is hash << 32 | number, 0 when empty. */
struct table {
	struct table *older;
	uint32_t mask;
	_Atomic uint64_t slots[];
};

struct arena {
	struct arena *older;
	size_t used, size;
	_Alignas(struct text) char bytes[];
};

struct shard {
	_Alignas(64) _Atomic(struct table *) table;
	pthread_mutex_t mutex;
	uint32_t count;
	struct arena *arena;
};

struct sdb_names {
	struct shard shards[SHARDS];
	_Alignas(64) atomic_uint count;
	atomic_bool frozen; /* numbered: nothing is added any more */
	/* Number -> text: array K has 4096 << K entries, so that nothing ever moves. */
	_Atomic(_Atomic(const struct text *) *) directory[DIRECTORY];
};

static void locate(uint32_t number, unsigned *array_ret, uint64_t *index_ret)
{
	uint64_t place = (uint64_t)number + (1u << DIRECTORY_BASE_BITS);
	unsigned bits = 63 - (unsigned)__builtin_clzll(place);
	*array_ret = bits - DIRECTORY_BASE_BITS;
	*index_ret = place - ((uint64_t)1 << bits);
}

static bool publish(struct sdb_names *names, uint32_t number, const struct text *text)
{
	unsigned array;
	uint64_t index;
	locate(number, &array, &index);
	_Atomic(const struct text *) *entries = atomic_load(&names->directory[array]);
	if (!entries) {
		_Atomic(const struct text *) *fresh =
			calloc((size_t)1 << (array + DIRECTORY_BASE_BITS), sizeof(*fresh));
		if (!fresh)
			return false;
		if (atomic_compare_exchange_strong(&names->directory[array], &entries, fresh))
			entries = fresh;
		else
			free(fresh);
	}
	atomic_store_explicit(&entries[index], text, memory_order_release);
	return true;
}

static const struct text *text_of(const struct sdb_names *names, uint32_t number)
{
	unsigned array;
	uint64_t index;
	locate(number, &array, &index);
	_Atomic(const struct text *) *entries =
		atomic_load_explicit(&names->directory[array], memory_order_acquire);
	return entries ? atomic_load_explicit(&entries[index], memory_order_acquire) : NULL;
}

static struct table *table_create(uint32_t slots)
{
	struct table *table = calloc(1, sizeof(*table) + slots * sizeof(table->slots[0]));
	if (table)
		table->mask = slots - 1;
	return table;
}

struct sdb_names *sdb_names_create(void)
{
	struct sdb_names *names = aligned_alloc(64, (sizeof(*names) + 63) & ~(size_t)63);
	if (!names)
		return NULL;
	memset(names, 0, sizeof(*names));
	for (int i = 0; i < SHARDS; i++)
		pthread_mutex_init(&names->shards[i].mutex, NULL);
	return names;
}

void sdb_names_destroy(struct sdb_names *names)
{
	if (!names)
		return;
	for (int i = 0; i < SHARDS; i++) {
		struct shard *shard = &names->shards[i];
		struct table *table = atomic_load(&shard->table);
		while (table) {
			struct table *older = table->older;
			free(table);
			table = older;
		}
		while (shard->arena) {
			struct arena *older = shard->arena->older;
			free(shard->arena);
			shard->arena = older;
		}
		pthread_mutex_destroy(&shard->mutex);
	}
	for (int i = 0; i < DIRECTORY; i++)
		free((void *)atomic_load(&names->directory[i]));
	free(names);
}

/* The number of the text, or 0; the slot to put it in when it is not there. */
static uint32_t probe(const struct sdb_names *names, struct table *table, uint32_t hash,
		      const char *text, size_t length, _Atomic uint64_t **slot_ret)
{
	for (uint32_t i = hash & table->mask;; i = (i + 1) & table->mask) {
		uint64_t slot = atomic_load_explicit(&table->slots[i], memory_order_acquire);
		if (slot == 0) {
			*slot_ret = &table->slots[i];
			return 0;
		}
		if (slot >> 32 != hash)
			continue;
		const struct text *candidate = text_of(names, (uint32_t)slot);
		if (candidate->length == length && memcmp(candidate->bytes, text, length) == 0)
			return (uint32_t)slot;
	}
}

/* With the shard locked: a table that has room for one more. */
static struct table *make_room(struct shard *shard)
{
	struct table *table = atomic_load_explicit(&shard->table, memory_order_relaxed);
	if (table && shard->count < table->mask / 2)
		return table;
	struct table *bigger = table_create(table ? 2 * (table->mask + 1) : FIRST_SLOTS);
	if (!bigger)
		return NULL;
	for (uint32_t i = 0; table && i <= table->mask; i++) {
		uint64_t slot = atomic_load_explicit(&table->slots[i], memory_order_relaxed);
		uint32_t to = (uint32_t)(slot >> 32) & bigger->mask;
		if (slot == 0)
			continue;
		while (atomic_load_explicit(&bigger->slots[to], memory_order_relaxed))
			to = (to + 1) & bigger->mask;
		atomic_store_explicit(&bigger->slots[to], slot, memory_order_relaxed);
	}
	bigger->older = table;
	atomic_store_explicit(&shard->table, bigger, memory_order_release);
	return bigger;
}

static struct text *copy_text(struct shard *shard, const char *text, size_t length)
{
	size_t align = _Alignof(struct text);
	size_t size = (sizeof(struct text) + length + 1 + align - 1) & ~(align - 1);
	if (!shard->arena || shard->arena->size - shard->arena->used < size) {
		size_t room = size > ARENA ? size : ARENA;
		struct arena *arena = malloc(sizeof(*arena) + room);
		if (!arena)
			return NULL;
		arena->older = shard->arena;
		arena->used = 0;
		arena->size = room;
		shard->arena = arena;
	}
	struct text *copy = (struct text *)(shard->arena->bytes + shard->arena->used);
	shard->arena->used += size;
	copy->length = (uint32_t)length;
	memcpy(copy->bytes, text, length);
	copy->bytes[length] = '\0';
	return copy;
}

/* With the shard locked. */
static uint32_t add(struct sdb_names *names, struct shard *shard, uint32_t hash, const char *text,
		    size_t length)
{
	struct table *table = make_room(shard);
	_Atomic uint64_t *slot;
	if (!table)
		return UINT32_MAX;
	uint32_t number = probe(names, table, hash, text, length, &slot);
	if (number)
		return number;
	struct text *copy = copy_text(shard, text, length);
	if (!copy || atomic_load_explicit(&names->count, memory_order_relaxed) > UINT32_MAX - 128)
		return UINT32_MAX;
	number = atomic_fetch_add_explicit(&names->count, 1, memory_order_relaxed) + 1;
	if (!publish(names, number, copy))
		return UINT32_MAX;
	atomic_store_explicit(slot, (uint64_t)hash << 32 | number, memory_order_release);
	shard->count++;
	return number;
}

uint32_t sdb_names_intern(struct sdb_names *names, const char *text, size_t length)
{
	if (length > NAME_LENGTH_MAX)
		length = NAME_LENGTH_MAX;
	if (length == 0)
		return 0;
	uint64_t wide = checksum64(0, text, length);
	struct shard *shard = &names->shards[wide >> (64 - SHARD_BITS)];
	uint32_t hash = (uint32_t)wide, number = 0;
	struct table *table = atomic_load_explicit(&shard->table, memory_order_acquire);
	_Atomic uint64_t *slot;
	if (table)
		number = probe(names, table, hash, text, length, &slot);
	if (number || atomic_load_explicit(&names->frozen, memory_order_relaxed))
		return number;
	pthread_mutex_lock(&shard->mutex);
	number = add(names, shard, hash, text, length);
	pthread_mutex_unlock(&shard->mutex);
	return number;
}

const char *sdb_names_text(const struct sdb_names *names, uint32_t provisional, size_t *length_ret)
{
	const struct text *text = provisional ? text_of(names, provisional) : NULL;
	if (length_ret)
		*length_ret = text ? text->length : 0;
	return text ? text->bytes : "";
}

void names_freeze(struct sdb_names *names)
{
	atomic_store(&names->frozen, true);
}

uint32_t sdb_names_bound(const struct sdb_names *names)
{
	return atomic_load(&names->count) + 1;
}
