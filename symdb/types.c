/* SPDX-License-Identifier: MIT */

/*
 * Types, in two parts: an outline, which is all that naming a type takes (kind, which fields are there,
 * flags, name, scope, size, target), and the rest: which fields are there again, declaration,
 * members and so on. Members say their offset from the end of the one before.
 */

#include "arena.h"
#include "coding.h"
#include "types.h"

struct types_state {
	struct buffer payload;
	uint64_t count;
};

static struct sdb_error *types_finish(struct sdb_writer *writer, void *state)
{
	writer_info(writer)->types = ((struct types_state *)state)->count;
	return NULL;
}

static void types_deinit(void *state)
{
	buffer_deinit(&((struct types_state *)state)->payload);
}

const struct slot_traits types_slot = { sizeof(struct types_state), types_finish, types_deinit };

/* ---- writing ----------------------------------------------------------------------- */

static void put_members(struct buffer *to, const struct sdb_type *type)
{
	uint64_t end = 0;
	uint32_t line = type->decl.line;

	put_uleb(to, type->member_count);
	for (size_t i = 0; i < type->member_count; i++) {
		const struct sdb_member *member = &type->members[i];
		bool rare = member->alignment || member->variant || member->value || member->location_length ||
			    member->file != type->decl.file;
		put_uleb(to, (uint64_t)member->flags << 3 | (unsigned)member->kind << 1 | rare);
		put_uleb(to, member->name);
		put_uleb(to, member->type);
		put_sleb(to, (int64_t)(member->bit_offset - end));
		put_sleb(to, (int64_t)member->line - line);
		if (member->flags & SDB_MEMBER_BITFIELD)
			put_uleb(to, member->bit_size);
		if (rare) {
			put_uleb(to, member->alignment);
			put_uleb(to, member->variant);
			put_uleb(to, member->value);
			put_uleb(to, member->file);
			put_uleb(to, member->location_length);
			put_bytes(to, member->location, member->location_length);
		}
		end = member->bit_offset + member->bit_size;
		line = member->line;
	}
}

static void put_enumerators(struct buffer *to, const struct sdb_type *type)
{
	int64_t last = -1;

	put_uleb(to, type->enumerator_count);
	for (size_t i = 0; i < type->enumerator_count; i++) {
		const struct sdb_enumerator *enumerator = &type->enumerators[i];
		put_uleb(to, (uint64_t)enumerator->name * 2 + enumerator->is_unsigned);
		put_sleb(to, (int64_t)((uint64_t)enumerator->value - (uint64_t)last - 1));
		last = enumerator->value;
	}
}

static void put_dimensions(struct buffer *to, const struct sdb_type *type)
{
	put_uleb(to, type->dimension_count);
	for (size_t i = 0; i < type->dimension_count; i++) {
		const struct sdb_dimension *dimension = &type->dimensions[i];
		put_u8(to, (uint8_t)((unsigned)dimension->kind | (dimension->lower ? 4u : 0) |
				  (dimension->is_count ? 8u : 0)));
		put_uleb(to, dimension->index_type);
		if (dimension->lower)
			put_sleb(to, dimension->lower);
		if (dimension->kind == SDB_DIMENSION_COUNT)
			put_uleb(to, dimension->count);
		if (dimension->kind == SDB_DIMENSION_EXPRESSION) {
			put_uleb(to, dimension->expression_length);
			put_bytes(to, dimension->expression, dimension->expression_length);
		}
		if (dimension->kind == SDB_DIMENSION_DYNAMIC) {
			put_uleb(to, dimension->reference_kind);
			put_uleb(to, dimension->reference);
		}
	}
}

static uint8_t presence(const struct sdb_type *type)
{
	bool rare = type->linkage_name || type->alignment || type->encoding || type->dwarf_tag ||
		    type->bit_offset || type->containing;

	return (uint8_t)((type->size ? HAS_SIZE : 0) | (type->target ? HAS_TARGET : 0) |
			 (type->member_count ? HAS_MEMBERS : 0) | (type->enumerator_count ? HAS_ENUMERATORS : 0) |
			 (type->dimension_count ? HAS_DIMENSIONS : 0) |
			 (type->parameter_count ? HAS_PARAMETERS : 0) |
			 (type->template_count ? HAS_TEMPLATES : 0) | (rare ? HAS_RARE : 0));
}

