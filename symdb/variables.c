/* SPDX-License-Identifier: MIT */

/* Variables with static storage, and the index of those with a fixed address. */

#include "arena.h"
#include "coding.h"

#include <stdlib.h>

struct placed {
	uint64_t address;
	sdb_variable_id id;
};

struct variables_state {
	struct buffer payload;
	uint64_t count;
	struct placed *placed;
	size_t placed_count, placed_capacity;
};

static int compare_placed(const void *a, const void *b)
{
	const struct placed *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Address index: distance from the one before in the block, number. */
static struct sdb_error *variables_finish(struct sdb_writer *writer, void *arg)
{
	struct variables_state *state = arg;
	struct sdb_error *error = NULL;
	uint64_t last = 0;

	writer_info(writer)->variables = state->count;
	if (state->placed_count)
		qsort(state->placed, state->placed_count, sizeof(*state->placed), compare_placed);
	for (size_t i = 0; i < state->placed_count && !error; i++) {
		struct buffer *to;
		bool fresh;
		error = block_begin(writer_part(writer, PART_VARIABLE_ADDRESSES), state->placed[i].address, &to, &fresh);
		if (error)
			break;
		put_uleb(to, fresh ? 0 : state->placed[i].address - last);
		put_uleb(to, state->placed[i].id);
		last = state->placed[i].address;
	}
	return error;
}

static void variables_deinit(void *arg)
{
	struct variables_state *state = arg;

	buffer_deinit(&state->payload);
	free(state->placed);
}

const struct slot_traits variables_slot = { sizeof(struct variables_state), variables_finish, variables_deinit };

static struct sdb_error *add_placed(struct variables_state *state, const struct sdb_variable *variable)
{
	if (variable->location.kind != SDB_LOCATION_ADDRESS || variable->flags & SDB_VARIABLE_TLS)
		return NULL;
	if (state->placed_count == state->placed_capacity) {
		size_t capacity = state->placed_capacity ? state->placed_capacity * 2 : 256;
		struct placed *placed = realloc(state->placed, capacity * sizeof(*placed));
		if (!placed)
			return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
		state->placed = placed;
		state->placed_capacity = capacity;
	}
	state->placed[state->placed_count++] = (struct placed){ variable->location.address, variable->id };
	return NULL;
}

struct sdb_error *sdb_writer_add_variable(struct sdb_writer *writer, const struct sdb_variable *variable)
{
	struct variables_state *state = writer_slot(writer, SLOT_VARIABLES);
	struct sdb_entity entity = { SDB_ENTITY_VARIABLE, variable->id };
	struct buffer *to = &state->payload;

	if (variable->id != state->count + 1)
		return sdb_error_new(SDB_ERROR_INVALID, "variable %u comes out of order", variable->id);
	state->count++;
	to->size = 0;
	put_uleb(to, variable->name);
	put_uleb(to, variable->linkage_name);
	scope_put(to, &variable->scope);
	put_uleb(to, variable->unit);
	decl_put(to, &variable->decl);
	put_uleb(to, variable->flags);
	put_uleb(to, variable->alignment);
	put_uleb(to, variable->type);
	location_put(writer, to, &variable->location, 0);
	struct sdb_error *error = record_put(writer, PART_VARIABLES, variable->id, to);
	if (!error)
		error = add_placed(state, variable);
	if (!error)
		error = names_add_entity(writer, variable->name, entity);
	if (!error && variable->linkage_name != variable->name)
		error = names_add_entity(writer, variable->linkage_name, entity);
	if (!error && variable->scope.kind == SDB_SCOPE_TYPE)
		error = children_add(writer, &variable->scope, entity);
	return error;
}

static struct sdb_error *get_variable(struct sdb_db *db, const struct block *block, struct cursor *from,
				      struct arena *arena, struct sdb_variable *variable)
{
	variable->name = get_u32(from);
	variable->linkage_name = get_u32(from);
	scope_get(from, &variable->scope);
	variable->unit = get_u32(from);
	decl_get(from, &variable->decl);
	variable->flags = get_u32(from);
	variable->alignment = get_u32(from);
	variable->type = get_u32(from);
	struct sdb_error *error = location_get(db, from, arena, 0, &variable->location);
	return error || !from->failed ? error : block_damaged(db, block, "a variable does not decode");
}

struct sdb_error *sdb_variable(struct sdb_db *db, sdb_variable_id id, struct sdb_variable **variable_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct arena *arena;
	struct cursor from;
	struct sdb_error *error = record_find(db, PART_VARIABLES, id, &block, &from);

	if (error)
		return error;
	struct sdb_variable *variable = arena_record(sizeof(*variable), &arena);
	if (!variable)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	variable->id = id;
	error = get_variable(db, block, &from, arena, variable);
	if (error) {
		arena_free(variable);
		return error;
	}
	*variable_ret = variable;
	return NULL;
}

void sdb_variable_free(struct sdb_variable *variable)
{
	arena_free(variable);
}

/* Bytes of a type, through typedefs, qualifiers and arrays; 1 when it does not say. */
static uint64_t size_of(struct sdb_db *db, sdb_type_id id)
{
	uint64_t elements = 1;

	for (int hop = 0; hop < 64 && id; hop++) {
		struct sdb_type *type;
		struct sdb_error *error = sdb_type(db, id, &type);
		if (error) {
			sdb_error_free(error);
			return 1;
		}
		uint64_t size = type->flags & SDB_TYPE_SIZED ? type->size : 0;
		bool array = type->kind == SDB_TYPE_ARRAY;
		for (size_t i = 0; array && !size && i < type->dimension_count; i++)
			if (__builtin_mul_overflow(elements, type->dimensions[i].count, &elements))
				elements = 1;
		id = size ? 0 : type->target;
		sdb_type_free(type);
		if (size)
			return __builtin_mul_overflow(size, elements, &size) ? 1 : size;
	}
	return 1;
}

struct sdb_error *sdb_variable_at(struct sdb_db *db, uint64_t address, struct sdb_variable **variable_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = block_find(db, PART_VARIABLE_ADDRESSES, address, &block);
	sdb_variable_id found = 0;

	if (error)
		return error;
	struct cursor from = block_cursor(block);
	for (uint64_t at = block->first; from.at < from.end && !from.failed;) {
		at += get_uleb(&from);
		sdb_variable_id id = get_u32(&from);
		if (at > address)
			break;
		found = id;
	}
	if (from.failed)
		return block_damaged(db, block, "an address of a variable does not decode");
	error = sdb_variable(db, found, variable_ret);
	if (error)
		return error;
	if (address - (*variable_ret)->location.address < size_of(db, (*variable_ret)->type))
		return NULL;
	sdb_variable_free(*variable_ret);
	*variable_ret = NULL;
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: no variable at 0x%llx", sdb_db_path(db),
			     (unsigned long long)address);
}

