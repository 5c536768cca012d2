/* SPDX-License-Identifier: MIT */
/* The rules for an address: out of the database once, then from a small table. */

#include "unwind.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 512 /* a power of two */

struct unwind_cache {
	struct unwind_rules slots[SLOTS];
};

struct unwind_cache *unwind_cache_create(void)
{
	struct unwind_cache *cache = calloc(1, sizeof(*cache));
	for (size_t i = 0; cache && i < SLOTS; i++)
		cache->slots[i].pc = UINT64_MAX;
	return cache;
}

void unwind_cache_destroy(struct unwind_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		sdb_unwind_row_free(cache->slots[i].row);
	free(cache);
}

/* Whether RULE is one of those that need no thought; adds it. */
static bool add_simple(struct unwind_rules *rules, const struct sdb_rule *rule, const struct sdb_unwind_row *row)
{
	switch (rule->kind) {
	case SDB_RULE_SAME_VALUE:
		return true;
	case SDB_RULE_UNDEFINED:
		rules->outermost |= rule->column == row->return_column;
		return rule->column == row->return_column;
	case SDB_RULE_OFFSET:
		if (rules->saved_count == UNWIND_SAVED_MAX || rule->column >= UNWIND_COLUMNS
		    || rule->offset != (int32_t)rule->offset)
			return false;
		rules->saved[rules->saved_count].column = (uint8_t)rule->column;
		rules->saved[rules->saved_count++].offset = (int32_t)rule->offset;
		return true;
	default:
		return false;
	}
}

static void take_row(struct unwind_rules *rules, struct sdb_unwind_row *row)
{
	rules->known = true;
	rules->signal = row->flags & SDB_UNWIND_SIGNAL_FRAME;
	rules->return_column = (uint8_t)row->return_column;
	if (row->source == SDB_UNWIND_ORC) {
		/* Of the registers that a callee preserves ORC follows the frame pointer only. */
		rules->partial = row->orc_type == SDB_ORC_CALL;
		rules->entry = row->orc_type == SDB_ORC_REGS || row->orc_type == SDB_ORC_REGS_PARTIAL ? row->orc_type : 0;
		rules->exact = rules->entry || row->flags & SDB_UNWIND_ORC_SIGNAL;
	}
	rules->simple = !rules->entry && row->cfa.kind == SDB_RULE_REGISTER_OFFSET
		&& row->cfa.reg < UNWIND_COLUMNS && row->cfa.offset == (int32_t)row->cfa.offset
		&& row->return_column < UNWIND_COLUMNS;
	rules->cfa_register = (uint8_t)row->cfa.reg;
	rules->cfa_offset = (int32_t)row->cfa.offset;
	for (size_t i = 0; rules->simple && i < row->rule_count; i++)
		rules->simple = add_simple(rules, &row->rules[i], row);
	if (rules->simple) {
		sdb_unwind_row_free(row);
		return;
	}
	rules->row = row;
	for (size_t i = 0; i < row->rule_count; i++)
		if (row->rules[i].column == row->return_column && row->rules[i].kind == SDB_RULE_UNDEFINED)
			rules->outermost = true;
}

/*
 * The compiler's rules say more than ORC's: where all preserved registers are. They count where both mean the
 * same frame; what assembler, alternatives and stack switches do only ORC knows.
 */
static void prefer_cfi(struct sdb_db *db, uint64_t address, struct sdb_unwind_row **row)
{
	struct sdb_unwind_row *cfi;
	if ((*row)->source != SDB_UNWIND_ORC || (*row)->orc_type != SDB_ORC_CALL || (*row)->flags & SDB_UNWIND_ORC_SIGNAL
	    || (*row)->cfa.kind != SDB_RULE_REGISTER_OFFSET)
		return;
	struct sdb_error *error = sdb_unwind_at(db, SDB_UNWIND_DEBUG_FRAME, address, &cfi);
	if (error) { /* most often there is none: ORC's do */
		sdb_error_free(error);
		return;
	}
	if (!(cfi->flags & SDB_UNWIND_GAP) && cfi->cfa.kind == SDB_RULE_REGISTER_OFFSET && cfi->cfa.reg == (*row)->cfa.reg
	    && cfi->cfa.offset == (*row)->cfa.offset) {
		sdb_unwind_row_free(*row);
		*row = cfi;
	} else {
		sdb_unwind_row_free(cfi);
	}
}

/*
 * Retpolines (__x86_indirect_thunk_rax and so on) change the address that they return to, so ORC gives up until they
 * have. Tasks are interrupted there as anywhere else.
 */
static bool is_thunk(struct sdb_db *db, uint64_t address)
{
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	char *name = NULL;
	struct sdb_error *error = sdb_symbol_at(db, address, &symbol, &id);
	if (!error)
		error = sdb_name(db, symbol.name, &name);
	bool found = !error && !strncmp(name, "__x86_indirect_thunk_", strlen("__x86_indirect_thunk_"));
	sdb_error_free(error);
	free(name);
	return found;
}

static struct sdb_error *load(struct unwinder *unwinder, uint64_t address, struct unwind_rules *rules)
{
	struct sdb_db *db;
	struct sdb_unwind_row *row;
	if (!rules->module)
		return NULL;
	struct sdb_error *error = prepare_for(rules->module);
	if (!error)
		error = module_tables(rules->module, &db);
	if (!error)
		error = sdb_unwind_at(db, 0, module_to_database(rules->module, address), &row);
	if (error) {
		/* Not to have rules costs this frame its rules, nothing else. */
		if (sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
			target_log(unwinder->target, SDB_LOG_UNWIND, SDB_LOG_WARNING, "%s", sdb_error_message(error));
		bool memory = sdb_error_code(error) == SDB_ERROR_MEMORY;
		if (memory)
			return error;
		sdb_error_free(error);
		return NULL;
	}
	if (row->source == SDB_UNWIND_ORC && (row->orc_type == SDB_ORC_END_OF_STACK || row->orc_type == SDB_ORC_UNDEFINED))
		rules->thunk = is_thunk(db, module_to_database(rules->module, address));
	if (row->source == SDB_UNWIND_ORC && row->orc_type == SDB_ORC_END_OF_STACK) {
		rules->known = rules->outermost = true;
		sdb_unwind_row_free(row);
	} else if (row->flags & SDB_UNWIND_GAP || row->cfa.kind == SDB_RULE_UNDEFINED) {
		sdb_unwind_row_free(row);
	} else {
		prefer_cfi(db, module_to_database(rules->module, address), &row);
		take_row(rules, row);
	}
	return NULL;
}

struct sdb_error *unwind_rules_find(struct unwinder *unwinder, uint64_t address, const struct unwind_rules **rules_ret)
{
	struct unwind_rules *slot = &unwinder->cache->slots[(address ^ address >> 9) % SLOTS];
	*rules_ret = slot;
	const struct sdb_region *region = slot->pc == address ? slot->region : NULL;
	if (region && slot->module && region->low <= address && address < region->high)
		return NULL;
	sdb_unwind_row_free(slot->row);
	*slot = (struct unwind_rules){ .pc = UINT64_MAX };
	slot->region = space_find(unwinder->space, address);
	if (!slot->region && unwinder->target->space_stale) {
		struct sdb_error *error = space_get(unwinder->target, &unwinder->space);
		if (error)
			return error;
		slot->region = space_find(unwinder->space, address);
	}
	slot->module = slot->region ? slot->region->module : NULL;
	struct sdb_error *error = load(unwinder, address, slot);
	if (!error)
		slot->pc = address;
	return error;
}
