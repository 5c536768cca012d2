/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_SYMBOLS_H
#define SYMDB_SYMBOLS_H

/*
 * Symbols in blocks by address. A block:
 *     ULEB128 number of its first symbol, u8 width of name numbers in bits
 *     u8 flags: 1: symbols that ended too early to be listed here may reach into the block
 *     u8 count of symbols before the block that reach into it, then these, the last one first
 *     u8 1 when there is a symbol of size 0 before the block, then the nearest such
 *     groups to the end
 * A group (32 symbols, or more when the last ones have one address; at most 255 when not):
 *     ULEB128 address minus that of the group before, ULEB128 count, ULEB128 how far behind that
 *     address its symbols reach, ULEB128 size of the rest
 *     a byte of flags each; a byte of type + binding * 16 each; the packed names
 *     each: address minus end of the symbol before (signed), size, [section], [version]
 * So an address or a number is found by the heads of the groups and one group's content.
 */

#include "records.h"

enum {
	SYMBOL_GROUP = 32,
	SYMBOL_REACHING_MAX = 64, /* listed in a block's head */

	SYMBOL_VISIBILITY = 3,
	SYMBOL_DYNAMIC = 1 << 2,
	SYMBOL_SYMTAB = 1 << 3,
	SYMBOL_DEFAULT_VERSION = 1 << 4,
	SYMBOL_SECTION = 1 << 5, /* not that of the symbol before */
	SYMBOL_VERSION = 1 << 6,
};

/* A symbol with its number. */
struct numbered_symbol {
	struct sdb_symbol symbol;
	sdb_symbol_id id;
};

/* The distance from BASE, which is not behind it, to the symbol's end. */
static inline uint64_t symbol_reach(const struct sdb_symbol *symbol, uint64_t base)
{
	uint64_t reach;
	return __builtin_add_overflow(symbol->address - base, symbol->size, &reach) ? UINT64_MAX : reach;
}

/* Whether an address can lie in SYMBOL: it is one, and of the module. */
bool symbol_has_address(const struct sdb_symbol *symbol);
/* Whether A names an address that both hold better than B. */
bool symbol_is_better(const struct sdb_symbol *a, const struct sdb_symbol *b);

#endif