static void put_outline(struct buffer *to, const struct sdb_type *type)
{
	uint8_t has = presence(type);

	put_u8(to, (uint8_t)type->kind);
	put_uleb(to, has);
	put_uleb(to, type->flags);
	put_uleb(to, type->name);
	scope_put(to, &type->scope);
	if (has & HAS_SIZE)
		put_uleb(to, type->size);
	if (has & HAS_TARGET)
		put_uleb(to, type->target);
}

static void put_type(struct buffer *to, const struct sdb_type *type)
{
	uint8_t has = presence(type) & (uint8_t)~HAS_OUTLINE;

	put_uleb(to, has);
	decl_put(to, &type->decl);
	if (has & HAS_RARE) {
		put_uleb(to, type->linkage_name);
		put_uleb(to, type->alignment);
		put_uleb(to, type->encoding);
		put_uleb(to, type->dwarf_tag);
		put_uleb(to, type->bit_offset);
		put_uleb(to, type->containing);
	}
	if (has & HAS_MEMBERS)
		put_members(to, type);
	if (has & HAS_ENUMERATORS)
		put_enumerators(to, type);
	if (has & HAS_DIMENSIONS)
		put_dimensions(to, type);
	if (has & HAS_PARAMETERS)
		parameters_put(to, type->parameters, type->parameter_count, &type->decl);
	if (has & HAS_TEMPLATES)
		templates_put(to, type->templates, type->template_count);
}

struct sdb_error *sdb_writer_add_type(struct sdb_writer *writer, const struct sdb_type *type)
{
	struct types_state *state = writer_slot(writer, SLOT_TYPES);
	struct sdb_entity entity = { SDB_ENTITY_TYPE, type->id };

	if (type->id != state->count + 1)
		return sdb_error_new(SDB_ERROR_INVALID, "type %u comes out of order", type->id);
	state->count++;
	state->payload.size = 0;
	put_outline(&state->payload, type);
	struct sdb_error *error = record_put(writer, PART_TYPE_OUTLINES, type->id, &state->payload);
	state->payload.size = 0;
	put_type(&state->payload, type);
	if (!error)
		error = record_put(writer, PART_TYPES, type->id, &state->payload);
	if (!error && type->scope.kind == SDB_SCOPE_TYPE)
		error = children_add(writer, &type->scope, entity);
	if (error || type->flags & SDB_TYPE_VARIANT) /* its names lead to the first one */
		return error;
	error = names_add_entity(writer, type->name, entity);
	for (size_t i = 0; i < type->enumerator_count && !error; i++)
		error = names_add_entity(writer, type->enumerators[i].name,
					 (struct sdb_entity){ SDB_ENTITY_ENUMERATOR, type->id });
	return error;
}

/* ---- reading ------------------------------------------------------------------------- */

static bool get_members(struct cursor *from, struct arena *arena, struct sdb_type *type)
{
	size_t count = get_count(from);
	uint64_t end = 0;
	uint32_t line = type->decl.line;

	type->members = arena_array(arena, count, sizeof(*type->members));
	if (!type->members)
		return false;
	type->member_count = count;
	for (size_t i = 0; i < count && !from->failed; i++) {
		struct sdb_member *member = &type->members[i];
		uint64_t head = get_uleb(from);
		member->kind = head >> 1 & 3;
		member->flags = (uint32_t)(head >> 3);
		member->name = get_u32(from);
		member->type = get_u32(from);
		member->bit_offset = end + (uint64_t)get_sleb(from);
		line = member->line = (uint32_t)(line + get_sleb(from));
		member->file = type->decl.file;
		if (member->flags & SDB_MEMBER_BITFIELD)
			member->bit_size = get_u32(from);
		if (head & 1) {
			struct sdb_expression copy = { 0 };
			member->alignment = get_u32(from);
			member->variant = get_u32(from);
			member->value = get_uleb(from);
			member->file = get_u32(from);
			size_t length = get_count(from);
			const uint8_t *bytes = get_bytes(from, length);
			if (bytes && length) {
				struct sdb_error *error = expression_copy(arena, bytes, length, &copy);
				sdb_error_free(error);
				if (error)
					return false;
			}
			member->location = copy.bytes;
			member->location_length = copy.length;
		}
		end = member->bit_offset + member->bit_size;
	}
	return true;
}

