/* SPDX-License-Identifier: MIT */

/*
 * Expressions. Those used often stand in PART_EXPRESSIONS, most used first: length, bytes. Elsewhere
 * an expression is: 0 empty; odd N: shared expression N / 2 (from 0); even N: N / 2 bytes follow.
 */

#include "arena.h"
#include "coding.h"

#include <stdlib.h>

struct expressions_state {
	struct sdb_expression *shared; /* with copied bytes */
	uint32_t *slots;               /* hash to index + 1 */
	size_t count, mask;
};

static void expressions_deinit(void *state)
{
	struct expressions_state *expressions = state;

	for (size_t i = 0; i < expressions->count; i++)
		free((void *)expressions->shared[i].bytes);
	free(expressions->shared);
	free(expressions->slots);
}

const struct slot_traits expressions_slot = { sizeof(struct expressions_state), NULL, expressions_deinit };

static size_t slot_of(const struct expressions_state *state, const struct sdb_expression *expression)
{
	uint64_t hash = expression->length;

	for (uint32_t i = 0; i < expression->length; i++)
		hash = (hash ^ expression->bytes[i]) * UINT64_C(0x100000001b3);
	size_t slot = (size_t)(hash ^ hash >> 29) & state->mask;
	while (state->slots[slot]) {
		const struct sdb_expression *other = &state->shared[state->slots[slot] - 1];
		if (other->length == expression->length &&
		    memcmp(other->bytes, expression->bytes, other->length) == 0)
			break;
		slot = (slot + 1) & state->mask;
	}
	return slot;
}

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

struct sdb_error *sdb_writer_expressions(struct sdb_writer *writer, const struct sdb_expression *expressions,
					 size_t count)
{
	struct expressions_state *state = writer_slot(writer, SLOT_EXPRESSIONS);
	struct block_writer *part = writer_part(writer, PART_EXPRESSIONS);
	struct sdb_error *error = NULL;
	size_t slots = 16;

	while (slots < count * 2)
		slots *= 2;
	state->mask = slots - 1;
	state->slots = calloc(slots, sizeof(*state->slots));
	state->shared = calloc(count + 1, sizeof(*state->shared));
	if (!state->slots || !state->shared)
		return no_memory();
	for (size_t i = 0; i < count && !error; i++) {
		struct buffer *to;
		bool fresh;
		uint8_t *bytes = malloc(expressions[i].length + 1u);
		if (!bytes)
			return no_memory();
		memcpy(bytes, expressions[i].bytes, expressions[i].length);
		state->shared[i] = (struct sdb_expression){ bytes, expressions[i].length };
		state->count = i + 1;
		state->slots[slot_of(state, &state->shared[i])] = (uint32_t)i + 1;
		error = block_begin(part, i, &to, &fresh);
		if (!error) {
			put_uleb(to, expressions[i].length);
			put_bytes(to, expressions[i].bytes, expressions[i].length);
		}
	}
	return error;
}

void expression_put(struct sdb_writer *writer, struct buffer *to, const struct sdb_expression *expression)
{
	const struct expressions_state *state = writer_slot(writer, SLOT_EXPRESSIONS);
	uint32_t number = 0;

	if (expression->length == 0) {
		put_u8(to, 0);
		return;
	}
	if (state->count)
		number = state->slots[slot_of(state, expression)];
	if (number) {
		put_uleb(to, 2 * (uint64_t)(number - 1) + 1);
		return;
	}
	put_uleb(to, 2 * (uint64_t)expression->length);
	put_bytes(to, expression->bytes, expression->length);
}

static struct sdb_error *shared_get(struct sdb_db *db, uint64_t number, struct arena *arena,
				    struct sdb_expression *expression)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_EXPRESSIONS, number, &block);

	if (error)
		return error;
	struct cursor from = block_cursor(block);
	for (uint64_t i = block->first; i < number && !from.failed && from.at < from.end; i++)
		get_bytes(&from, get_count(&from));
	size_t length = get_count(&from);
	const uint8_t *bytes = get_bytes(&from, length);
	if (from.failed || !bytes)
		return block_damaged(db, block, "an expression is not there");
	return expression_copy(arena, bytes, length, expression);
}

struct sdb_error *expression_copy(struct arena *arena, const uint8_t *bytes, size_t length,
				  struct sdb_expression *expression)
{
	uint8_t *copy = arena_array(arena, length, 1);

	if (!copy)
		return no_memory();
	memcpy(copy, bytes, length);
	*expression = (struct sdb_expression){ copy, (uint32_t)length };
	return NULL;
}

struct sdb_error *expression_take(struct sdb_db *db, struct cursor *from, struct arena *arena,
				  struct sdb_expression *expression)
{
	uint64_t number = get_uleb(from);

	*expression = (struct sdb_expression){ 0 };
	if (number == 0)
		return NULL;
	if (number & 1)
		return shared_get(db, number / 2, arena, expression);
	if (number / 2 > UINT32_MAX) {
		from->failed = true;
		return NULL;
	}
	const uint8_t *bytes = get_bytes(from, (size_t)(number / 2));
	return bytes ? expression_copy(arena, bytes, (size_t)(number / 2), expression) : NULL;
}

struct sdb_error *expressions_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor from = block_cursor(block);
	uint64_t number = block->first;

	for (; from.at < from.end; number++)
		if (!get_bytes(&from, get_count(&from)))
			return block_damaged(db, block, "an expression does not decode");
	if (!block->last && number != block->next)
		return block_damaged(db, block, "it has the wrong number of expressions");
	return NULL;
}
