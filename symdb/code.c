/* SPDX-License-Identifier: MIT */

/*
 * Code instances, three parts with the same keys:
 *
 *   PART_CODE: distance of the key from the one before in the block, length, payload. The payload
 *     begins with 0 for an instance, else with 1 for a further range of one: the distance back to
 *     the owner's key and which of the owners with that key it is.
 *   PART_SCOPES, PART_CALLS: distance of the key, length, payload, one for every instance.
 *
 * An instance: unit, flags, function, entry, ranges; then its inlined functions in pre-order. In
 * PART_SCOPES the blocks are put back among them: each scope there says how many scopes it contains.
 */

#include "arena.h"
#include "coding.h"

#include <stdlib.h>

struct piece {
	uint64_t key;
	size_t at, length;
	uint32_t order;
};

struct code_state {
	struct buffer payload;
	struct buffer pieces_data;   /* payloads of PART_CODE until all fragments are known */
	struct piece *pieces;
	size_t piece_count, piece_capacity;
	struct use *uses;
	size_t use_count, use_capacity;
	uint64_t count, last;
	uint64_t scopes_last, calls_last;
	uint32_t same;               /* instances before this one with the same key */
};

/* A function and a place of its code. */
struct use {
	sdb_function_id function;
	bool inlined;
	uint64_t address;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
}

static int compare_pieces(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static int compare_uses(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->function != y->function)
		return x->function < y->function ? -1 : 1;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->inlined - y->inlined;
}

static struct sdb_error *keyed_put(struct sdb_writer *writer, enum part part, uint64_t key, uint64_t *last,
				   const uint8_t *data, size_t length)
{
	struct buffer *to;
	bool fresh;
	struct sdb_error *error = block_begin(writer_part(writer, part), key, &to, &fresh);

	if (error)
		return error;
	put_uleb(to, fresh ? 0 : key - *last);
	put_uleb(to, length);
	put_bytes(to, data, length);
	*last = key;
	return NULL;
}

/* Instances of functions: distance of the id, distance of the address * 2 + inlined. */
static struct sdb_error *write_uses(struct sdb_writer *writer, struct code_state *state)
{
	struct sdb_error *error = NULL;
	const struct use *last = NULL;

	if (state->use_count)
		qsort(state->uses, state->use_count, sizeof(*state->uses), compare_uses);
	for (size_t i = 0; i < state->use_count && !error; i++) {
		const struct use *use = &state->uses[i];
		struct buffer *to;
		bool fresh;
		if (last && compare_uses(last, use) == 0)
			continue;
		error = block_begin(writer_part(writer, PART_INSTANCES), use->function, &to, &fresh);
		if (error)
			break;
		bool same = !fresh && last->function == use->function;
		put_uleb(to, fresh ? 0 : use->function - last->function);
		put_u8(to, use->inlined);
		put_uleb(to, same ? use->address - last->address : use->address);
		last = use;
	}
	return error;
}

static struct sdb_error *code_finish(struct sdb_writer *writer, void *arg)
{
	struct code_state *state = arg;
	struct sdb_error *error = NULL;
	uint64_t last = 0;

	if (state->pieces_data.failed)
		return no_memory();
	if (state->piece_count)
		qsort(state->pieces, state->piece_count, sizeof(*state->pieces), compare_pieces);
	for (size_t i = 0; i < state->piece_count && !error; i++) {
		const struct piece *piece = &state->pieces[i];
		error = keyed_put(writer, PART_CODE, piece->key, &last, state->pieces_data.data + piece->at,
				  piece->length);
	}
	writer_info(writer)->codes = state->count;
	return error ? error : write_uses(writer, state);
}

static void code_deinit(void *arg)
{
	struct code_state *state = arg;

	buffer_deinit(&state->payload);
	buffer_deinit(&state->pieces_data);
	free(state->pieces);
	free(state->uses);
}

const struct slot_traits code_slot = { sizeof(struct code_state), code_finish, code_deinit };

static bool grow(void **array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? *capacity * 2 : 256;
	void *bigger = realloc(*array, wanted * size);
	if (bigger) {
		*array = bigger;
		*capacity = wanted;
	}
	return bigger;
}

