/* SPDX-License-Identifier: MIT */
#include "paging.h"

#include <endian.h>

#define CR0_PG (1ull << 31)
#define CR4_PSE (1ull << 4)
#define CR4_PAE (1ull << 5)
#define CR4_LA57 (1ull << 12)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define PRESENT 1ull
#define WRITE 2ull
#define USER 4ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define ADDRESS 0x000ffffffffff000ull

struct paging paging_of_cpu(const struct driver_cpu *cpu)
{
	struct paging paging = { .no_execute = cpu->efer & EFER_NXE };
	if (!(cpu->cr0 & CR0_PG))
		return paging;
	if (cpu->efer & EFER_LMA) {
		paging.levels = cpu->cr4 & CR4_LA57 ? 5 : 4;
		paging.root = cpu->cr3 & ADDRESS;
	} else if (cpu->cr4 & CR4_PAE) {
		paging.levels = 3;
		paging.root = cpu->cr3 & 0xffffffe0u;
	} else {
		paging.levels = 2;
		paging.large = cpu->cr4 & CR4_PSE;
		paging.root = cpu->cr3 & 0xfffff000u;
	}
	return paging;
}

/* An entry of SIZE bytes; 0, which is not present, where there is no memory. */
static uint64_t read_entry(struct sdb_target *target, uint64_t address, unsigned size)
{
	size_t there;
	const uint8_t *mapped = guest_map_physical(target, address, &there);
	uint64_t entry = 0;
	if (mapped && there >= size) {
		__builtin_memcpy(&entry, mapped, size);
		return le64toh(entry);
	}
	struct sdb_error *error = guest_read_physical(target, address, &entry, size, &there);
	if (error || there < size)
		entry = 0;
	sdb_error_free(error);
	return le64toh(entry);
}

/* Whether ADDRESS has the form that the tables can translate. */
static bool is_canonical(const struct paging *paging, uint64_t address)
{
	if (paging->levels < 4)
		return address <= UINT32_MAX;
	unsigned bits = paging->levels == 5 ? 57 : 48;
	return (uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits)) == address;
}

static bool miss(struct translation *translation, uint64_t entry, unsigned level)
{
	translation->entry = entry;
	translation->level = (uint8_t)level;
	return false;
}

static bool hit(struct translation *translation, uint64_t base, uint64_t page, uint64_t address)
{
	translation->page = page;
	translation->physical = (base & ~(page - 1)) | (address & (page - 1));
	translation->left = page - (address & (page - 1));
	return true;
}

/* 32-bit entries: bits 13 to 20 of a large page's entry are bits 32 to 39 of its address (PSE-36). */
static bool walk_short(struct sdb_target *target, const struct paging *paging, uint64_t address,
		       struct translation *translation)
{
	uint64_t entry = read_entry(target, paging->root + (address >> 22) * 4, 4);
	translation->execute = true;
	if (!(entry & PRESENT))
		return miss(translation, entry, 2);
	translation->write = entry & WRITE;
	translation->user = entry & USER;
	if (paging->large && entry & LARGE)
		return hit(translation, (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32, 1u << 22, address);
	entry = read_entry(target, (entry & 0xfffff000u) + (address >> 12 & 0x3ff) * 4, 4);
	if (!(entry & PRESENT))
		return miss(translation, entry, 1);
	translation->write &= (entry & WRITE) != 0;
	translation->user &= (entry & USER) != 0;
	return hit(translation, entry & 0xfffff000u, 4096, address);
}

bool paging_walk(struct sdb_target *target, const struct paging *paging, uint64_t address,
		 struct translation *translation_ret)
{
	struct translation *translation = translation_ret;
	*translation = (struct translation){ .write = true, .user = true, .execute = true };
	if (!paging->levels)
		return hit(translation, address, 4096, address);
	if (!is_canonical(paging, address))
		return miss(translation, 0, paging->levels);
	if (paging->levels == 2)
		return walk_short(target, paging, address, translation);
	uint64_t table = paging->root;
	for (unsigned level = paging->levels; level > 0; level--) {
		unsigned shift = 12 + 9 * (level - 1);
		uint64_t index = address >> shift & 0x1ff;
		bool pointers = paging->levels == 3 && level == 3; /* four of them, without rights */
		uint64_t entry = read_entry(target, table + (pointers ? index & 3 : index) * 8, 8);
		if (!(entry & PRESENT))
			return miss(translation, entry, level);
		if (!pointers) {
			translation->write &= (entry & WRITE) != 0;
			translation->user &= (entry & USER) != 0;
			translation->execute &= !(paging->no_execute && entry & NO_EXECUTE);
		}
		if (level > 1 && entry & LARGE && (level > 3 || pointers))
			return miss(translation, entry, level); /* reserved there: the CPU faults */
		if (level == 1 || entry & LARGE)
			return hit(translation, entry & ADDRESS, 1ull << shift, address);
		table = entry & ADDRESS;
	}
	return false;
}
