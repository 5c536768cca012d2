/* SPDX-License-Identifier: MIT */
#ifndef SYMDB_RECORDS_H
#define SYMDB_RECORDS_H

/*
 * What the files of symdb/ need of each other: small coders shared by several kinds of record,
 * and the hooks by which one kind feeds an index that another file writes.
 */

#include "block.h"
#include <stackdb/db.h>

struct sdb_writer;

/* ---- names.c: what a name leads to ---------------------------------------- */

/* Called by each add_* function; NAME 0 is ignored. Each kind from one thread at a time. */
struct sdb_error *names_add_entity(struct sdb_writer *writer, sdb_name_id name,
				   struct sdb_entity entity);

/* ---- children.c: what a type or namespace contains (by scope) --------------- */

struct sdb_error *children_add(struct sdb_writer *writer, const struct sdb_scope *scope,
			       struct sdb_entity entity);

/* ---- expressions.c ----------------------------------------------------------- */

/*
 * Codes an expression: by its number when sdb_writer_expressions() has it, else in place.
 * Read-only in the writer after sdb_writer_expressions(): safe from several threads.
 */
void expression_put(struct sdb_writer *writer, struct buffer *to, const struct sdb_expression *expression);

/* Scopes, declarations and template arguments are coded alike wherever they stand. */
void scope_put(struct buffer *to, const struct sdb_scope *scope);
void scope_get(struct cursor *from, struct sdb_scope *scope_ret);

/* ---- state of the files, kept by the writer and freed with it --------------- */

/*
 * A slot for a file's own state in the writer: created zeroed with SIZE on first use, freed with
 * DEINIT. `finish` is called by sdb_writer_finish() in the order of the slots, when no
 * more records come, to write what has been gathered.
 */
enum writer_slot {
	SLOT_SYMBOLS, SLOT_TYPES, SLOT_FUNCTIONS, SLOT_VARIABLES, SLOT_CODE, SLOT_LINES, SLOT_UNWIND,
	SLOT_EXPRESSIONS, SLOT_CHILDREN, SLOT_FILES, SLOT_UNITS,
	SLOT_NAMES, /* last: everything else has told it its entities by then */
	SLOT_COUNT
};
struct slot_traits {
	size_t size;
	struct sdb_error *(*finish)(struct sdb_writer *writer, void *state); /* may be NULL */
	void (*deinit)(void *state);                                          /* may be NULL */
};
/* One definition each, in the file that owns the slot: `const struct slot_traits NAME_slot`. */
extern const struct slot_traits symbols_slot, types_slot, functions_slot, variables_slot, code_slot,
	lines_slot, unwind_slot, expressions_slot, children_slot, files_slot, units_slot, names_slot;

void *writer_slot(struct sdb_writer *writer, enum writer_slot slot); /* allocated with the writer */

/* Counts for `sdb_db_info`, set by the owners of the slots in their finish. */
struct sdb_db_info *writer_info(struct sdb_writer *writer);
enum sdb_detail writer_detail(const struct sdb_writer *writer);

/* ---- verification ----------------------------------------------------------- */

/*
 * Decodes every record of BLOCK and follows nothing: block_damaged() when one does not decode, goes
 * past the end of the block, or is out of order. One for each part, in the file that writes it.
 */
#define VERIFY_BLOCK(name) \
	struct sdb_error *name(struct sdb_db *db, const struct block *block) __attribute__((weak))
VERIFY_BLOCK(names_verify_block);
VERIFY_BLOCK(postings_verify_block);
VERIFY_BLOCK(files_verify_block);
VERIFY_BLOCK(units_verify_block);
VERIFY_BLOCK(symbols_verify_block);
VERIFY_BLOCK(symbol_ids_verify_block);
VERIFY_BLOCK(type_outlines_verify_block);
VERIFY_BLOCK(types_verify_block);
VERIFY_BLOCK(children_verify_block);
VERIFY_BLOCK(function_names_verify_block);
VERIFY_BLOCK(functions_verify_block);
VERIFY_BLOCK(locals_verify_block);
VERIFY_BLOCK(instances_verify_block);
VERIFY_BLOCK(variables_verify_block);
VERIFY_BLOCK(variable_addresses_verify_block);
VERIFY_BLOCK(code_verify_block);
VERIFY_BLOCK(scopes_verify_block);
VERIFY_BLOCK(calls_verify_block);
VERIFY_BLOCK(expressions_verify_block);
VERIFY_BLOCK(lines_verify_block);
VERIFY_BLOCK(line_files_verify_block);
VERIFY_BLOCK(unwind_verify_block);
VERIFY_BLOCK(unwind_rules_verify_block);
#undef VERIFY_BLOCK

#endif
