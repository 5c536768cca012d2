/* SPDX-License-Identifier: MIT */

/*
 * Functions: what names them in PART_FUNCTION_NAMES, the rest of the prototype in PART_FUNCTIONS, the
 * local variables in PART_LOCALS.
 */

#include "arena.h"
#include "coding.h"

struct functions_state {
	struct buffer payload;
	uint64_t count;
};

static struct sdb_error *functions_finish(struct sdb_writer *writer, void *state)
{
	writer_info(writer)->functions = ((struct functions_state *)state)->count;
	return NULL;
}

static void functions_deinit(void *state)
{
	buffer_deinit(&((struct functions_state *)state)->payload);
}

const struct slot_traits functions_slot = { sizeof(struct functions_state), functions_finish, functions_deinit };

static void put_names(struct buffer *to, const struct sdb_function *function)
{
	put_uleb(to, function->name);
	put_uleb(to, function->linkage_name);
	put_uleb(to, function->unit);
}

static void put_prototype(struct buffer *to, const struct sdb_function *function)
{
	bool rare = function->alignment || function->virtual_index != UINT32_MAX || function->containing ||
		    function->template_count;

	scope_put(to, &function->scope);
	decl_put(to, &function->decl);
	put_uleb(to, (uint64_t)function->flags * 2 + rare);
	put_uleb(to, function->type);
	parameters_put(to, function->parameters, function->parameter_count, &function->decl);
	if (rare) {
		put_uleb(to, function->alignment);
		put_uleb(to, (uint64_t)(uint32_t)(function->virtual_index + 1));
		put_uleb(to, function->containing);
		templates_put(to, function->templates, function->template_count);
	}
}

static void put_locals(struct buffer *to, const struct sdb_function *function)
{
	uint32_t line = function->decl.line;

	put_uleb(to, function->local_count);
	for (size_t i = 0; i < function->local_count; i++) {
		const struct sdb_local *local = &function->locals[i];
		put_uleb(to, local->name);
		put_uleb(to, local->type);
		put_sleb(to, (int64_t)local->file - function->decl.file);
		put_sleb(to, (int64_t)local->line - line);
		put_uleb(to, local->column);
		put_uleb(to, (uint64_t)local->flags * 2 + (local->alignment != 0));
		if (local->alignment)
			put_uleb(to, local->alignment);
		line = local->line;
	}
}

struct sdb_error *sdb_writer_add_function(struct sdb_writer *writer, const struct sdb_function *function)
{
	struct functions_state *state = writer_slot(writer, SLOT_FUNCTIONS);
	struct sdb_entity entity = { SDB_ENTITY_FUNCTION, function->id };

	if (function->id != state->count + 1)
		return sdb_error_new(SDB_ERROR_INVALID, "function %u comes out of order", function->id);
	state->count++;
	state->payload.size = 0;
	put_names(&state->payload, function);
	struct sdb_error *error = record_put(writer, PART_FUNCTION_NAMES, function->id, &state->payload);
	state->payload.size = 0;
	put_prototype(&state->payload, function);
	if (!error)
		error = record_put(writer, PART_FUNCTIONS, function->id, &state->payload);
	if (!error && writer_detail(writer) >= SDB_DETAIL_FULL) {
		state->payload.size = 0;
		put_locals(&state->payload, function);
		error = record_put(writer, PART_LOCALS, function->id, &state->payload);
	}
	if (!error)
		error = names_add_entity(writer, function->name, entity);
	if (!error && function->linkage_name != function->name)
		error = names_add_entity(writer, function->linkage_name, entity);
	if (!error && function->scope.kind == SDB_SCOPE_TYPE)
		error = children_add(writer, &function->scope, entity);
	return error;
}

struct sdb_error *sdb_function_names(struct sdb_db *db, sdb_function_id id, struct sdb_function_names *names_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct cursor from;
	struct sdb_error *error = record_find(db, PART_FUNCTION_NAMES, id, &block, &from);

	if (error)
		return error;
	names_ret->name = get_u32(&from);
	names_ret->linkage_name = get_u32(&from);
	names_ret->unit = get_u32(&from);
	return from.failed ? block_damaged(db, block, "the names of a function do not decode") : NULL;
}

