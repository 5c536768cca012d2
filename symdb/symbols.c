/* SPDX-License-Identifier: MIT */
/* Reading symbols: by number, by address. */

#include "symbols.h"
#include "bits.h"
#include <elf.h>

bool symbol_has_address(const struct sdb_symbol *symbol)
{
	return symbol->type != STT_FILE && symbol->type != STT_SECTION && symbol->type != STT_TLS &&
	       symbol->section != SHN_UNDEF && symbol->section != SHN_ABS &&
	       symbol->section != SHN_COMMON;
}

static int binding_rank(const struct sdb_symbol *symbol)
{
	return symbol->binding == STB_LOCAL ? 2 : symbol->binding == STB_WEAK ? 1 : 0;
}

bool symbol_is_better(const struct sdb_symbol *a, const struct sdb_symbol *b)
{
	if (a->address != b->address)
		return a->address > b->address;
	if (a->size != b->size)
		return a->size < b->size;
	if (binding_rank(a) != binding_rank(b))
		return binding_rank(a) < binding_rank(b);
	return a->type != STT_NOTYPE && b->type == STT_NOTYPE;
}

/* ---- decoding ------------------------------------------------------------------------ */

/* The head of a block, and where its groups begin. */
struct symbol_block {
	uint32_t first_id;
	unsigned width;
	bool incomplete; /* more symbols reach into the block than are listed */
	unsigned reaching_count;
	struct cursor reaching; /* then the one of size 0 */
	struct cursor groups;
};

/* A group; `id` and `address` are those of its first symbol. */
struct symbol_group {
	uint32_t id;
	uint64_t address;
	uint64_t reach;  /* behind the address */
	size_t count;
	struct cursor content;
};

/* Walks the symbols of a group. */
struct symbol_reader {
	const uint8_t *flags, *kinds, *names;
	size_t names_size, count, index;
	unsigned width;
	struct cursor numbers;
	struct numbered_symbol current;
	uint64_t end; /* of the current one */
};

static void set_flags(struct sdb_symbol *symbol, uint8_t flags, uint8_t kind)
{
	symbol->visibility = flags & SYMBOL_VISIBILITY;
	symbol->dynamic = flags & SYMBOL_DYNAMIC;
	symbol->in_symtab = flags & SYMBOL_SYMTAB;
	symbol->default_version = flags & SYMBOL_DEFAULT_VERSION;
	symbol->type = kind & 15;
	symbol->binding = kind >> 4;
}

static void get_earlier(struct cursor *from, const struct block *block, uint32_t first_id,
			struct numbered_symbol *symbol_ret)
{
	struct sdb_symbol *symbol = &symbol_ret->symbol;
	symbol_ret->id = first_id - get_u32(from);
	symbol->address = block->first - get_uleb(from);
	symbol->size = get_uleb(from);
	uint8_t flags = get_u8(from), kind = get_u8(from);
	set_flags(symbol, flags, kind);
	symbol->section = (uint16_t)get_u32(from);
	symbol->name = get_u32(from);
	symbol->version = flags & SYMBOL_VERSION ? get_u32(from) : 0;
}

static bool open_block(const struct block *block, struct symbol_block *open_ret)
{
	struct cursor cursor = block_cursor(block);
	struct numbered_symbol symbol;
	open_ret->first_id = get_u32(&cursor);
	open_ret->width = get_u8(&cursor);
	open_ret->incomplete = get_u8(&cursor);
	open_ret->reaching_count = get_u8(&cursor);
	open_ret->reaching = cursor;
	for (unsigned i = 0; i < open_ret->reaching_count; i++)
		get_earlier(&cursor, block, open_ret->first_id, &symbol);
	if (get_u8(&cursor))
		get_earlier(&cursor, block, open_ret->first_id, &symbol);
	open_ret->groups = cursor;
	return !cursor.failed && open_ret->width <= 32;
}

/* Steps GROUP to the next one; a zeroed group (count 0) to the first. */
static bool next_group(const struct block *block, struct symbol_block *open,
		       struct symbol_group *group)
{
	struct cursor *from = &open->groups;
	if (from->failed || from->at == from->end)
		return false;
	if (group->count == 0 && group->id == 0) {
		group->id = open->first_id;
		group->address = block->first;
	}
	group->id += (uint32_t)group->count;
	group->address += get_uleb(from);
	group->count = get_count(from);
	group->reach = get_uleb(from);
	size_t size = get_count(from);
	const uint8_t *content = get_bytes(from, size);
	if (from->failed || group->count == 0) {
		from->failed = true;
		return false;
	}
	group->content = (struct cursor){ content, content + size, false };
	return true;
}

static bool open_group(const struct symbol_block *open, const struct symbol_group *group,
		       struct symbol_reader *reader_ret)
{
	struct cursor content = group->content;
	reader_ret->count = group->count;
	reader_ret->index = 0;
	reader_ret->width = open->width;
	reader_ret->flags = get_bytes(&content, group->count);
	reader_ret->kinds = get_bytes(&content, group->count);
	reader_ret->names_size = bits_size(group->count, open->width);
	reader_ret->names = get_bytes(&content, reader_ret->names_size);
	reader_ret->numbers = content;
	reader_ret->end = group->address;
	reader_ret->current = (struct numbered_symbol){ .id = group->id - 1 };
	return !content.failed;
}

