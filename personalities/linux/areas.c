/* SPDX-License-Identifier: MIT */
/* The areas of an address space: a list, or a maple tree (include/linux/maple_tree.h). */

#include "mm.h"

#include <stdlib.h>

#define AREAS_MAX (1u << 20)
#define NODES_MAX (1u << 18)
#define DEPTH_MAX 12         /* MAPLE_HEIGHT_MAX is 31, which nothing reaches: each level has five at least */
#define NODE_SIZE 256

enum { DENSE, LEAF, RANGE, ARANGE }; /* enum maple_type */

struct walk {
	struct linux_system *system;
	linux_area_fn fn;
	void *arg;
	uint64_t last; /* end of the area before */
	uint32_t areas, nodes;
};

static struct sdb_error *take_area(struct walk *walk, uint64_t address, uint64_t *next_ret)
{
	const struct linux_mm_layout *layout = walk->system->mm;
	uint8_t scratch[1024];
	const uint8_t *data = linux_is_pointer(address) ? linux_view(walk->system, address, layout->area_size.size, scratch) : NULL;
	if (!data)
		return sdb_error_new(SDB_ERROR_CORRUPT, "no area can be at %#llx", (unsigned long long)address);
	struct linux_area area = {
		.address = address, .low = linux_member_of(data, &layout->start), .high = linux_member_of(data, &layout->end),
		.flags = linux_member_of(data, &layout->flags), .page_offset = linux_member_of(data, &layout->offset),
		.file = linux_member_of(data, &layout->file),
		.ops = linux_has(&layout->ops) ? linux_member_of(data, &layout->ops) : 0,
		.private = linux_has(&layout->private) ? linux_member_of(data, &layout->private) : 0,
	};
	if (next_ret)
		*next_ret = linux_member_of(data, &layout->next);
	if (area.low < walk->last || area.high <= area.low || area.high >> 56)
		return sdb_error_new(SDB_ERROR_CORRUPT, "the area at %#llx, from %#llx to %#llx, is out of order",
				     (unsigned long long)address, (unsigned long long)area.low, (unsigned long long)area.high);
	if (++walk->areas > AREAS_MAX)
		return sdb_error_new(SDB_ERROR_CORRUPT, "there are more than %u areas", AREAS_MAX);
	walk->last = area.high;
	return walk->fn(walk->arg, &area);
}

static struct sdb_error *walk_list(struct walk *walk, uint64_t area)
{
	struct sdb_error *error = NULL;
	/* They rise: what leads back is out of order, so that this ends. */
	while (!error && area)
		error = take_area(walk, area, &area);
	return error;
}

/* Where a kind of node has its pivots and slots, and how many slots. */
static unsigned shape(const struct linux_mm_layout *layout, unsigned type, uint32_t *pivots_ret, uint32_t *slots_ret)
{
	const struct linux_member *pivots = type == ARANGE ? &layout->arange_pivots : &layout->range_pivots;
	const struct linux_member *slots = type == ARANGE ? &layout->arange_slots : &layout->range_slots;
	*pivots_ret = pivots->at;
	*slots_ret = slots->at;
	unsigned count = slots->size / 8;
	return linux_has(slots) && pivots->size / 8 + 1 == count && slots->at + 8 * count <= NODE_SIZE ? count : 0;
}

static struct sdb_error *walk_node(struct walk *walk, uint64_t encoded, uint64_t low, uint64_t high, unsigned depth)
{
	/* The low byte tells the kind; nodes lie at multiples of their size. */
	uint64_t address = encoded & ~(uint64_t)(NODE_SIZE - 1), node[NODE_SIZE / 8];
	unsigned type = encoded >> 3 & 15;
	uint32_t pivots, slots;
	unsigned count = shape(walk->system->mm, type, &pivots, &slots);
	if (type == DENSE || type > ARANGE || !count || depth == DEPTH_MAX || ++walk->nodes > NODES_MAX || !linux_is_pointer(address)
	    || !linux_copy(walk->system, address, node, sizeof(node)))
		return sdb_error_new(SDB_ERROR_CORRUPT, "the tree of areas leads to %#llx, %u levels deep: no node can be there",
				     (unsigned long long)encoded, depth);
	struct sdb_error *error = NULL;
	for (unsigned i = 0; i < count && !error; i++) {
		uint64_t pivot = i + 1 < count ? node[pivots / 8 + i] : high;
		uint64_t entry = node[slots / 8 + i];
		bool last = (i && !pivot) || pivot >= high || i + 1 == count;
		if (last)
			pivot = high;
		if (pivot < low)
			return sdb_error_new(SDB_ERROR_CORRUPT, "the pivots of the node at %#llx do not rise", (unsigned long long)address);
		if (type >= RANGE)
			error = entry ? walk_node(walk, entry, low, pivot, depth + 1) : NULL;
		else if (entry && (entry & 3) != 2) /* else it is reserved (XA_ZERO_ENTRY) */
			error = take_area(walk, entry, NULL);
		if (last)
			break;
		low = pivot + 1;
	}
	return error;
}

struct sdb_error *linux_each_area(struct linux_system *system, uint64_t mm, linux_area_fn fn, void *arg)
{
	struct walk walk = { .system = system, .fn = fn, .arg = arg };
	uint64_t root;
	struct sdb_error *error = linux_load_mm(system);
	if (error)
		return error;
	const struct linux_mm_layout *layout = system->mm;
	if (linux_has(&layout->map)) {
		error = linux_read_member(system, mm, &layout->map, &root);
		return error ? error : walk_list(&walk, root);
	}
	error = linux_read_u64(system, mm + layout->tree.at + layout->tree_root.at, &root);
	if (error || !root)
		return error;
	/* A tree of one entry has no node: xa_is_node(). */
	return (root & 3) == 2 && root > 4096 ? walk_node(&walk, root, 0, UINT64_MAX, 0) : take_area(&walk, root, NULL);
}
