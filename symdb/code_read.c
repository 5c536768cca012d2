/* SPDX-License-Identifier: MIT */

/* Code instances read back; code.c says how they are stored. */

#include "arena.h"
#include "code.h"

struct code_reader {
	struct sdb_db *db;
	struct arena *arena;
	struct sdb_code *code;
	struct cursor from;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or code too large");
}

static bool get_ranges(struct code_reader *reader, struct sdb_code_scope *scope, uint64_t base)
{
	size_t count = get_count(&reader->from);

	scope->ranges = arena_array(reader->arena, count, sizeof(*scope->ranges));
	if (!scope->ranges)
		return false;
	scope->range_count = count;
	for (size_t i = 0; i < count; i++) {
		base += (uint64_t)get_sleb(&reader->from);
		scope->ranges[i] = (struct sdb_range){ base, base + get_uleb(&reader->from) };
	}
	return true;
}

static uint64_t base_of(const struct sdb_code *code, uint32_t index)
{
	const struct sdb_code_scope *scope = &code->scopes[index];
	return scope->range_count ? scope->ranges[0].low : code->scopes[0].ranges[0].low;
}

/* The payload of an instance of PART_CODE, past its kind. */
static struct sdb_error *get_instance(struct code_reader *reader, uint64_t key)
{
	struct cursor *from = &reader->from;
	struct sdb_code *code = reader->code;
	struct sdb_code_scope root = { .kind = SDB_CODE_FUNCTION };

	code->unit = get_u32(from);
	code->flags = get_u32(from);
	code->linkage_name = get_u32(from);
	root.function = get_u32(from);
	if (!get_ranges(reader, &root, key))
		return no_memory();
	if (root.range_count == 0)
		from->failed = true;
	root.entry = key + (uint64_t)get_sleb(from);
	size_t count = get_count(from);
	if (from->failed)
		return NULL;
	code->scopes = arena_array(reader->arena, count + 1, sizeof(*code->scopes));
	if (!code->scopes)
		return no_memory();
	code->scopes[0] = root;
	code->scope_count = count + 1;
	for (uint32_t i = 1; i <= count && !from->failed; i++) {
		struct sdb_code_scope *scope = &code->scopes[i];
		uint64_t distance = get_uleb(from);
		if (distance >= i) {
			from->failed = true;
			break;
		}
		scope->kind = SDB_CODE_INLINED;
		scope->parent = i - 1 - (uint32_t)distance;
		scope->function = get_u32(from);
		scope->call_file = get_u32(from);
		scope->call_line = get_u32(from);
		uint64_t column = get_uleb(from);
		scope->call_column = (uint32_t)(column / 2);
		if (column & 1)
			scope->call_discriminator = get_u32(from);
		if (!get_ranges(reader, scope, base_of(code, scope->parent)))
			return no_memory();
		scope->entry = base_of(code, i) + (uint64_t)get_sleb(from);
	}
	return NULL;
}

struct sdb_error *code_payload(struct sdb_db *db, enum part part, uint64_t key, uint32_t order,
				    bool instances_only, const struct block **block_ret, struct cursor *from_ret)
{
	struct sdb_error *error = block_find(db, part, key, block_ret);

	if (error)
		return error;
	struct cursor from = block_cursor(*block_ret);
	for (uint64_t at = (*block_ret)->first; from.at < from.end && !from.failed;) {
		at += get_uleb(&from);
		size_t length = get_count(&from);
		const uint8_t *payload = get_bytes(&from, length);
		if (!payload || at > key)
			break;
		if (at != key || (instances_only && (length == 0 || payload[0] != 0)))
			continue;
		if (order-- == 0) {
			*from_ret = (struct cursor){ payload, payload + length, false };
			return NULL;
		}
	}
	return block_damaged(db, *block_ret, "code that must be there is not");
}

/* ---- blocks, variables, calls -------------------------------------------------------- */

static struct sdb_error *get_variable(struct code_reader *reader, struct sdb_scope_variable *variable, uint64_t base)
{
	struct cursor *from = &reader->from;
	uint64_t local = get_uleb(from);

	variable->local = local ? (uint32_t)(local - 1) : SDB_LOCAL_OWN;
	if (!local) {
		variable->own_is_parameter = get_u8(from);
		variable->own.name = get_u32(from);
		variable->own.type = get_u32(from);
		variable->own.file = get_u32(from);
		variable->own.line = get_u32(from);
		variable->own.column = get_u32(from);
		variable->own.flags = get_u32(from);
		variable->own.alignment = get_u32(from);
	}
	return location_get(reader->db, from, reader->arena, base, &variable->location);
}

static struct sdb_error *append_variables(struct code_reader *reader, uint32_t scope, size_t *capacity)
{
	struct sdb_code *code = reader->code;
	size_t count = get_count(&reader->from);
	struct sdb_error *error = NULL;

