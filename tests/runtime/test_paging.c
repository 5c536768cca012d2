/* SPDX-License-Identifier: MIT */
/*
 * Page tables of every form, in the memory of a machine that is an array: tables that were built for known
 * mappings, tables of random words against a second walker, and what may be kept of them when.
 */

#include "runtime/arch/paging.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM (8u << 20)
#define HOLE_LOW 0xa0000u
#define HOLE_HIGH 0xc0000u

static uint8_t ram[RAM + 8];
static bool mapped = true; /* whether the driver shows memory, or is asked for it */
static unsigned reads;     /* how often it was asked */

/* ---- a machine ------------------------------------------------------------------------------------ */

static bool is_there(uint64_t address)
{
	return address < HOLE_LOW || (address >= HOLE_HIGH && address < RAM);
}

static const uint8_t *map_physical(struct sdb_target *target, uint64_t address, size_t *size_ret)
{
	(void)target;
	reads++;
	if (!mapped || !is_there(address))
		return NULL;
	*size_ret = (address < HOLE_LOW ? HOLE_LOW : RAM) - (size_t)address;
	return ram + address;
}

static struct sdb_error *read_physical(struct sdb_target *target, uint64_t address, void *buffer, size_t size, size_t *done_ret)
{
	(void)target;
	size_t done = 0;
	for (; done < size && is_there(address + done); done++)
		((uint8_t *)buffer)[done] = ram[address + done];
	*done_ret = done;
	return NULL;
}

static struct sdb_error *write_physical(struct sdb_target *target, uint64_t address, const void *buffer, size_t size)
{
	(void)target;
	if (!is_there(address) || !is_there(address + size - 1))
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no memory");
	memcpy(ram + address, buffer, size);
	return NULL;
}

static struct driver_cpu cpu;

static struct sdb_error *cpu_state(struct sdb_target *target, unsigned number, struct driver_cpu *cpu_ret)
{
	(void)target;
	(void)number;
	*cpu_ret = cpu;
	return NULL;
}

static const struct driver driver = { .name = "array", .map_physical = map_physical, .read_physical = read_physical,
				      .write_physical = write_physical, .cpu_state = cpu_state };
static struct sdb_target target = { .name = "array", .driver = &driver, .status = SDB_TARGET_RUNNING };

static uint64_t seed = 88172645463325252ull;

static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static uint64_t get(uint64_t address, unsigned size)
{
	uint64_t value = 0;
	if (is_there(address))
		memcpy(&value, ram + address, size);
	return value;
}

static void put(uint64_t address, uint64_t value, unsigned size)
{
	memcpy(ram + address, &value, size);
}

/* ---- the second walker: one expression a level, as the manual draws it ---------------------------------- */

#define FRAME 0x000ffffffffff000ull

static bool page_is_there(uint64_t entry, uint64_t *right)
{
	*right &= entry;
	return entry & 1;
}

static bool walk_long(uint64_t root, unsigned levels, uint64_t va, uint64_t *pa_ret, uint64_t *rights_ret)
{
	uint64_t right = 7, entry;
	uint64_t sign = levels == 5 ? va >> 56 : va >> 47, all = levels == 5 ? 0xff : 0x1ffff;
	if (sign != 0 && sign != all)
		return false;
	uint64_t table = root;
	if (levels == 5) {
		entry = get(table + 8 * (va >> 48 & 511), 8);
		if (!page_is_there(entry, &right) || entry & 0x80)
			return false;
		table = entry & FRAME;
	}
	entry = get(table + 8 * (va >> 39 & 511), 8);
	if (!page_is_there(entry, &right) || entry & 0x80)
		return false;
	entry = get((entry & FRAME) + 8 * (va >> 30 & 511), 8);
	*rights_ret = right & entry;
	if (!page_is_there(entry, &right))
		return false;
	if (entry & 0x80) {
		*pa_ret = (entry & 0x000fffffc0000000ull) + (va & 0x3fffffff);
		return true;
	}
	entry = get((entry & FRAME) + 8 * (va >> 21 & 511), 8);
	*rights_ret = right & entry;
	if (!page_is_there(entry, &right))
		return false;
	if (entry & 0x80) {
		*pa_ret = (entry & 0x000fffffffe00000ull) + (va & 0x1fffff);
		return true;
	}
	entry = get((entry & FRAME) + 8 * (va >> 12 & 511), 8);
	*rights_ret = right & entry;
	*pa_ret = (entry & FRAME) + (va & 0xfff);
	return entry & 1;
}

