/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_CACHE_H
#define TOOLS_CACHE_H

/* What was made for a number, kept until another number needs its place: bounded, and never searched. */

#include <stddef.h>
#include <stdint.h>

struct cache {
	size_t count; /* of places, a power of two */
	struct cache_place {
		uint32_t id;
		void *data; /* malloc'ed */
	} *places;    /* NULL before the first use */
};

/* What was kept for ID, or NULL. */
static inline void *cache_get(const struct cache *cache, uint32_t id)
{
	const struct cache_place *place = cache->places ? &cache->places[id & (cache->count - 1)] : NULL;
	return place && place->id == id ? place->data : NULL;
}

/* Keeps DATA (malloc'ed; owned by the cache from here on) for ID; frees what had its place. Returns DATA. */
void *cache_put(struct cache *cache, uint32_t id, void *data);
void cache_deinit(struct cache *cache);

#endif