	for (size_t i = 0; i < count && !error && !reader->from.failed; i++) {
		if (code->variable_count == *capacity) {
			size_t wanted = *capacity ? *capacity * 2 : 16;
			struct sdb_scope_variable *bigger = arena_array(reader->arena, wanted, sizeof(*bigger));
			if (!bigger)
				return no_memory();
			if (code->variable_count)
				memcpy(bigger, code->variables, code->variable_count * sizeof(*bigger));
			code->variables = bigger;
			*capacity = wanted;
		}
		struct sdb_scope_variable *variable = &code->variables[code->variable_count++];
		variable->scope = scope;
		error = get_variable(reader, variable, base_of(code, scope));
	}
	return error;
}

/* Puts lexical blocks back among the inlined functions. */
static struct sdb_error *get_scopes(struct code_reader *reader)
{
	struct cursor *from = &reader->from;
	struct sdb_code *code = reader->code;
	const struct sdb_code_scope *inlined = code->scopes;
	size_t inlined_count = code->scope_count, next = 1, capacity = 0;
	struct sdb_error *error = expression_take(reader->db, from, reader->arena, &code->frame_base);

	if (!error)
		error = location_get(reader->db, from, reader->arena, code->scopes[0].ranges[0].low,
				     &code->frame_base_list);
	size_t count = get_count(from);
	struct sdb_code_scope *scopes = arena_array(reader->arena, count, sizeof(*scopes));
	if (!scopes && !error)
		return no_memory();
	if (!error && !count)
		from->failed = true;
	if (!error && count) {
		code->scopes = scopes;
		code->scope_count = count;
	}
	for (uint32_t i = 0; i < count && !error && !from->failed; i++) {
		uint64_t head = get_uleb(from);
		bool block = head & 1;
		if (i ? head / 2 == 0 || head / 2 > i : head / 2 != 0 || block)
			from->failed = true;
		if (!block && i && next == inlined_count)
			from->failed = true;
		if (from->failed)
			break;
		scopes[i] = block ? (struct sdb_code_scope){ .kind = SDB_CODE_BLOCK } : i ? inlined[next++] : inlined[0];
		scopes[i].parent = i - (uint32_t)(head / 2);
		if (block && !get_ranges(reader, &scopes[i], base_of(code, scopes[i].parent)))
			return no_memory();
		if (block)
			scopes[i].entry = base_of(code, i);
		error = append_variables(reader, i, &capacity);
	}
	if (!error && next != inlined_count)
		from->failed = true;
	return error;
}

static struct sdb_error *get_calls(struct code_reader *reader)
{
	struct cursor *from = &reader->from;
	struct sdb_code *code = reader->code;
	uint64_t at = code->scopes[0].ranges[0].low;
	size_t count = get_count(from);
	struct sdb_error *error = NULL;

	code->call_sites = arena_array(reader->arena, count, sizeof(*code->call_sites));
	if (!code->call_sites)
		return no_memory();
	code->call_site_count = count;
	for (size_t i = 0; i < count && !error && !from->failed; i++) {
		struct sdb_call_site *call = &code->call_sites[i];
		at = call->address = at + (uint64_t)get_sleb(from);
		call->flags = get_u32(from);
		call->function = get_u32(from);
		error = expression_take(reader->db, from, reader->arena, &call->target);
		size_t parameters = get_count(from);
		call->parameters = arena_array(reader->arena, parameters, sizeof(*call->parameters));
		if (!call->parameters && !error)
			return no_memory();
		call->parameter_count = parameters;
		for (size_t p = 0; p < parameters && !error && !from->failed; p++) {
			struct sdb_call_parameter *parameter = &call->parameters[p];
			error = expression_take(reader->db, from, reader->arena, &parameter->location);
			if (!error)
				error = expression_take(reader->db, from, reader->arena, &parameter->value);
			if (!error)
				error = expression_take(reader->db, from, reader->arena, &parameter->data_value);
		}
	}
	return error;
}

static struct sdb_error *get_part(struct code_reader *reader, enum part part, uint64_t key, uint32_t order)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_error *error = code_payload(reader->db, part, key, order, false, &block, &reader->from);

	if (!error)
		error = part == PART_SCOPES ? get_scopes(reader) : get_calls(reader);
	if (!error && reader->from.failed)
		error = block_damaged(reader->db, block, "scopes of code do not decode");
	return error;
}

struct sdb_error *code_decode(struct sdb_db *db, const struct block *block, struct cursor from, uint64_t key,
				   uint32_t order, unsigned parts, struct sdb_code **code_ret)
{
	struct code_reader reader = { .db = db, .from = from };
	bool full = sdb_db_info(db)->detail >= SDB_DETAIL_FULL;

	reader.code = arena_record(sizeof(*reader.code), &reader.arena);
	if (!reader.code)
		return no_memory();
	struct sdb_error *error = get_instance(&reader, key);
	if (!error && reader.from.failed)
		error = block_damaged(db, block, "code does not decode");
	if (!error && full && (parts & SDB_CODE_WITH_VARIABLES))
		error = get_part(&reader, PART_SCOPES, key, order);
	if (!error && full && (parts & SDB_CODE_WITH_CALLS))
		error = get_part(&reader, PART_CALLS, key, order);
	if (error)
		arena_free(reader.code);
	else
		*code_ret = reader.code;
	return error;
}

void sdb_code_free(struct sdb_code *code)
{
	arena_free(code);
}