static bool walk_pae(uint64_t root, uint64_t va, uint64_t *pa_ret, uint64_t *rights_ret)
{
	uint64_t entry = get(root + 8 * (va >> 30), 8);
	if (va >> 32 || !(entry & 1) || entry & 0x80)
		return false;
	entry = get((entry & FRAME) + 8 * (va >> 21 & 511), 8);
	*rights_ret = entry;
	*pa_ret = (entry & 0x000fffffffe00000ull) + (va & 0x1fffff);
	if (!(entry & 1) || entry & 0x80)
		return entry & 1;
	entry = get((entry & FRAME) + 8 * (va >> 12 & 511), 8);
	*rights_ret &= entry;
	*pa_ret = (entry & FRAME) + (va & 0xfff);
	return entry & 1;
}

static bool walk_old(uint64_t root, uint64_t va, uint64_t *pa_ret, uint64_t *rights_ret)
{
	uint64_t entry = get(root + 4 * (va >> 22), 4);
	*rights_ret = entry;
	if (va >> 32 || !(entry & 1))
		return false;
	*pa_ret = ((entry & 0xffc00000) | (entry & 0x1fe000) << 19) + (va & 0x3fffff);
	if (entry & 0x80)
		return true;
	entry = get((entry & 0xfffff000) + 4 * (va >> 12 & 1023), 4);
	*rights_ret &= entry;
	*pa_ret = (entry & 0xfffff000) + (va & 0xfff);
	return entry & 1;
}

static bool walk_again(const struct paging *paging, uint64_t va, uint64_t *pa_ret, uint64_t *rights_ret)
{
	if (paging->levels >= 4)
		return walk_long(paging->root, paging->levels, va, pa_ret, rights_ret);
	return paging->levels == 3 ? walk_pae(paging->root, va, pa_ret, rights_ret) : walk_old(paging->root, va, pa_ret, rights_ret);
}

static void compare(const struct paging *paging, uint64_t va, unsigned *hits)
{
	struct translation translation;
	uint64_t pa = 0, rights = 0;
	bool found = guest_translate(&target, paging, va, &translation);
	bool expected = walk_again(paging, va, &pa, &rights);
	if (found != expected || (found && (translation.physical != pa || translation.write != ((rights & 2) != 0)
					    || translation.user != ((rights & 4) != 0)))) {
		fprintf(stderr, "%u levels, %#llx: %d %#llx, but %d %#llx\n", paging->levels, (unsigned long long)va, found,
			(unsigned long long)translation.physical, expected, (unsigned long long)pa);
		abort();
	}
	assert(!found || (translation.left >= 1 && translation.left <= translation.page));
	assert(found || translation.level >= 1);
	*hits += found;
}

static struct paging form(unsigned levels)
{
	return (struct paging){ .root = 0x100000, .levels = (uint8_t)levels, .large = levels == 2, .no_execute = levels > 2 };
}

/* An address that tables of that form can have, mostly. */
static uint64_t random_address(unsigned levels)
{
	uint64_t va = random_number();
	if (levels < 4)
		return va & 0xffffffff;
	if (random_number() % 16 == 0)
		return va;
	unsigned bits = levels == 5 ? 57 : 48;
	return (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits));
}

/* ---- tables of random words --------------------------------------------------------------------------- */

/* Most entries lead to other tables; some are large, absent, or lead out of memory. */
static void fill_randomly(unsigned size)
{
	for (uint32_t at = 0; at < RAM; at += size) {
		uint64_t entry = (random_number() % (RAM >> 12) << 12) | (random_number() & 0x17e) | 1;
		if (random_number() % 8 == 0)
			entry ^= 1;
		if (random_number() % 8 == 0)
			entry |= 0x80;
		if (random_number() % 16 == 0)
			entry = random_number();
		put(at, entry, size);
	}
}

static void check_random(unsigned levels)
{
	struct paging paging = form(levels);
	unsigned hits = 0;
	fill_randomly(levels == 2 ? 4 : 8);
	for (unsigned i = 0; i < 100000; i++)
		compare(&paging, random_address(levels), &hits);
	mapped = false;
	for (unsigned i = 0; i < 10000; i++)
		compare(&paging, random_address(levels), &hits);
	mapped = true;
	printf("%u levels of random words: %u of 110000 addresses are mapped\n", levels, hits);
	assert(hits > 10000 && hits < 105000);
}