/* ---- verification -------------------------------------------------------------------- */

static struct sdb_error *check_variable(struct sdb_db *db, const struct block *block, uint64_t id, struct cursor *from)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	struct arena *arena;
	struct sdb_variable *variable = arena_record(sizeof(*variable), &arena);

	(void)id;
	if (!variable)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_error *error = get_variable(db, block, from, arena, variable);
	if (!error && (variable->name > info->names || variable->linkage_name > info->names ||
		       variable->unit > info->units || variable->type > info->types ||
		       !scope_in_bounds(db, &variable->scope) || !decl_in_bounds(db, &variable->decl)))
		error = block_damaged(db, block, "a variable refers to what there is not");
	arena_free(variable);
	return error;
}

struct sdb_error *variables_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->variables, check_variable);
}

struct sdb_error *variable_addresses_verify_block(struct sdb_db *db, const struct block *block)
{
	struct cursor from = block_cursor(block);
	uint64_t at = block->first;

	for (bool first = true; from.at < from.end; first = false) {
		uint64_t distance = get_uleb(&from);
		sdb_variable_id id = get_u32(&from);
		if (from.failed || (first && distance) || __builtin_add_overflow(at, distance, &at) ||
		    (!block->last && at >= block->next) || id == 0 || id > sdb_db_info(db)->variables)
			return block_damaged(db, block, "an address of a variable does not decode");
	}
	return NULL;
}