/* ---- writing -------------------------------------------------------------------------- */

static void put_ranges(struct buffer *to, const struct sdb_code_scope *scope, uint64_t base)
{
	put_uleb(to, scope->range_count);
	for (size_t i = 0; i < scope->range_count; i++) {
		put_sleb(to, (int64_t)(scope->ranges[i].low - base));
		put_uleb(to, scope->ranges[i].high - scope->ranges[i].low);
		base = scope->ranges[i].low;
	}
}

static uint64_t scope_base(const struct sdb_code *code, uint32_t index)
{
	const struct sdb_code_scope *scope = &code->scopes[index];
	return scope->range_count ? scope->ranges[0].low : code->scopes[0].ranges[0].low;
}

/* The nearest scope around INDEX that PART_CODE knows. */
static uint32_t inlined_parent(const struct sdb_code *code, uint32_t index)
{
	do
		index = code->scopes[index].parent;
	while (code->scopes[index].kind == SDB_CODE_BLOCK);
	return index;
}

static void put_instance(struct buffer *to, const struct sdb_code *code, uint32_t *numbers)
{
	const struct sdb_code_scope *root = &code->scopes[0];
	uint32_t count = 0;

	put_u8(to, 0);
	put_uleb(to, code->unit);
	put_uleb(to, code->flags);
	put_uleb(to, code->linkage_name);
	put_uleb(to, root->function);
	put_ranges(to, root, root->ranges[0].low);
	put_sleb(to, (int64_t)(root->entry - root->ranges[0].low));
	for (uint32_t i = 1; i < code->scope_count; i++)
		if (code->scopes[i].kind == SDB_CODE_INLINED)
			numbers[i] = ++count;
	put_uleb(to, count);
	for (uint32_t i = 1; i < code->scope_count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		if (scope->kind != SDB_CODE_INLINED)
			continue;
		uint32_t parent = inlined_parent(code, i);
		put_uleb(to, numbers[i] - 1 - numbers[parent]);
		put_uleb(to, scope->function);
		put_uleb(to, scope->call_file);
		put_uleb(to, scope->call_line);
		put_uleb(to, (uint64_t)scope->call_column * 2 + (scope->call_discriminator != 0));
		if (scope->call_discriminator)
			put_uleb(to, scope->call_discriminator);
		put_ranges(to, scope, scope_base(code, parent));
		put_sleb(to, (int64_t)(scope->entry - scope_base(code, i)));
	}
}

static void put_variable(struct sdb_writer *writer, struct buffer *to, const struct sdb_scope_variable *variable,
			 uint64_t base)
{
	put_uleb(to, variable->local == SDB_LOCAL_OWN ? 0 : (uint64_t)variable->local + 1);
	if (variable->local == SDB_LOCAL_OWN) {
		put_u8(to, variable->own_is_parameter);
		put_uleb(to, variable->own.name);
		put_uleb(to, variable->own.type);
		put_uleb(to, variable->own.file);
		put_uleb(to, variable->own.line);
		put_uleb(to, variable->own.column);
		put_uleb(to, variable->own.flags);
		put_uleb(to, variable->own.alignment);
	}
	location_put(writer, to, &variable->location, base);
}

/* Every scope: distance to its parent * 2 + block; a block's ranges; its variables. */
static bool put_scopes(struct sdb_writer *writer, struct buffer *to, const struct sdb_code *code)
{
	uint64_t low = code->scopes[0].ranges[0].low;
	size_t next = 0;

	expression_put(writer, to, &code->frame_base);
	location_put(writer, to, &code->frame_base_list, low);
	put_uleb(to, code->scope_count);
	for (uint32_t i = 0; i < code->scope_count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		bool block = scope->kind == SDB_CODE_BLOCK;
		put_uleb(to, (uint64_t)(i - scope->parent) * 2 + block);
		if (block)
			put_ranges(to, scope, scope_base(code, scope->parent));
		size_t end = next;
		while (end < code->variable_count && code->variables[end].scope == i)
			end++;
		put_uleb(to, end - next);
		for (; next < end; next++)
			put_variable(writer, to, &code->variables[next], scope_base(code, i));
	}
	return next == code->variable_count;
}