static bool get_enumerators(struct cursor *from, struct arena *arena, struct sdb_type *type)
{
	size_t count = get_count(from);
	int64_t last = -1;

	type->enumerators = arena_array(arena, count, sizeof(*type->enumerators));
	if (!type->enumerators)
		return false;
	type->enumerator_count = count;
	for (size_t i = 0; i < count && !from->failed; i++) {
		uint64_t name = get_uleb(from);
		type->enumerators[i].name = (sdb_name_id)(name / 2);
		type->enumerators[i].is_unsigned = name & 1;
		last = (int64_t)((uint64_t)last + 1 + (uint64_t)get_sleb(from));
		type->enumerators[i].value = last;
	}
	return true;
}

static bool get_dimensions(struct cursor *from, struct arena *arena, struct sdb_type *type)
{
	size_t count = get_count(from);

	type->dimensions = arena_array(arena, count, sizeof(*type->dimensions));
	if (!type->dimensions)
		return false;
	type->dimension_count = count;
	for (size_t i = 0; i < count && !from->failed; i++) {
		struct sdb_dimension *dimension = &type->dimensions[i];
		uint8_t kind = get_u8(from);
		dimension->kind = kind & 3;
		dimension->is_count = kind & 8;
		dimension->index_type = get_u32(from);
		if (kind & 4)
			dimension->lower = get_sleb(from);
		if (dimension->kind == SDB_DIMENSION_COUNT)
			dimension->count = get_uleb(from);
		if (dimension->kind == SDB_DIMENSION_EXPRESSION) {
			struct sdb_expression copy = { 0 };
			size_t length = get_count(from);
			const uint8_t *bytes = get_bytes(from, length);
			struct sdb_error *error = bytes ? expression_copy(arena, bytes, length, &copy) : NULL;
			sdb_error_free(error);
			if (error)
				return false;
			dimension->expression = copy.bytes;
			dimension->expression_length = copy.length;
		}
		if (dimension->kind == SDB_DIMENSION_DYNAMIC) {
			uint32_t reference = get_u32(from);
			from->failed |= reference > SDB_REFERENCE_FUNCTION;
			dimension->reference_kind = reference;
			dimension->reference = get_u32(from);
		}
	}
	return true;
}

static void get_outline(struct cursor *from, struct sdb_type_outline *outline)
{
	outline->kind = get_u8(from);
	uint32_t has = get_u32(from);
	if (outline->kind >= SDB_TYPE_KINDS)
		from->failed = true;
	outline->flags = get_u32(from);
	outline->name = get_u32(from);
	scope_get(from, &outline->scope);
	outline->size = has & HAS_SIZE ? get_uleb(from) : 0;
	outline->target = has & HAS_TARGET ? get_u32(from) : 0;
	outline->has_members = has & HAS_MEMBERS;
	outline->has_enumerators = has & HAS_ENUMERATORS;
}

static bool get_type(struct cursor *from, struct arena *arena, struct sdb_type *type)
{
	uint32_t has = get_u32(from);

	decl_get(from, &type->decl);
	if (has & HAS_RARE) {
		type->linkage_name = get_u32(from);
		type->alignment = get_u32(from);
		type->encoding = (uint16_t)get_u32(from);
		type->dwarf_tag = (uint16_t)get_u32(from);
		type->bit_offset = get_u32(from);
		type->containing = get_u32(from);
	}
	return (!(has & HAS_MEMBERS) || get_members(from, arena, type)) &&
	       (!(has & HAS_ENUMERATORS) || get_enumerators(from, arena, type)) &&
	       (!(has & HAS_DIMENSIONS) || get_dimensions(from, arena, type)) &&
	       (!(has & HAS_PARAMETERS) ||
		parameters_get(from, arena, &type->decl, &type->parameters, &type->parameter_count)) &&
	       (!(has & HAS_TEMPLATES) || templates_get(from, arena, &type->templates, &type->template_count));
}

