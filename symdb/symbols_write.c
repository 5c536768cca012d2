/* SPDX-License-Identifier: MIT */
/* Writing symbols. */

#include "bits.h"
#include "symbols.h"
#include "writer.h"
#include <stdlib.h>

struct symbols_state {
	struct sdb_symbol *group; /* those that are not written yet */
	size_t group_count, group_capacity;
	uint32_t count; /* written, and in the group */
	uint64_t last_group; /* its address */
	/* Symbols that may reach beyond where we are, in order. */
	struct numbered_symbol reaching[4 * SYMBOL_REACHING_MAX];
	size_t reaching_count;
	uint64_t dropped_end; /* how far those reach that there was no room for */
	struct numbered_symbol empty; /* the nearest of size 0; id 0: none */
	uint32_t last_id;   /* in PART_SYMBOL_IDS */
	uint64_t last_address;
};

static uint64_t end_of(const struct sdb_symbol *symbol)
{
	uint64_t end;
	return __builtin_add_overflow(symbol->address, symbol->size, &end) ? UINT64_MAX : end;
}

static uint8_t flags_of(const struct sdb_symbol *symbol, uint16_t section_before)
{
	return (uint8_t)((symbol->visibility & SYMBOL_VISIBILITY) |
			 (symbol->dynamic ? SYMBOL_DYNAMIC : 0) |
			 (symbol->in_symtab ? SYMBOL_SYMTAB : 0) |
			 (symbol->default_version ? SYMBOL_DEFAULT_VERSION : 0) |
			 (symbol->section != section_before ? SYMBOL_SECTION : 0) |
			 (symbol->version ? SYMBOL_VERSION : 0));
}

static uint8_t kind_of(const struct sdb_symbol *symbol)
{
	return (uint8_t)((symbol->type & 15) | symbol->binding << 4);
}

/* ---- the head of a block ---------------------------------------------------------- */

/* Forgets the symbols that end at or before ADDRESS, and the oldest above a bound. */
static void prune_reaching(struct symbols_state *state, uint64_t address, size_t bound)
{
	size_t kept = 0;
	for (size_t i = 0; i < state->reaching_count; i++) {
		if (end_of(&state->reaching[i].symbol) > address)
			state->reaching[kept++] = state->reaching[i];
	}
	size_t drop = kept > bound ? kept - bound : 0;
	for (size_t i = 0; i < drop; i++) {
		uint64_t end = end_of(&state->reaching[i].symbol);
		if (end > state->dropped_end)
			state->dropped_end = end;
	}
	state->reaching_count = kept - drop;
	memmove(state->reaching, state->reaching + drop,
		state->reaching_count * sizeof(*state->reaching));
}

static void put_earlier(struct buffer *to, const struct numbered_symbol *earlier, uint64_t address,
			uint32_t id)
{
	const struct sdb_symbol *symbol = &earlier->symbol;
	put_uleb(to, id - earlier->id);
	put_uleb(to, address - symbol->address);
	put_uleb(to, symbol->size);
	put_u8(to, flags_of(symbol, symbol->section));
	put_u8(to, kind_of(symbol));
	put_uleb(to, symbol->section);
	put_uleb(to, symbol->name);
	if (symbol->version)
		put_uleb(to, symbol->version);
}

static struct sdb_error *put_head(struct sdb_writer *writer, struct symbols_state *state,
				  struct buffer *to, uint64_t address, uint32_t id)
{
	prune_reaching(state, address, SYMBOL_REACHING_MAX);
	put_uleb(to, id);
	put_u8(to, (uint8_t)bits_width((uint32_t)writer_info(writer)->names));
	put_u8(to, state->dropped_end > address);
	put_u8(to, (uint8_t)state->reaching_count);
	for (size_t i = state->reaching_count; i-- > 0;)
		put_earlier(to, &state->reaching[i], address, id);
	put_u8(to, state->empty.id != 0);
	if (state->empty.id)
		put_earlier(to, &state->empty, address, id);

	/* The directory by number: that of the first symbol, and where the block is. */
	struct buffer *directory;
	bool fresh;
	struct sdb_error *error =
		block_begin(writer_part(writer, PART_SYMBOL_IDS), id, &directory, &fresh);
	if (error)
		return error;
	if (fresh) {
		state->last_id = id;
		state->last_address = 0;
	}
	put_uleb(directory, id - state->last_id);
	put_uleb(directory, address - state->last_address);
	state->last_id = id;
	state->last_address = address;
	return NULL;
}

/* ---- groups --------------------------------------------------------------------------- */

/* How far behind the group's address its symbols reach. */
static uint64_t group_reach(const struct sdb_symbol *symbols, size_t count)
{
	uint64_t reach = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t end = symbol_reach(&symbols[i], symbols[0].address);
		if (end > reach)
			reach = end;
	}
	return reach;
}

