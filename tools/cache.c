/* SPDX-License-Identifier: MIT */
#include "cache.h"
#include "text.h"

#include <stdlib.h>

void *cache_put(struct cache *cache, uint32_t id, void *data)
{
	if (!cache->places)
		cache->places = tool_alloc(cache->count * sizeof(*cache->places));
	struct cache_place *place = &cache->places[id & (cache->count - 1)];
	free(place->data);
	*place = (struct cache_place){ id, data };
	return data;
}

void cache_deinit(struct cache *cache)
{
	for (size_t i = 0; cache->places && i < cache->count; i++)
		free(cache->places[i].data);
	free(cache->places);
	cache->places = NULL;
}
