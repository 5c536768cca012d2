/* SPDX-License-Identifier: MIT */
/*
 * Pages of files that are in memory, but in no table of the process that has them mapped: from the file's page
 * cache, an XArray (include/linux/xarray.h) or, before v4.20, a radix tree.
 */

#include "mm.h"

#define DEPTH_MAX 12
#define SLOTS 64     /* XA_CHUNK_SIZE; 16 with CONFIG_BASE_SMALL: then the array in the layout says so */
#define FOLIO_PAGES (1u << 18)

static bool is_node(const struct linux_mm_layout *layout, uint64_t entry)
{
	/* Pointers to nodes carry 2, and of radix trees 1 (RADIX_TREE_INTERNAL_NODE). */
	return (entry & 3) == (layout->radix ? 1 : 2) && entry > 4096;
}

/* The struct page of page INDEX of a file; 0: it is not in memory. */
static uint64_t find_page(struct linux_system *system, uint64_t mapping, uint64_t index)
{
	const struct linux_mm_layout *layout = system->mm;
	unsigned slots = layout->node_slots.size / 8, last = 64;
	uint64_t entry;
	if (!slots || slots & (slots - 1) || slots > SLOTS
	    || !linux_u64(system, mapping + layout->pages.at + layout->pages_head.at, &entry))
		return 0;
	if (!is_node(layout, entry))
		return index == 0 && !(entry & 3) ? entry : 0;
	for (unsigned depth = 0; is_node(layout, entry); depth++) {
		uint64_t node = entry & ~3ull;
		uint8_t shift;
		if (depth == DEPTH_MAX || !linux_copy(system, node + layout->node_shift.at, &shift, 1) || shift >= last)
			return 0;
		if (depth == 0 && index >> shift >= slots)
			return 0;
		last = shift;
		uint64_t slot = index >> shift & (slots - 1);
		if (!linux_u64(system, node + layout->node_slots.at + 8 * slot, &entry))
			return 0;
		/* A sibling: the entry is in the slot that it names, of a folio of several pages. */
		if (!layout->radix && (entry & 3) == 2 && entry < 4 * SLOTS
		    && !linux_u64(system, node + layout->node_slots.at + 8 * (entry >> 2), &entry))
			return 0;
		if (!shift && is_node(layout, entry))
			return 0;
	}
	/* Values stand for pages that were swapped out, or left a shadow. */
	return entry & 3 ? 0 : entry;
}

/* Physical address of page INDEX, by the struct page of its folio. */
static bool page_address(struct linux_system *system, uint64_t page, uint64_t index, uint64_t *physical_ret)
{
	const struct linux_mm_layout *layout = system->mm;
	uint64_t first, flags, at = page - layout->pages_at;
	if (!layout->pages_at || !linux_has(&layout->page_size) || at % layout->page_size.size || at / layout->page_size.size >> 40
	    || !linux_u64(system, page + layout->page_index.at, &first)
	    || !linux_u64(system, page + layout->page_flags.at, &flags))
		return false;
	/* It is being read, or could not be. */
	if (layout->up_to_date >= 0 && !(flags >> layout->up_to_date & 1))
		return false;
	if (index - first >= FOLIO_PAGES)
		return false;
	*physical_ret = (at / layout->page_size.size + (index - first)) << 12;
	return true;
}

struct finding {
	uint64_t address;
	struct linux_area area;
};

static struct sdb_error *consider(void *arg, const struct linux_area *area)
{
	struct finding *finding = arg;
	if (area->high <= finding->address)
		return NULL;
	if (area->low <= finding->address)
		finding->area = *area;
	return sdb_error_new(SDB_ERROR_STOPPED, "that far");
}

struct sdb_error *linux_read_cached(struct linux_system *system, uint64_t mm, const struct paging *paging,
				    uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	struct finding finding = { .address = address };
	struct translation translation;
	uint64_t mapping, page, physical;
	*done_ret = 0;
	/* An entry that is not empty says where the page is: in swap, or on its way. It is the process's own, then. */
	if (guest_translate(system->target, paging, address, &translation) || translation.entry)
		return NULL;
	struct sdb_error *error = linux_each_area(system, mm, consider, &finding);
	if (error && sdb_error_code(error) != SDB_ERROR_STOPPED && sdb_error_code(error) != SDB_ERROR_CORRUPT)
		return error;
	sdb_error_free(error);
	const struct linux_mm_layout *layout = system->mm;
	if (!finding.area.file || !linux_has(&layout->file_mapping) || !linux_has(&layout->pages) || !linux_has(&layout->pages_head)
	    || !linux_has(&layout->node_shift) || !linux_has(&layout->node_slots))
		return NULL;
	uint64_t index = ((address - finding.area.low) >> 12) + finding.area.page_offset;
	if (!linux_u64(system, finding.area.file + layout->file_mapping.at, &mapping)
	    || !(page = find_page(system, mapping, index)) || !page_address(system, page, index, &physical))
		return NULL;
	size_t left = 4096 - (size_t)(address & 4095);
	return guest_read_physical(system->target, physical + (address & 4095), buffer, size < left ? size : left, done_ret);
}

struct sdb_error *linux_read_absent(struct sdb_target *target, int64_t pid, uint64_t address, void *buffer, size_t size,
				    size_t *done_ret)
{
	struct linux_system *system = linux_of(target);
	struct paging paging;
	uint64_t task, mm;
	*done_ret = 0;
	struct sdb_error *error = linux_process(system, pid, &task, &mm);
	if (!error)
		error = linux_mm_paging(system, mm, &paging);
	return error ? error : linux_read_cached(system, mm, &paging, address, buffer, size, done_ret);
}