/* Every entry of every table leads to the one table that there is. */
static void check_cycle(unsigned levels)
{
	struct paging paging = form(levels);
	unsigned hits = 0, size = levels == 2 ? 4 : 8;
	memset(ram, 0, RAM);
	for (unsigned i = 0; i < 4096; i += size)
		put(paging.root + i, paging.root | 7, size);
	for (unsigned i = 0; i < 10000; i++) {
		reads = 0;
		compare(&paging, random_address(levels), &hits);
		assert(reads <= levels);
	}
	assert(hits > 5000);
}

/* ---- tables for known mappings ---------------------------------------------------------------------------- */

static uint64_t next_table;

/* Maps the page of 1 << SHIFT bytes at VA to PA. */
static void map_page(const struct paging *paging, uint64_t va, uint64_t pa, unsigned shift, uint64_t rights)
{
	unsigned size = paging->levels == 2 ? 4 : 8, bits = paging->levels == 2 ? 10 : 9;
	uint64_t table = paging->root;
	for (unsigned level = paging->levels;; level--) {
		unsigned at = 12 + bits * (level - 1);
		uint64_t index = va >> at & ((1u << bits) - 1), entry = get(table + index * size, size);
		if (at == shift) {
			put(table + index * size, pa | rights | 1 | (shift > 12 ? 0x80 : 0), size);
			return;
		}
		if (!entry) {
			entry = next_table | 7;
			if (paging->levels == 3 && level == 3)
				entry = next_table | 1; /* a pointer has no rights */
			put(table + index * size, entry, size);
			next_table += 4096;
		}
		table = entry & ~0xfffull;
	}
}

static void check_known(unsigned levels, unsigned shift)
{
	struct paging paging = form(levels);
	memset(ram, 0, RAM);
	next_table = 0x200000;
	for (unsigned i = 0; i < 300; i++) {
		uint64_t page = 1ull << shift, va = random_address(levels), rights = random_number() & 6;
		uint64_t pa = (random_number() & (levels == 2 ? 0xfffff000u : FRAME)) & ~(page - 1);
		uint64_t inside = random_number() & (page - 1);
		unsigned bits = levels == 5 ? 57 : 48;
		va = va & ~(page - 1);
		struct translation translation;
		if (levels >= 4 && (uint64_t)((int64_t)(va << (64 - bits)) >> (64 - bits)) != va)
			continue; /* no address of this form */
		if (guest_translate(&target, &paging, va, &translation))
			continue;
		map_page(&paging, va, pa, shift, rights);
		assert(guest_translate(&target, &paging, va + inside, &translation));
		assert(translation.physical == pa + inside && translation.page == page && translation.left == page - inside);
		assert(translation.write == !!(rights & 2) && translation.user == !!(rights & 4) && translation.execute);
		assert(next_table < RAM - 5 * 4096);
	}
}

/* ---- what the control registers say ------------------------------------------------------------------------- */

static void check_registers(void)
{
	const uint64_t pg = 1ull << 31, pae = 1 << 5, la57 = 1 << 12, lma = 1 << 10;
	struct driver_cpu state = { .cr0 = pg, .cr4 = pae | la57, .efer = lma, .cr3 = 0x8000000012345018ull };
	struct paging paging = paging_of_cpu(&state);
	assert(paging.levels == 5 && paging.root == 0x12345000); /* without the PCID and what is reserved */
	state.cr4 = pae;
	assert(paging_of_cpu(&state).levels == 4);
	state.efer = 0;
	state.cr3 = 0x12345fe0;
	paging = paging_of_cpu(&state);
	assert(paging.levels == 3 && paging.root == 0x12345fe0);
	state.cr4 = 1 << 4;
	paging = paging_of_cpu(&state);
	assert(paging.levels == 2 && paging.root == 0x12345000 && paging.large);
	state.cr0 = 1;
	paging = paging_of_cpu(&state);
	struct translation translation;
	assert(paging.levels == 0 && guest_translate(&target, &paging, 0x1234, &translation) && translation.physical == 0x1234);
}

/* ---- what is kept, and until when ----------------------------------------------------------------------------- */

static uint64_t translated(const struct paging *paging, uint64_t va)
{
	struct translation translation;
	return guest_translate(&target, paging, va, &translation) ? translation.physical : UINT64_MAX;
}