static bool next_symbol(struct symbol_reader *reader)
{
	struct cursor *numbers = &reader->numbers;
	struct sdb_symbol *symbol = &reader->current.symbol;
	if (reader->index == reader->count || numbers->failed)
		return false;
	uint8_t flags = reader->flags[reader->index];
	set_flags(symbol, flags, reader->kinds[reader->index]);
	symbol->name = get_bits(reader->names, reader->names_size, reader->index, reader->width);
	symbol->address = reader->end + (uint64_t)get_sleb(numbers);
	symbol->size = get_uleb(numbers);
	if (flags & SYMBOL_SECTION)
		symbol->section = (uint16_t)get_u32(numbers);
	symbol->version = flags & SYMBOL_VERSION ? get_u32(numbers) : 0;
	reader->end = symbol->address + symbol->size;
	reader->current.id++;
	reader->index++;
	return !numbers->failed;
}

static struct sdb_error *damaged(struct sdb_db *db, const struct block *block)
{
	return block_damaged(db, block, "a symbol does not decode");
}

/* ---- by number -------------------------------------------------------------------------- */

/* Where the block is that holds symbol ID. */
static struct sdb_error *find_id(struct sdb_db *db, sdb_symbol_id id, uint64_t *address_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_SYMBOL_IDS, id, &block);
	if (error)
		return error;
	struct cursor cursor = block_cursor(block);
	uint64_t at = block->first, address = 0;
	while (cursor.at < cursor.end) {
		at += get_u32(&cursor);
		uint64_t distance = get_uleb(&cursor);
		if (cursor.failed)
			return block_damaged(db, block, "a symbol's place does not decode");
		if (at > id)
			break;
		address += distance;
	}
	*address_ret = address;
	return NULL;
}

struct sdb_error *sdb_symbol(struct sdb_db *db, sdb_symbol_id id, struct sdb_symbol *symbol_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	uint64_t address = 0;
	if (id == 0 || id > sdb_db_info(db)->symbols)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no symbol %u", sdb_db_path(db), id);
	struct sdb_error *error = find_id(db, id, &address);
	if (!error)
		error = block_find(db, PART_SYMBOLS, address, &block);
	if (error)
		return error;
	struct symbol_block open;
	struct symbol_group group = { 0 };
	struct symbol_reader reader;
	if (!open_block(block, &open))
		return damaged(db, block);
	do {
		if (!next_group(block, &open, &group) || group.id > id)
			return damaged(db, block);
	} while (id - group.id >= group.count);
	if (!open_group(&open, &group, &reader))
		return damaged(db, block);
	while (next_symbol(&reader)) {
		if (reader.current.id == id) {
			*symbol_ret = reader.current.symbol;
			return NULL;
		}
	}
	return damaged(db, block);
}

/* ---- by address --------------------------------------------------------------------------- */

/* The best of the symbols met so far; id 0: none. */
struct candidates {
	uint64_t address;
	struct numbered_symbol holding; /* holds the address */
	struct numbered_symbol empty;   /* has size 0 and stands before it */
	uint64_t ended;                 /* begin of the nearest one before it that ends before it, + 1 */
	bool any_section;
	uint16_t section; /* in which `empty` must be */
};

static void consider(struct candidates *best, const struct numbered_symbol *candidate)
{
	const struct sdb_symbol *symbol = &candidate->symbol;
	if (symbol->address > best->address || !symbol_has_address(symbol))
		return;
	struct numbered_symbol *kept = &best->holding;
	if (symbol->size == 0) {
		kept = &best->empty;
		if (!best->any_section && symbol->section != best->section)
			return;
	} else if (best->address - symbol->address >= symbol->size) {
		if (symbol->address >= best->ended)
			best->ended = symbol->address + 1;
		return;
	}
	if (!kept->id || symbol_is_better(symbol, &kept->symbol))
		*kept = *candidate;
}

static bool consider_group(const struct symbol_block *open, const struct symbol_group *group,
			   struct candidates *best)
{
	struct symbol_reader reader;
	if (!open_group(open, group, &reader))
		return false;
	while (next_symbol(&reader))
		consider(best, &reader.current);
	return !reader.numbers.failed;
}

/*
 * Looks through BLOCK. What is nearest before the address is in the last group that begins
 * at or before it: only when nothing there holds the address, the groups before it and the list
 * of what reaches into the block are looked at.
 */