static bool get_prototype(struct cursor *from, struct arena *arena, struct sdb_function *function)
{
	scope_get(from, &function->scope);
	decl_get(from, &function->decl);
	uint64_t flags = get_uleb(from);
	function->flags = (uint32_t)(flags / 2);
	function->type = get_u32(from);
	function->virtual_index = UINT32_MAX;
	if (!parameters_get(from, arena, &function->decl, &function->parameters, &function->parameter_count))
		return false;
	if (!(flags & 1))
		return true;
	function->alignment = get_u32(from);
	function->virtual_index = get_u32(from) - 1;
	function->containing = get_u32(from);
	return templates_get(from, arena, &function->templates, &function->template_count);
}

static bool get_locals(struct cursor *from, struct arena *arena, struct sdb_function *function)
{
	size_t count = get_count(from);
	uint32_t line = function->decl.line;

	function->locals = arena_array(arena, count, sizeof(*function->locals));
	if (!function->locals)
		return false;
	function->local_count = count;
	for (size_t i = 0; i < count && !from->failed; i++) {
		struct sdb_local *local = &function->locals[i];
		local->name = get_u32(from);
		local->type = get_u32(from);
		local->file = (uint32_t)(function->decl.file + get_sleb(from));
		line = local->line = (uint32_t)(line + get_sleb(from));
		local->column = get_u32(from);
		uint64_t flags = get_uleb(from);
		local->flags = (uint32_t)(flags / 2);
		if (flags & 1)
			local->alignment = get_u32(from);
	}
	return true;
}

static struct sdb_error *read_part(struct sdb_db *db, enum part part, struct sdb_function *function,
				   struct arena *arena, sdb_function_id id)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct cursor from;
	struct sdb_error *error = record_find(db, part, id, &block, &from);

	if (error)
		return error;
	bool good = part == PART_FUNCTIONS ? get_prototype(&from, arena, function) :
		get_locals(&from, arena, function);
	if (!good)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or function %u is too large", id);
	return from.failed ? block_damaged(db, block, "a function does not decode") : NULL;
}

struct sdb_error *sdb_function(struct sdb_db *db, sdb_function_id id, bool with_locals,
			       struct sdb_function **function_ret)
{
	struct arena *arena;
	struct sdb_function *function = arena_record(sizeof(*function), &arena);

	if (!function)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	struct sdb_function_names names;
	struct sdb_error *error = sdb_function_names(db, id, &names);
	if (!error)
		error = read_part(db, PART_FUNCTIONS, function, arena, id);
	if (!error && with_locals && sdb_db_info(db)->detail >= SDB_DETAIL_FULL)
		error = read_part(db, PART_LOCALS, function, arena, id);
	if (error) {
		arena_free(function);
		return error;
	}
	function->id = id;
	function->name = names.name;
	function->linkage_name = names.linkage_name;
	function->unit = names.unit;
	*function_ret = function;
	return NULL;
}

void sdb_function_free(struct sdb_function *function)
{
	arena_free(function);
}

/* ---- verification -------------------------------------------------------------------- */

static struct sdb_error *check_names(struct sdb_db *db, const struct block *block, uint64_t id, struct cursor *from)
{
	const struct sdb_db_info *info = sdb_db_info(db);

	(void)id;
	if (get_u32(from) > info->names || get_u32(from) > info->names || get_u32(from) > info->units)
		return block_damaged(db, block, "a function is named by what there is not");
	return NULL;
}

/* Either part; the lines and files of locals are relative to the prototype, which is not read. */
static struct sdb_error *check_function(struct sdb_db *db, const struct block *block, uint64_t id, struct cursor *from)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	struct arena *arena;
	struct sdb_function *function = arena_record(sizeof(*function), &arena);
	struct sdb_error *error = NULL;

	if (!function || !(block->part == PART_FUNCTIONS ? get_prototype(from, arena, function) :
							   get_locals(from, arena, function)))
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or function %llu is too large",
				      (unsigned long long)id);
	else if (!from->failed &&
		 (function->type > info->types || function->containing > info->types ||
		  !scope_in_bounds(db, &function->scope) || !decl_in_bounds(db, &function->decl) ||
		  !parameters_in_bounds(db, function->parameters, function->parameter_count) ||
		  !templates_in_bounds(db, function->templates, function->template_count)))
		error = block_damaged(db, block, "a function refers to what there is not");
	for (size_t i = 0; !error && i < function->local_count; i++)
		if (function->locals[i].name > info->names || function->locals[i].type > info->types)
			error = block_damaged(db, block, "a local refers to what there is not");
	arena_free(function);
	return error;
}

struct sdb_error *function_names_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->functions, check_names);
}

struct sdb_error *functions_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->functions, check_function);
}

struct sdb_error *locals_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->functions, check_function);
}
