/* SPDX-License-Identifier: MIT */
#ifndef INDEXER_DWARF_TYPES_H
#define INDEXER_DWARF_TYPES_H

/* The distinct contents of types, what they refer to, and the numbering made from them. */

#include "gather.h"

/* A content refers to a named type by key, or to an unnamed one by its content. */
struct edge {
	uint64_t key;     /* 0: by content */
	uint32_t content;
	uint32_t meaning; /* of the key: its number, from 1, when it has one (resolve.c) */
};

struct content {
	uint64_t hash;
	uint64_t key;     /* of a named composite, else 0 */
	place first;
	uint32_t edges;   /* first, in type_table.edges */
	uint32_t edge_count;
	bool declaration;
	bool dirty;       /* reaches an ambiguous key */
	uint32_t type;    /* its type number when it is not dirty */
};

struct type_table {
	pthread_mutex_t lock;
	struct map by_hash;       /* content hash to content number (from 1) */
	struct content *contents;
	size_t count, capacity;
	struct edge *edges;
	size_t edge_count, edge_capacity;
	place *first;             /* by type id - 1 */
	bool *is_variant;         /* by type id - 1: a content's second and further types */
	uint32_t type_count;
	struct resolver *resolver; /* while types are resolved */
};

bool is_type_tag(unsigned tag);

/* Number of the content with HASH; makes it when it is new. 0 when memory is short. */
uint32_t content_add(struct worker *worker, uint64_t hash, uint64_t key, bool declaration, place first,
		     const struct edge *edges, size_t edge_count);

/* Numbers the types and gives every type entry its number. LINKED: all units are one scope. */
struct sdb_error *types_resolve(struct gather *gather, bool linked);

#endif