struct sdb_error *sdb_type_outline(struct sdb_db *db, sdb_type_id id, struct sdb_type_outline *outline_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct cursor from;
	struct sdb_error *error = record_find(db, PART_TYPE_OUTLINES, id, &block, &from);

	if (error)
		return error;
	outline_ret->id = id;
	get_outline(&from, outline_ret);
	return from.failed ? block_damaged(db, block, "the outline of a type does not decode") : NULL;
}

struct sdb_error *sdb_type(struct sdb_db *db, sdb_type_id id, struct sdb_type **type_ret)
{
	BLOCK_SCOPED const struct block *block = NULL;
	struct sdb_type_outline outline;
	struct arena *arena;
	struct cursor from;
	struct sdb_error *error = sdb_type_outline(db, id, &outline);

	if (!error)
		error = record_find(db, PART_TYPES, id, &block, &from);
	if (error)
		return error;
	struct sdb_type *type = arena_record(sizeof(*type), &arena);
	if (!type || !get_type(&from, arena, type))
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or type %u is too large", id);
	else if (from.failed)
		error = block_damaged(db, block, "a type does not decode");
	if (error) {
		arena_free(type);
		return error;
	}
	type->id = id;
	type->kind = outline.kind;
	type->flags = outline.flags;
	type->name = outline.name;
	type->scope = outline.scope;
	type->size = outline.size;
	type->target = outline.target;
	*type_ret = type;
	return NULL;
}

void sdb_type_free(struct sdb_type *type)
{
	arena_free(type);
}

/* ---- verification -------------------------------------------------------------------- */

static bool reference_in_bounds(const struct sdb_db_info *info, const struct sdb_dimension *dimension)
{
	switch (dimension->reference_kind) {
	case SDB_REFERENCE_UNKNOWN: return dimension->reference == 0;
	case SDB_REFERENCE_LOCAL: return dimension->reference < SDB_LOCAL_OWN;
	case SDB_REFERENCE_VARIABLE: return dimension->reference && dimension->reference <= info->variables;
	case SDB_REFERENCE_FUNCTION: return dimension->reference && dimension->reference <= info->functions;
	default: return false;
	}
}

static bool members_in_bounds(const struct sdb_db_info *info, const struct sdb_type *type)
{
	for (size_t i = 0; i < type->member_count; i++)
		if (type->members[i].name > info->names || type->members[i].type > info->types ||
		    type->members[i].file > info->files)
			return false;
	for (size_t i = 0; i < type->enumerator_count; i++)
		if (type->enumerators[i].name > info->names)
			return false;
	for (size_t i = 0; i < type->dimension_count; i++)
		if (type->dimensions[i].index_type > info->types ||
		    !reference_in_bounds(info, &type->dimensions[i]))
			return false;
	return true;
}

static struct sdb_error *check_type(struct sdb_db *db, const struct block *block, uint64_t id, struct cursor *from)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	struct arena *arena;
	struct sdb_type *type = arena_record(sizeof(*type), &arena);
	struct sdb_error *error = NULL;

	if (!type || !get_type(from, arena, type))
		error = sdb_error_new(SDB_ERROR_MEMORY, "out of memory, or type %llu is too large",
				      (unsigned long long)id);
	else if (!from->failed &&
		 (type->linkage_name > info->names || type->containing > info->types ||
		  !decl_in_bounds(db, &type->decl) || !members_in_bounds(info, type) ||
		  !parameters_in_bounds(db, type->parameters, type->parameter_count) ||
		  !templates_in_bounds(db, type->templates, type->template_count)))
		error = block_damaged(db, block, "a type refers to what there is not");
	arena_free(type);
	return error;
}

struct sdb_error *types_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->types, check_type);
}

static struct sdb_error *check_outline(struct sdb_db *db, const struct block *block, uint64_t id, struct cursor *from)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	struct sdb_type_outline outline;

	(void)id;
	get_outline(from, &outline);
	if (!from->failed && (outline.name > info->names || outline.target > info->types ||
			      !scope_in_bounds(db, &outline.scope)))
		return block_damaged(db, block, "the outline of a type refers to what there is not");
	return NULL;
}

struct sdb_error *type_outlines_verify_block(struct sdb_db *db, const struct block *block)
{
	return records_verify(db, block, sdb_db_info(db)->types, check_outline);
}
