/* SPDX-License-Identifier: MIT */
#include "coding.h"

#include "arena.h"

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or a record too large");
}

struct sdb_error *record_put(struct sdb_writer *writer, enum part part, uint64_t id, const struct buffer *payload)
{
	struct buffer *to;
	bool fresh;
	struct sdb_error *error = payload->failed ? no_memory() :
		block_begin(writer_part(writer, part), id, &to, &fresh);

	if (!error) {
		put_uleb(to, payload->size);
		put_bytes(to, payload->data, payload->size);
	}
	return error;
}

struct sdb_error *record_find(struct sdb_db *db, enum part part, uint64_t id, const struct block **block_ret,
			      struct cursor *from_ret)
{
	struct sdb_error *error = block_find(db, part, id, block_ret);

	if (error)
		return error;
	const struct block *block = *block_ret;
	struct cursor from = block_cursor(block);
	uint32_t number, offset;
	block_recall(block, &number, &offset);
	if (id - block->first < number)
		number = offset = 0;
	from.at += offset;
	for (uint64_t i = block->first + number; from.at < from.end && !from.failed; i++) {
		const uint8_t *record = from.at;
		size_t length = get_count(&from);
		const uint8_t *payload = get_bytes(&from, length);
		if (payload && i == id) {
			block_remember(block, (uint32_t)(id - block->first), (uint32_t)(record - block->data));
			*from_ret = (struct cursor){ payload, payload + length, false };
			return NULL;
		}
	}
	error = from.failed ? block_damaged(db, *block_ret, "a record's length is wrong") :
		sdb_error_new(SDB_ERROR_NOT_FOUND, "%s: there is no number %llu in %s", sdb_db_path(db),
			      (unsigned long long)id, part_traits[part].name);
	block_release(*block_ret);
	*block_ret = NULL;
	return error;
}

struct sdb_error *records_verify(struct sdb_db *db, const struct block *block, uint64_t total, record_check_fn check)
{
	struct cursor from = block_cursor(block);
	struct sdb_error *error = NULL;
	uint64_t id = block->first;

	for (; from.at < from.end && !error; id++) {
		size_t length = get_count(&from);
		const uint8_t *payload = get_bytes(&from, length);
		if (!payload)
			return block_damaged(db, block, "a record's length is wrong");
		struct cursor record = { payload, payload + length, false };
		error = check(db, block, id, &record);
		if (!error && (record.failed || record.at != record.end))
			error = block_damaged(db, block, "a record does not decode");
	}
	if (!error && id != (block->last ? total + 1 : block->next))
		error = block_damaged(db, block, "it has the wrong number of records");
	return error;
}

bool scope_in_bounds(struct sdb_db *db, const struct sdb_scope *scope)
{
	const struct sdb_db_info *info = sdb_db_info(db);

	switch (scope->kind) {
	case SDB_SCOPE_UNIT: return scope->id == 0;
	case SDB_SCOPE_TYPE: return scope->id <= info->types;
	case SDB_SCOPE_FUNCTION: return scope->id <= info->functions;
	}
	return false;
}

bool decl_in_bounds(struct sdb_db *db, const struct sdb_decl *decl)
{
	return decl->file <= sdb_db_info(db)->files;
}

bool parameters_in_bounds(struct sdb_db *db, const struct sdb_parameter *parameters, size_t count)
{
	const struct sdb_db_info *info = sdb_db_info(db);

	for (size_t i = 0; i < count; i++)
		if (parameters[i].name > info->names || parameters[i].type > info->types ||
		    parameters[i].file > info->files)
			return false;
	return true;
}

bool templates_in_bounds(struct sdb_db *db, const struct sdb_template *templates, size_t count)
{
	const struct sdb_db_info *info = sdb_db_info(db);

	for (size_t i = 0; i < count; i++)
		if (templates[i].name > info->names || templates[i].type > info->types ||
		    templates[i].text > info->names)
			return false;
	return true;
}

void decl_put(struct buffer *to, const struct sdb_decl *decl)
{
	put_uleb(to, decl->file);
	put_uleb(to, decl->line);
	put_uleb(to, decl->column);
}

void decl_get(struct cursor *from, struct sdb_decl *decl)
{
	decl->file = get_u32(from);
	decl->line = get_u32(from);
	decl->column = get_u32(from);
}

void scope_put(struct buffer *to, const struct sdb_scope *scope)
{
	put_uleb(to, scope->kind == SDB_SCOPE_UNIT ? 0 : (uint64_t)scope->id * 2 + (scope->kind == SDB_SCOPE_FUNCTION) + 1);
}

void scope_get(struct cursor *from, struct sdb_scope *scope)
{
	uint64_t value = get_uleb(from);

	*scope = (struct sdb_scope){ SDB_SCOPE_UNIT, 0 };
	if (value == 0)
		return;
	if ((value - 1) / 2 > UINT32_MAX)
		from->failed = true;
	scope->kind = (value - 1) & 1 ? SDB_SCOPE_FUNCTION : SDB_SCOPE_TYPE;
	scope->id = (uint32_t)((value - 1) / 2);
}

