/* SPDX-License-Identifier: MIT */
/* What an address is called: functions, inlined ones too, lines, symbols. Asked once per address. */

#include "or_nothing.h"
#include "unwind.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 256 /* addresses that are remembered for a module; a power of two */

struct names {
	struct pc_names slots[SLOTS];
};

static void clear_slot(struct pc_names *slot)
{
	for (size_t i = 0; i < slot->count; i++) {
		free(slot->functions[i].name);
		free(slot->functions[i].file);
	}
	free(slot->functions);
	free(slot->symbol);
	*slot = (struct pc_names){ 0 };
}

void names_destroy(struct names *names)
{
	if (!names)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		clear_slot(&names->slots[i]);
	free(names);
}

static struct sdb_error *find_symbol(struct sdb_db *db, uint64_t pc, struct pc_names *slot)
{
	struct sdb_symbol symbol;
	sdb_symbol_id id = 0;
	struct sdb_error *error = or_nothing(sdb_symbol_at(db, pc, &symbol, &id));
	if (error || !id)
		return error;
	slot->symbol_offset = pc - symbol.address;
	return sdb_name(db, symbol.name, &slot->symbol);
}

static struct sdb_error *name_function(struct sdb_db *db, struct pc_function *function)
{
	if (!function->function)
		return NULL;
	return sdb_qualified_name(db, (struct sdb_entity){ SDB_ENTITY_FUNCTION, function->function },
				  &function->name);
}

/* The functions of CODE around PC, innermost first; a call's place is that of the next one out. */
static struct sdb_error *add_functions(struct sdb_db *db, const struct sdb_code *code, uint64_t pc,
				       const struct sdb_line *line, bool lines, struct pc_names *slot)
{
	uint32_t *scopes;
	size_t count;
	struct sdb_error *error = sdb_code_scopes_at(code, pc, &scopes, &count);
	if (error)
		return error;
	slot->functions = calloc(count ? count : 1, sizeof(*slot->functions));
	if (!slot->functions)
		error = NO_MEMORY();
	sdb_file_id file = line->file;
	uint32_t row = line->line;
	for (size_t i = 0; i < count && !error; i++) {
		const struct sdb_code_scope *scope = &code->scopes[scopes[i]];
		if (scope->kind == SDB_CODE_BLOCK)
			continue;
		struct pc_function *function = &slot->functions[slot->count++];
		function->function = scope->function;
		function->inlined = scope->kind == SDB_CODE_INLINED;
		function->line = row;
		error = name_function(db, function);
		if (!error && lines && file)
			error = sdb_file(db, file, &function->file);
		file = scope->call_file;
		row = scope->call_line;
		if (!function->inlined && scope->range_count)
			slot->function_offset = pc - scope->ranges[0].low;
	}
	free(scopes);
	return error;
}

static struct sdb_error *find_functions(struct sdb_db *db, uint64_t pc, bool lines, struct pc_names *slot)
{
	struct sdb_code *code = NULL;
	struct sdb_line line = { 0 };
	struct sdb_error *error = or_nothing(sdb_code_at(db, pc, 0, &code));
	if (!error && lines)
		error = or_nothing(sdb_line_at(db, pc, &line));
	if (!error && code)
		error = add_functions(db, code, pc, &line, lines, slot);
	sdb_code_free(code);
	if (error || slot->count)
		return error;
	/* No function: of assembler code the line is known nevertheless. */
	slot->functions = calloc(1, sizeof(*slot->functions));
	if (!slot->functions)
		return NO_MEMORY();
	slot->count = 1;
	slot->functions[0].line = line.line;
	return line.file ? sdb_file(db, line.file, &slot->functions[0].file) : NULL;
}

struct sdb_error *names_find(struct sdb_module *module, uint64_t pc, unsigned parts, const struct pc_names **names_ret)
{
	struct sdb_db *db;
	if (!module->names && !(module->names = calloc(1, sizeof(*module->names))))
		return NO_MEMORY();
	struct pc_names *slot = &module->names->slots[(pc ^ pc >> 8) % SLOTS];
	*names_ret = slot;
	if (slot->asked && slot->pc == pc && (slot->asked & parts) == parts)
		return NULL;
	clear_slot(slot);
	struct sdb_error *error = parts & (NAMES_FUNCTIONS | NAMES_LINES) ? module_database_at(module, pc, &db)
		: module_tables(module, &db);
	if (error) { /* it was said why when it happened */
		sdb_error_free(error);
		db = NULL;
	}
	error = NULL;
	if (db && parts & NAMES_FUNCTIONS)
		error = find_functions(db, pc, parts & NAMES_LINES, slot);
	if (db && !error && (parts & NAMES_SYMBOLS || slot->count == 0 || !slot->functions[slot->count - 1].name))
		error = find_symbol(db, pc, slot);
	if (error) {
		target_log(module->target, SDB_LOG_MODULE, SDB_LOG_WARNING, "%s", sdb_error_message(error));
		bool memory = sdb_error_code(error) == SDB_ERROR_MEMORY;
		if (memory) {
			clear_slot(slot);
			return error;
		}
		sdb_error_free(error); /* a damaged block costs what was in it */
	}
	slot->pc = pc;
	slot->asked = parts | 8;
	return NULL;
}

/* ---- public ------------------------------------------------------------------------------------ */

struct sdb_error *sdb_target_place(struct sdb_target *target, uint64_t address, struct sdb_place *place_ret)
{
	struct space *space;
	const struct pc_names *names;
	*place_ret = (struct sdb_place){ 0 };
	struct sdb_error *error = space_get(target, &space);
	if (error)
		return error;
	place_ret->region = space_find(space, address);
	place_ret->module = place_ret->region ? place_ret->region->module : NULL;
	if (!place_ret->module)
		return NULL;
	module_examine(place_ret->module);
	place_ret->module_address = module_to_database(place_ret->module, address);
	error = names_find(place_ret->module, place_ret->module_address, NAMES_SYMBOLS, &names);
	if (!error) {
		place_ret->symbol = names->symbol;
		place_ret->offset = names->symbol_offset;
	}
	return error;
}