static void put_calls(struct sdb_writer *writer, struct buffer *to, const struct sdb_code *code)
{
	uint64_t at = code->scopes[0].ranges[0].low;

	put_uleb(to, code->call_site_count);
	for (size_t i = 0; i < code->call_site_count; i++) {
		const struct sdb_call_site *call = &code->call_sites[i];
		put_sleb(to, (int64_t)(call->address - at));
		put_uleb(to, call->flags);
		put_uleb(to, call->function);
		expression_put(writer, to, &call->target);
		put_uleb(to, call->parameter_count);
		for (size_t p = 0; p < call->parameter_count; p++) {
			expression_put(writer, to, &call->parameters[p].location);
			expression_put(writer, to, &call->parameters[p].value);
			expression_put(writer, to, &call->parameters[p].data_value);
		}
		at = call->address;
	}
}

static struct sdb_error *add_piece(struct code_state *state, uint64_t key, size_t at)
{
	if (!grow((void **)&state->pieces, state->piece_count, &state->piece_capacity, sizeof(*state->pieces)))
		return no_memory();
	state->pieces[state->piece_count] = (struct piece){ key, at, state->pieces_data.size - at,
							    (uint32_t)state->piece_count };
	state->piece_count++;
	return NULL;
}

static struct sdb_error *add_uses(struct code_state *state, const struct sdb_code *code)
{
	for (size_t i = 0; i < code->scope_count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		if (scope->kind == SDB_CODE_BLOCK || !scope->function)
			continue;
		if (!grow((void **)&state->uses, state->use_count, &state->use_capacity, sizeof(*state->uses)))
			return no_memory();
		state->uses[state->use_count++] = (struct use){ scope->function, i != 0,
			i ? code->scopes[0].ranges[0].low : scope->entry };
	}
	return NULL;
}

struct sdb_error *sdb_writer_add_code(struct sdb_writer *writer, const struct sdb_code *code)
{
	struct code_state *state = writer_slot(writer, SLOT_CODE);
	struct sdb_error *error;

	if (code->scope_count == 0 || code->scopes[0].range_count == 0)
		return sdb_error_new(SDB_ERROR_INVALID, "a code instance has no range");
	const struct sdb_code_scope *root = &code->scopes[0];
	uint64_t key = root->ranges[0].low;
	if (state->count && key < state->last)
		return sdb_error_new(SDB_ERROR_INVALID, "code at 0x%llx comes out of order", (unsigned long long)key);
	state->same = state->count && key == state->last ? state->same + 1 : 0;
	state->count++;
	state->last = key;

	uint32_t *numbers = calloc(code->scope_count, sizeof(*numbers));
	if (!numbers)
		return no_memory();
	size_t at = state->pieces_data.size;
	put_instance(&state->pieces_data, code, numbers);
	free(numbers);
	error = add_piece(state, key, at);
	for (size_t i = 1; i < root->range_count && !error; i++) {
		at = state->pieces_data.size;
		put_u8(&state->pieces_data, 1);
		put_uleb(&state->pieces_data, root->ranges[i].high - root->ranges[i].low);
		put_uleb(&state->pieces_data, key);
		put_uleb(&state->pieces_data, state->same);
		error = add_piece(state, root->ranges[i].low, at);
	}
	if (!error)
		error = add_uses(state, code);
	if (error || writer_detail(writer) < SDB_DETAIL_FULL)
		return error;
	state->payload.size = 0;
	if (!put_scopes(writer, &state->payload, code))
		return sdb_error_new(SDB_ERROR_INVALID, "code at 0x%llx: variables are not in the order of scopes",
				     (unsigned long long)key);
	error = keyed_put(writer, PART_SCOPES, key, &state->scopes_last, state->payload.data, state->payload.size);
	state->payload.size = 0;
	put_calls(writer, &state->payload, code);
	if (!error)
		error = keyed_put(writer, PART_CALLS, key, &state->calls_last, state->payload.data, state->payload.size);
	return error ? error : state->payload.failed || state->pieces_data.failed ? no_memory() : NULL;
}