void templates_put(struct buffer *to, const struct sdb_template *templates, size_t count)
{
	put_uleb(to, count);
	for (size_t i = 0; i < count; i++) {
		put_u8(to, (uint8_t)((unsigned)templates[i].kind | (templates[i].has_value ? 4u : 0) |
				     (templates[i].is_default ? 8u : 0)));
		put_uleb(to, templates[i].name);
		put_uleb(to, templates[i].type);
		put_uleb(to, templates[i].text);
		put_sleb(to, templates[i].value);
	}
}

bool templates_get(struct cursor *from, struct arena *arena, struct sdb_template **templates_ret, size_t *count_ret)
{
	size_t count = get_count(from);
	struct sdb_template *templates = arena_array(arena, count, sizeof(*templates));

	if (!templates)
		return false;
	for (size_t i = 0; i < count; i++) {
		uint8_t flags = get_u8(from);
		templates[i].kind = flags & 3;
		templates[i].has_value = flags & 4;
		templates[i].is_default = flags & 8;
		templates[i].name = get_u32(from);
		templates[i].type = get_u32(from);
		templates[i].text = get_u32(from);
		templates[i].value = get_sleb(from);
	}
	*templates_ret = templates;
	*count_ret = count;
	return true;
}

void parameters_put(struct buffer *to, const struct sdb_parameter *parameters, size_t count,
		    const struct sdb_decl *owner)
{
	uint32_t line = owner->line;

	put_uleb(to, count);
	for (size_t i = 0; i < count; i++) {
		put_uleb(to, parameters[i].name);
		put_uleb(to, parameters[i].type);
		put_sleb(to, (int64_t)parameters[i].file - owner->file);
		put_sleb(to, (int64_t)parameters[i].line - line);
		put_uleb(to, parameters[i].flags);
		line = parameters[i].line;
	}
}

bool parameters_get(struct cursor *from, struct arena *arena, const struct sdb_decl *owner,
		    struct sdb_parameter **parameters_ret, size_t *count_ret)
{
	size_t count = get_count(from);
	struct sdb_parameter *parameters = arena_array(arena, count, sizeof(*parameters));
	uint32_t line = owner->line;

	if (!parameters)
		return false;
	for (size_t i = 0; i < count; i++) {
		parameters[i].name = get_u32(from);
		parameters[i].type = get_u32(from);
		parameters[i].file = (uint32_t)(owner->file + get_sleb(from));
		line = parameters[i].line = (uint32_t)(line + get_sleb(from));
		parameters[i].flags = get_u32(from);
	}
	*parameters_ret = parameters;
	*count_ret = count;
	return true;
}

void location_put(struct sdb_writer *writer, struct buffer *to, const struct sdb_location *location, uint64_t base)
{
	uint64_t at = base;

	put_u8(to, (uint8_t)location->kind);
	switch (location->kind) {
	case SDB_LOCATION_NONE:
		break;
	case SDB_LOCATION_ADDRESS:
		put_uleb(to, location->address);
		break;
	case SDB_LOCATION_CONSTANT:
		put_sleb(to, (int64_t)location->address);
		break;
	case SDB_LOCATION_EXPRESSION:
		expression_put(writer, to, &location->expression);
		break;
	case SDB_LOCATION_BYTES:
		put_uleb(to, location->expression.length);
		put_bytes(to, location->expression.bytes, location->expression.length);
		break;
	case SDB_LOCATION_LIST:
		put_uleb(to, location->entry_count);
		for (size_t i = 0; i < location->entry_count; i++) {
			const struct sdb_location_entry *entry = &location->entries[i];
			put_sleb(to, (int64_t)(entry->low - at));
			put_uleb(to, (entry->high - entry->low) * 2 + entry->is_default);
			expression_put(writer, to, &entry->expression);
			at = entry->high;
		}
	}
}

struct sdb_error *location_get(struct sdb_db *db, struct cursor *from, struct arena *arena, uint64_t base,
			       struct sdb_location *location)
{
	struct sdb_error *error = NULL;
	uint64_t at = base;
	size_t length;

	*location = (struct sdb_location){ .kind = get_u8(from) };
	switch (location->kind) {
	case SDB_LOCATION_NONE:
		return NULL;
	case SDB_LOCATION_ADDRESS:
		location->address = get_uleb(from);
		return NULL;
	case SDB_LOCATION_CONSTANT:
		location->address = (uint64_t)get_sleb(from);
		return NULL;
	case SDB_LOCATION_EXPRESSION:
		return expression_take(db, from, arena, &location->expression);
	case SDB_LOCATION_BYTES: {
		length = get_count(from);
		const uint8_t *bytes = get_bytes(from, length);
		return bytes ? expression_copy(arena, bytes, length, &location->expression) : NULL;
	}
	case SDB_LOCATION_LIST:
		length = get_count(from);
		location->entries = arena_array(arena, length, sizeof(*location->entries));
		if (!location->entries)
			return no_memory();
		location->entry_count = length;
		for (size_t i = 0; i < length && !error && !from->failed; i++) {
			struct sdb_location_entry *entry = &location->entries[i];
			entry->low = at + (uint64_t)get_sleb(from);
			uint64_t size = get_uleb(from);
			entry->is_default = size & 1;
			at = entry->high = entry->low + size / 2;
			error = expression_take(db, from, arena, &entry->expression);
		}
		return error;
	}
	from->failed = true;
	return NULL;
}
