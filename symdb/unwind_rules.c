/* SPDX-License-Identifier: MIT */
/* Rule sets: what unwind rows have in common. */

#include "unwind.h"
#include <stdlib.h>

enum { SET_FLAGS = ~(uint32_t)SDB_UNWIND_FDE_START };

/* ---- coding ------------------------------------------------------------------------- */

static void put_rule(struct buffer *to, const struct sdb_rule *rule, int column_step)
{
	bool has_expression = rule->expression.length > 0;
	put_u8(to, (uint8_t)((rule->kind & 15) | (rule->reg ? UNWIND_RULE_REGISTER : 0) |
			     (rule->offset ? UNWIND_RULE_OFFSET : 0) |
			     (has_expression ? UNWIND_RULE_EXPRESSION : 0)));
	if (column_step >= 0)
		put_uleb(to, (uint64_t)column_step);
	if (rule->reg)
		put_uleb(to, rule->reg);
	if (rule->offset)
		put_sleb(to, rule->offset);
	if (has_expression) {
		put_uleb(to, rule->expression.length);
		put_bytes(to, rule->expression.bytes, rule->expression.length);
	}
}

void unwind_set_put(struct buffer *to, const struct sdb_unwind_row *row)
{
	uint16_t column = 0;
	put_uleb(to, row->flags & SET_FLAGS);
	put_uleb(to, row->orc_type);
	put_uleb(to, row->return_column);
	put_uleb(to, row->rule_count);
	put_rule(to, &row->cfa, -1);
	for (size_t i = 0; i < row->rule_count; i++) {
		/* Rules are by column; should they not be, the step wraps around and back. */
		put_rule(to, &row->rules[i], (uint16_t)(row->rules[i].column - column));
		column = row->rules[i].column;
	}
}

/* The expression's bytes stay in the block. */
static void get_rule(struct cursor *from, struct sdb_rule *rule, bool has_column, uint16_t column)
{
	uint8_t head = get_u8(from);
	*rule = (struct sdb_rule){ .kind = head & 15 };
	if (has_column)
		rule->column = (uint16_t)(column + get_u32(from));
	if (head & UNWIND_RULE_REGISTER)
		rule->reg = (uint16_t)get_u32(from);
	if (head & UNWIND_RULE_OFFSET)
		rule->offset = get_sleb(from);
	if (head & UNWIND_RULE_EXPRESSION) {
		rule->expression.length = (uint32_t)get_count(from);
		rule->expression.bytes = get_bytes(from, rule->expression.length);
	}
	if (rule->kind > SDB_RULE_ARCHITECTURE)
		from->failed = true;
}

/* Decodes a set to ROW with at most `room` rules in RULES; rule_count may be above that. */
static bool get_set(struct cursor *from, struct sdb_unwind_row *row, struct sdb_rule *rules,
		    size_t room)
{
	uint16_t column = 0;
	*row = (struct sdb_unwind_row){ .flags = get_u32(from) & SET_FLAGS };
	row->orc_type = get_u32(from);
	row->return_column = (uint16_t)get_u32(from);
	row->rule_count = get_count(from);
	get_rule(from, &row->cfa, false, 0);
	for (size_t i = 0; i < row->rule_count && i < room; i++) {
		get_rule(from, &rules[i], true, column);
		column = rules[i].column;
	}
	row->rules = rules;
	return !from->failed && row->orc_type <= SDB_ORC_REGS_PARTIAL;
}

/* ---- rows in memory -------------------------------------------------------------------- */

static void copy_expression(struct sdb_rule *rule, uint8_t **room)
{
	if (!rule->expression.length)
		return;
	memcpy(*room, rule->expression.bytes, rule->expression.length);
	rule->expression.bytes = *room;
	*room += rule->expression.length;
}

struct sdb_unwind_row *unwind_row_copy(const struct sdb_unwind_row *row)
{
	size_t size = sizeof(*row) + row->rule_count * sizeof(struct sdb_rule);
	size_t rules_end = size;
	size += row->cfa.expression.length;
	for (size_t i = 0; i < row->rule_count; i++)
		size += row->rules[i].expression.length;
	struct sdb_unwind_row *copy = malloc(size);
	if (!copy)
		return NULL;
	uint8_t *room = (uint8_t *)copy + rules_end;
	*copy = *row;
	copy->rules = (struct sdb_rule *)(copy + 1);
	copy_expression(&copy->cfa, &room);
	for (size_t i = 0; i < row->rule_count; i++) {
		copy->rules[i] = row->rules[i];
		copy_expression(&copy->rules[i], &room);
	}
	return copy;
}

void sdb_unwind_row_free(struct sdb_unwind_row *row)
{
	free(row);
}

/* ---- reading ----------------------------------------------------------------------------- */

static struct sdb_error *damaged(struct sdb_db *db, const struct block *block)
{
	return block_damaged(db, block, "a rule set does not decode");
}

static struct sdb_error *decode(struct sdb_db *db, const struct block *block, struct cursor set,
				struct sdb_unwind_row **row_ret)
{
	struct sdb_rule few[32], *rules = few;
	struct sdb_unwind_row row;
	struct cursor again = set;
	struct sdb_error *error = NULL;
	if (!get_set(&set, &row, few, 32))
		return damaged(db, block);
	if (row.rule_count > 32) {
		rules = malloc(row.rule_count * sizeof(*rules));
		if (!rules)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		if (!get_set(&again, &row, rules, row.rule_count))
			error = damaged(db, block);
	}
	if (!error && row_ret) {
		*row_ret = unwind_row_copy(&row);
		if (!*row_ret)
			error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	}
	if (rules != few)
		free(rules);
	return error;
}

struct sdb_error *unwind_set_get(struct sdb_db *db, uint32_t number, struct sdb_unwind_row **row_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_UNWIND_RULES, number, &block);
	if (error)
		return error;
	struct cursor cursor = block_cursor(block);
	for (uint64_t at = block->first;; at++) {
		size_t size = get_count(&cursor);
		const uint8_t *set = get_bytes(&cursor, size);
		if (cursor.failed)
			return damaged(db, block);
		if (at == number)
			return decode(db, block, (struct cursor){ set, set + size, false }, row_ret);
	}
}

struct sdb_error *unwind_rules_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor cursor = block_cursor(block);
	uint64_t at = block->first;
	struct sdb_error *error = NULL;
	for (; cursor.at < cursor.end && !error; at++) {
		size_t size = get_count(&cursor);
		const uint8_t *set = get_bytes(&cursor, size);
		if (cursor.failed)
			return damaged(db, block);
		error = decode(db, block, (struct cursor){ set, set + size, false }, NULL);
	}
	if (!error && !block->last && at != block->next)
		error = damaged(db, block);
	return error;
}
