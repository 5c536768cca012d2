/* SPDX-License-Identifier: MIT */
/* Reading a database from end to end. */

#include "block_format.h"
#include "database.h"
#include "records.h"

typedef struct sdb_error *(*verify_fn)(struct sdb_db *db, const struct block *block);

static struct sdb_error *models_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	struct block_models *models =
		block->first < PART_MODELS ? block_models_get((enum part)block->first, &cursor) : NULL;
	block_models_free(models);
	return models ? NULL : block_damaged(db, block, "models do not decode");
}

static verify_fn verifier(enum part part)
{
	switch (part) {
	case PART_NAMES: return names_verify_block;
	case PART_POSTINGS: return postings_verify_block;
	case PART_FILES: return files_verify_block;
	case PART_UNITS: return units_verify_block;
	case PART_SYMBOLS: return symbols_verify_block;
	case PART_SYMBOL_IDS: return symbol_ids_verify_block;
	case PART_TYPE_OUTLINES: return type_outlines_verify_block;
	case PART_TYPES: return types_verify_block;
	case PART_CHILDREN: return children_verify_block;
	case PART_FUNCTION_NAMES: return function_names_verify_block;
	case PART_FUNCTIONS: return functions_verify_block;
	case PART_LOCALS: return locals_verify_block;
	case PART_INSTANCES: return instances_verify_block;
	case PART_VARIABLES: return variables_verify_block;
	case PART_VARIABLE_ADDRESSES: return variable_addresses_verify_block;
	case PART_CODE: return code_verify_block;
	case PART_SCOPES: return scopes_verify_block;
	case PART_CALLS: return calls_verify_block;
	case PART_EXPRESSIONS: return expressions_verify_block;
	case PART_LINES: return lines_verify_block;
	case PART_LINE_FILES: return line_files_verify_block;
	case PART_UNWIND_EH_FRAME:
	case PART_UNWIND_DEBUG_FRAME:
	case PART_UNWIND_ORC: return unwind_verify_block;
	case PART_UNWIND_RULES: return unwind_rules_verify_block;
	case PART_MODELS: return models_verify_block;
	case PART_COUNT: break;
	}
	return NULL;
}

static struct sdb_error *verify_part(struct sdb_db *db, enum part part)
{
	const struct part_totals *totals = &db->meta.parts[part];
	const struct block *block;
	uint64_t blocks = 0, raw = 0;
	struct sdb_error *error = block_first(db, part, &block);
	while (!error && block) {
		verify_fn verify = verifier(part);
		if (verify)
			error = verify(db, block);
		blocks++;
		raw += block->size;
		const struct block *next = NULL;
		if (!error)
			error = block_next(db, block, &next);
		block_release(block);
		block = next;
	}
	if (!error && (blocks != totals->blocks || raw != totals->raw))
		error = database_damaged(db, "part %s has %llu blocks instead of %llu",
					 part_traits[part].name, (unsigned long long)blocks,
					 (unsigned long long)totals->blocks);
	return error;
}

struct sdb_error *sdb_db_verify(struct sdb_db *db)
{
	const struct sdb_section *sections;
	const struct sdb_segment *segments;
	size_t count;
	struct sdb_error *error = sdb_sections(db, &sections, &count);
	if (!error)
		error = sdb_segments(db, &segments, &count);
	for (int part = 0; part < PART_COUNT && !error; part++)
		error = verify_part(db, part);
	return error;
}