static void check_kept(void)
{
	struct paging paging = form(4), other = form(4);
	const uint64_t va = 0xffff888000123000ull;
	memset(ram, 0, RAM);
	next_table = 0x200000;
	other.root = 0x101000;
	map_page(&paging, va, 0x300000, 12, 2);
	map_page(&other, va, 0x400000, 12, 2);
	uint64_t table, entry;
	for (table = 0x200000; !(entry = get(table + (va >> 12 & 511) * 8, 8)) || (entry & FRAME) != 0x300000; table += 4096)
		assert(table < next_table);
	uint64_t place = table + (va >> 12 & 511) * 8;

	/* It runs: a change is seen at once. */
	assert(translated(&paging, va + 8) == 0x300008);
	put(place, 0x500000 | 3, 8);
	assert(translated(&paging, va + 8) == 0x500008);

	/* It stands: nobody but us can change it. */
	target.status = SDB_TARGET_PAUSED;
	assert(translated(&paging, va + 8) == 0x500008 && translated(&other, va + 8) == 0x400008);
	reads = 0;
	assert(translated(&paging, va + 16) == 0x500010 && translated(&paging, va) == 0x500000);
	assert(reads == 0);
	uint64_t changed = 0x600000 | 3;
	assert(!guest_write_physical(&target, place, &changed, 8));
	assert(translated(&paging, va) == 0x600000);
	put(place, 0, 8); /* not possible while it stands; it has run in between, says the next line */
	guest_forget(&target);
	assert(translated(&paging, va) == UINT64_MAX && translated(&other, va) == 0x400000);
	/* An address that was not mapped is not kept as that. */
	put(place, 0x300000 | 3, 8);
	assert(translated(&paging, va) == 0x300000);
	for (unsigned i = 0; i < 100000; i++) /* many others come between */
		translated(&paging, random_address(4));
	assert(translated(&paging, va) == 0x300000);
	target.status = SDB_TARGET_RUNNING;
	guest_forget(&target);
}

/* ---- reading and writing ------------------------------------------------------------------------------------ */

static void check_memory(void)
{
	struct paging paging = form(4);
	const uint64_t va = 0xffffc90000000000ull;
	static uint8_t got[1 << 20], expected[1 << 20];
	size_t done;
	memset(ram, 0, RAM);
	next_table = 0x200000;
	for (uint32_t at = 0x400000; at < RAM; at += 8)
		put(at, random_number(), 8);
	/* 64 pages one after the other, then 64 here and there, then one in the hole; behind it nothing */
	for (unsigned i = 0; i < 129; i++) {
		uint64_t pa = i < 64 ? 0x400000 + i * 4096ull : 0x600000 + (i * 37ull % 64) * 4096;
		map_page(&paging, va + i * 4096ull, i < 128 ? pa : HOLE_LOW, 12, 2);
		if (i < 128)
			memcpy(expected + i * 4096, ram + pa, 4096);
	}
	for (unsigned i = 0; i < 2000; i++) {
		mapped = i % 2;
		size_t at = random_number() % (130 * 4096), size = random_number() % (140 * 4096);
		size_t there = at >= 128 * 4096 ? 0 : 128 * 4096 - at;
		assert(!guest_read(&target, &paging, va + at, got, size, &done));
		assert(done == (size < there ? size : there) && memcmp(got, expected + at, done) == 0);
	}
	mapped = true;
	uint8_t text[10000];
	memset(text, 0x5a, sizeof(text));
	assert(!guest_write(&target, &paging, va + 64 * 4096 - 100, text, sizeof(text)));
	assert(!guest_read(&target, &paging, va + 64 * 4096 - 100, got, sizeof(text), &done) && done == sizeof(text));
	assert(memcmp(got, text, sizeof(text)) == 0);
	for (unsigned i = 128; i < 131; i++) { /* in the hole; across its end; where nothing is mapped */
		struct sdb_error *error = guest_write(&target, &paging, va + i * 4096 + 4090, text, 20);
		assert(error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND);
		sdb_error_free(error);
	}
	/* The last page of all, and what would be behind it. */
	map_page(&paging, -4096ull, 0x700000, 12, 2);
	assert(!guest_read(&target, &paging, -16ull, got, 64, &done) && done == 16 && memcmp(got, ram + 0x700ff0, 16) == 0);
}

int main(void)
{
	check_registers();
	for (unsigned levels = 2; levels <= 5; levels++) {
		check_random(levels);
		check_cycle(levels);
		check_known(levels, 12);
		check_known(levels, levels == 2 ? 22 : 21);
	}
	check_known(4, 30);
	check_known(5, 30);
	check_kept();
	check_memory();
	guest_destroy(target.guest);
	return 0;
}