static bool consider_block(const struct block *block, struct candidates *best, bool *incomplete_ret)
{
	struct symbol_block open;
	if (!open_block(block, &open))
		return false;
	struct symbol_block again = open;
	struct symbol_group group = { 0 }, last = { 0 };
	while (next_group(block, &open, &group) && group.address <= best->address)
		last = group;
	if (open.groups.failed || (last.count && !consider_group(&open, &last, best)))
		return false;
	*incomplete_ret = open.incomplete;
	if (best->holding.id)
		return true;
	group = (struct symbol_group){ 0 };
	while (next_group(block, &again, &group) && group.id < last.id) {
		if (best->address - group.address < group.reach && !consider_group(&again, &group, best))
			return false;
	}
	for (unsigned i = 0; i < open.reaching_count; i++) {
		struct numbered_symbol symbol;
		get_earlier(&open.reaching, block, open.first_id, &symbol);
		consider(best, &symbol);
	}
	if (get_u8(&open.reaching)) {
		struct numbered_symbol symbol;
		get_earlier(&open.reaching, block, open.first_id, &symbol);
		consider(best, &symbol);
	}
	return true;
}

/* The section that ADDRESS is in; false: in none. */
static bool find_section(const struct sdb_section *sections, size_t count, uint64_t address,
			 uint16_t *section_ret)
{
	for (size_t i = 0; i < count; i++) {
		const struct sdb_section *section = &sections[i];
		/* .tbss has addresses that belong to what stands behind it. */
		if (!(section->flags & SHF_ALLOC) ||
		    (section->flags & SHF_TLS && section->type == SHT_NOBITS))
			continue;
		if (address >= section->address && address - section->address < section->size) {
			*section_ret = (uint16_t)section->index;
			return true;
		}
	}
	return false;
}

static struct sdb_error *search_blocks(struct sdb_db *db, struct candidates *best)
{
	const struct block *block;
	struct sdb_error *error = block_find(db, PART_SYMBOLS, best->address, &block);
	bool incomplete = true;
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		return NULL;
	}
	/* One block, or in files with more than 64 nested symbols, those before it. */
	while (!error && block && incomplete) {
		const struct block *previous = NULL;
		if (!consider_block(block, best, &incomplete))
			error = damaged(db, block);
		else if (best->holding.id)
			incomplete = false;
		else if (incomplete)
			error = block_previous(db, block, &previous);
		block_release(block);
		block = previous;
	}
	return error;
}

struct sdb_error *sdb_symbol_at(struct sdb_db *db, uint64_t address, struct sdb_symbol *symbol_ret,
				sdb_symbol_id *id_ret)
{
	struct candidates best = { .address = address };
	const struct sdb_section *sections;
	size_t count;
	struct sdb_error *error = sdb_sections(db, &sections, &count);
	if (error)
		return error;
	best.any_section = count == 0;
	bool in_section = find_section(sections, count, address, &best.section);
	error = search_blocks(db, &best);
	if (error)
		return error;
	const struct numbered_symbol *found = &best.holding;
	if (!found->id && (in_section || best.any_section) && best.empty.symbol.address >= best.ended)
		found = &best.empty;
	if (!found->id)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no symbol at %#llx",
				     sdb_db_path(db), (unsigned long long)address);
	if (symbol_ret)
		*symbol_ret = found->symbol;
	if (id_ret)
		*id_ret = found->id;
	return NULL;
}

/* ---- verification ------------------------------------------------------------------------- */

struct sdb_error *symbols_verify_block(struct sdb_db *db, const struct block *block)
{
	struct symbol_block open;
	struct symbol_group group = { 0 };
	struct symbol_reader reader;
	uint64_t last = block->first, next_id = 0, names = sdb_db_info(db)->names;
	if (!open_block(block, &open))
		return damaged(db, block);
	while (next_group(block, &open, &group)) {
		if (!open_group(&open, &group, &reader))
			return damaged(db, block);
		while (next_symbol(&reader)) {
			const struct sdb_symbol *symbol = &reader.current.symbol;
			if (symbol->address < last || symbol->name > names ||
			    symbol_reach(symbol, group.address) > group.reach ||
			    symbol->version > names || (!block->last && symbol->address >= block->next))
				return damaged(db, block);
			last = symbol->address;
		}
		if (reader.numbers.failed || reader.numbers.at != reader.numbers.end)
			return damaged(db, block);
		next_id = (uint64_t)group.id + group.count;
	}
	if (open.groups.failed || (block->last && next_id != sdb_db_info(db)->symbols + 1))
		return damaged(db, block);
	return NULL;
}

struct sdb_error *symbol_ids_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	uint64_t id = block->first, address = 0;
	while (cursor.at < cursor.end) {
		id += get_u32(&cursor);
		address += get_uleb(&cursor);
		if (cursor.failed || id > sdb_db_info(db)->symbols)
			return block_damaged(db, block, "a symbol's place does not decode");
		BLOCK_SCOPED const struct block *symbols = NULL;
		struct symbol_block open;
		struct sdb_error *error = block_find(db, PART_SYMBOLS, address, &symbols);
		if (error)
			return error;
		if (symbols->first != address || !open_block(symbols, &open) || open.first_id != id)
			return block_damaged(db, block, "a symbol's place is wrong");
	}
	return NULL;
}
