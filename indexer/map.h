/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_MAP_H
#define INDEXER_MAP_H

/* A growing array and an open-addressing map from 64-bit keys to 32-bit numbers. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	value *= UINT64_C(0x9e3779b97f4a7c15); /* small numbers must not differ in a few bits only */
	hash = (hash ^ value ^ value >> 32) * UINT64_C(0xff51afd7ed558ccd);
	return hash ^ hash >> 32;
}

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint64_t word;

	hash = hash_mix(hash, size);
	for (; size >= 8; size -= 8, at += 8) {
		memcpy(&word, at, 8);
		hash = hash_mix(hash, word);
	}
	if (size) {
		word = 0;
		memcpy(&word, at, size);
		hash = hash_mix(hash, word);
	}
	return hash;
}

/* Makes room for one more element in ARRAY of COUNT; false when memory is short. */
#define array_room(array, count, capacity) \
	((count) < (capacity) || array_grow((void **)&(array), &(capacity), sizeof(*(array))))

static inline bool array_grow(void **array, size_t *capacity, size_t size)
{
	size_t wanted = *capacity ? *capacity + *capacity / 2 + 16 : 32;
	void *bigger = realloc(*array, wanted * size);
	if (!bigger)
		return false;
	*array = bigger;
	*capacity = wanted;
	return true;
}

struct map {
	uint64_t *keys;    /* 0: free; a key of 0 is stored as 1's complement neighbour by map_key() */
	uint32_t *values;
	size_t count, mask; /* mask + 1 slots */
};

static inline uint64_t map_key(uint64_t key)
{
	return key ? key : UINT64_C(0x5bd1e9955bd1e995);
}

static inline void map_deinit(struct map *map)
{
	free(map->keys);
	free(map->values);
	memset(map, 0, sizeof(*map));
}

static inline void map_clear(struct map *map)
{
	if (map->keys)
		memset(map->keys, 0, (map->mask + 1) * sizeof(*map->keys));
	map->count = 0;
}

static inline size_t map_slot(const struct map *map, uint64_t key)
{
	size_t slot = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & map->mask;
	while (map->keys[slot] && map->keys[slot] != key)
		slot = (slot + 1) & map->mask;
	return slot;
}

static inline bool map_get(const struct map *map, uint64_t key, uint32_t *value_ret)
{
	if (!map->keys)
		return false;
	size_t slot = map_slot(map, map_key(key));
	if (!map->keys[slot])
		return false;
	*value_ret = map->values[slot];
	return true;
}

static inline bool map_grow(struct map *map)
{
	struct map bigger = { .count = map->count, .mask = map->keys ? map->mask * 2 + 1 : 255 };
	bigger.keys = calloc(bigger.mask + 1, sizeof(*bigger.keys));
	bigger.values = malloc((bigger.mask + 1) * sizeof(*bigger.values));
	if (!bigger.keys || !bigger.values) {
		map_deinit(&bigger);
		return false;
	}
	for (size_t i = 0; map->keys && i <= map->mask; i++) {
		if (!map->keys[i])
			continue;
		size_t slot = map_slot(&bigger, map->keys[i]);
		bigger.keys[slot] = map->keys[i];
		bigger.values[slot] = map->values[i];
	}
	free(map->keys);
	free(map->values);
	*map = bigger;
	return true;
}

/* Sets KEY to VALUE; false when memory is short. */
static inline bool map_put(struct map *map, uint64_t key, uint32_t value)
{
	if ((!map->keys || map->count * 2 > map->mask) && !map_grow(map))
		return false;
	key = map_key(key);
	size_t slot = map_slot(map, key);
	if (!map->keys[slot]) {
		map->keys[slot] = key;
		map->count++;
	}
	map->values[slot] = value;
	return true;
}

#endif