static void put_group(struct buffer *to, const struct sdb_symbol *symbols, size_t count,
		      unsigned width)
{
	struct buffer rest = { 0 };
	uint16_t section = 0;
	uint64_t end = symbols[0].address;
	for (size_t i = 0; i < count; i++) {
		put_u8(&rest, flags_of(&symbols[i], section));
		section = symbols[i].section;
	}
	for (size_t i = 0; i < count; i++)
		put_u8(&rest, kind_of(&symbols[i]));
	for (size_t i = 0; i < count; i += 8) { /* eight at a time end at a byte */
		uint32_t names[8];
		size_t some = count - i < 8 ? count - i : 8;
		for (size_t k = 0; k < some; k++)
			names[k] = symbols[i + k].name;
		put_bits(&rest, names, some, width);
	}
	section = 0;
	for (size_t i = 0; i < count; i++) {
		put_sleb(&rest, (int64_t)(symbols[i].address - end));
		put_uleb(&rest, symbols[i].size);
		if (symbols[i].section != section)
			put_uleb(&rest, symbols[i].section);
		if (symbols[i].version)
			put_uleb(&rest, symbols[i].version);
		section = symbols[i].section;
		end = symbols[i].address + symbols[i].size;
	}
	put_uleb(to, count);
	put_uleb(to, group_reach(symbols, count));
	put_uleb(to, rest.size);
	put_bytes(to, rest.data, rest.size);
	to->failed |= rest.failed;
	buffer_deinit(&rest);
}

/* What the heads of later blocks must know of the group's symbols. */
static void remember_group(struct symbols_state *state, uint32_t id)
{
	for (size_t i = 0; i < state->group_count; i++) {
		const struct numbered_symbol symbol = { state->group[i], id + (uint32_t)i };
		if (!symbol_has_address(&symbol.symbol))
			continue;
		if (symbol.symbol.size == 0) {
			if (!state->empty.id || symbol.symbol.address != state->empty.symbol.address ||
			    symbol_is_better(&symbol.symbol, &state->empty.symbol))
				state->empty = symbol;
			continue;
		}
		if (state->reaching_count == sizeof(state->reaching) / sizeof(*state->reaching))
			prune_reaching(state, symbol.symbol.address, 2 * SYMBOL_REACHING_MAX);
		state->reaching[state->reaching_count++] = symbol;
	}
}

static struct sdb_error *flush_group(struct sdb_writer *writer, struct symbols_state *state)
{
	struct buffer *to;
	bool fresh;
	if (state->group_count == 0)
		return NULL;
	uint64_t address = state->group[0].address;
	uint32_t id = state->count - (uint32_t)state->group_count + 1;
	struct sdb_error *error =
		block_begin(writer_part(writer, PART_SYMBOLS), address, &to, &fresh);
	if (!error && fresh) {
		error = put_head(writer, state, to, address, id);
		state->last_group = address;
	}
	if (error)
		return error;
	put_uleb(to, address - state->last_group);
	put_group(to, state->group, state->group_count,
		  bits_width((uint32_t)writer_info(writer)->names));
	state->last_group = address;
	remember_group(state, id);
	state->group_count = 0;
	return NULL;
}

struct sdb_error *sdb_writer_add_symbol(struct sdb_writer *writer, const struct sdb_symbol *symbol)
{
	struct symbols_state *state = writer_slot(writer, SLOT_SYMBOLS);
	struct sdb_error *error = NULL;
	const struct sdb_symbol *last = state->group_count ? &state->group[state->group_count - 1] :
							     NULL;
	if (last && symbol->address < last->address)
		return sdb_error_new(SDB_ERROR_INVALID, "symbol at %#llx comes out of order",
				     (unsigned long long)symbol->address);
	if (symbol->name > writer_info(writer)->names || state->count == UINT32_MAX - 1)
		return sdb_error_new(SDB_ERROR_INVALID, "symbol with name %u", symbol->name);
	/* Symbols of one address stay together: the last group that begins at or before an
	 * address is then the only one to look into. */
	if (state->group_count >= SYMBOL_GROUP && symbol->address != last->address)
		error = flush_group(writer, state);
	if (error)
		return error;
	if (state->group_count == state->group_capacity) {
		size_t capacity = state->group_capacity ? 2 * state->group_capacity : 64;
		void *group = realloc(state->group, capacity * sizeof(*state->group));
		if (!group)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		state->group = group;
		state->group_capacity = capacity;
	}
	state->group[state->group_count++] = *symbol;
	state->count++;
	return names_add_entity(writer, symbol->name,
				(struct sdb_entity){ SDB_ENTITY_SYMBOL, state->count });
}

static struct sdb_error *symbols_finish(struct sdb_writer *writer, void *slot)
{
	struct symbols_state *state = slot;
	writer_info(writer)->symbols = state->count;
	return flush_group(writer, state);
}

static void symbols_deinit(void *slot)
{
	free(((struct symbols_state *)slot)->group);
}

const struct slot_traits symbols_slot = {
	.size = sizeof(struct symbols_state),
	.finish = symbols_finish,
	.deinit = symbols_deinit,
};
