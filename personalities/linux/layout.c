/* SPDX-License-Identifier: MIT */
#include "linux.h"

#include <stdlib.h>

#define DEPTH_MAX 16 /* structures without a name in one another */

/* ---- types ---------------------------------------------------------------------------------------- */

struct search {
	struct sdb_db *db;
	sdb_type_id found, declared;
};

static struct sdb_error *take_type(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct search *search = arg;
	struct sdb_type_outline outline;
	(void)name;
	(void)text;
	struct sdb_error *error = NULL;
	if (entity.kind == SDB_ENTITY_VARIABLE) {
		struct sdb_variable *variable;
		error = sdb_variable(search->db, entity.id, &variable);
		if (error)
			return error;
		/* What the linker or assembler places is only declared in C. */
		if (!(variable->flags & SDB_VARIABLE_DECLARATION))
			search->found = variable->type;
		else
			search->declared = variable->type;
		sdb_variable_free(variable);
	} else {
		error = sdb_type_outline(search->db, entity.id, &outline);
		if (!error && (outline.kind == SDB_TYPE_STRUCT || outline.kind == SDB_TYPE_UNION)
		    && !(outline.flags & SDB_TYPE_DECLARATION))
			search->found = entity.id;
	}
	return error ? error : search->found ? sdb_error_new(SDB_ERROR_STOPPED, "found") : NULL;
}

/* 0: there is none. */
static struct sdb_error *find_type(struct sdb_db *db, const char *name, size_t length, sdb_type_id *type_ret)
{
	struct search search = { .db = db };
	char text[128];
	bool variable = *name == '&';
	if (length >= sizeof(text))
		return sdb_error_new(SDB_ERROR_INVALID, "the name of a type is too long");
	memcpy(text, name + variable, length - variable);
	text[length - variable] = '\0';
	struct sdb_error *error = sdb_lookup(db, text, SDB_MATCH_EXACT,
					     1u << (variable ? SDB_ENTITY_VARIABLE : SDB_ENTITY_TYPE), take_type, &search);
	*type_ret = search.found ? search.found : search.declared;
	if (error && (search.found || sdb_error_code(error) == SDB_ERROR_NOT_FOUND)) {
		sdb_error_free(error);
		return NULL;
	}
	return error;
}

/* ---- types by number ------------------------------------------------------------------------------ */

#define TYPES_MAX 256u /* that are looked into for one layout */
#define PARTS_MAX 16u  /* names of members that are remembered */

/* What was found for a layout: it asks for many members of few types, and for some names again and again. */
struct finder {
	struct sdb_db *db;
	struct { const char *name; sdb_type_id type; } named[8];
	unsigned next_named;
	struct sdb_type *types[TYPES_MAX];
	unsigned type_count;
	struct { char text[32]; sdb_name_id id; } parts[PARTS_MAX];
	unsigned next_part;
};

static void finder_deinit(struct finder *finder)
{
	for (unsigned i = 0; i < finder->type_count; i++)
		sdb_type_free(finder->types[i]);
}

/* Behind typedefs and qualifiers. */
static struct sdb_error *strip(struct sdb_db *db, sdb_type_id id, struct sdb_type_outline *outline_ret)
{
	for (int depth = 0; depth < DEPTH_MAX && id; depth++) {
		struct sdb_error *error = sdb_type_outline(db, id, outline_ret);
		if (error)
			return error;
		enum sdb_type_kind kind = outline_ret->kind;
		if (kind != SDB_TYPE_TYPEDEF && kind != SDB_TYPE_CONST && kind != SDB_TYPE_VOLATILE && kind != SDB_TYPE_ATOMIC)
			return NULL;
		id = outline_ret->target;
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "a type without an end");
}

/* Type ID behind typedefs and qualifiers; FINDER has it. */
static struct sdb_error *look_into(struct finder *finder, sdb_type_id id, const struct sdb_type **type_ret)
{
	struct sdb_type_outline outline;
	struct sdb_error *error = strip(finder->db, id, &outline);
	for (unsigned i = 0; i < finder->type_count && !error; i++) {
		if (finder->types[i]->id == outline.id) {
			*type_ret = finder->types[i];
			return NULL;
		}
	}
	if (!error && finder->type_count == TYPES_MAX)
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: structures in one another without an end", sdb_db_path(finder->db));
	if (!error)
		error = sdb_type(finder->db, outline.id, &finder->types[finder->type_count]);
	if (!error)
		*type_ret = finder->types[finder->type_count++];
	return error;
}

static uint64_t size_of(struct sdb_db *db, sdb_type_id id)
{
	struct sdb_type_outline outline;
	struct sdb_type *type = NULL;
	struct sdb_error *error = strip(db, id, &outline);
	uint64_t size = error ? 0 : outline.kind == SDB_TYPE_POINTER ? 8 : outline.size;
	if (!error && outline.kind == SDB_TYPE_ARRAY) {
		size = size_of(db, outline.target);
		error = sdb_type(db, outline.id, &type);
		for (size_t i = 0; !error && i < type->dimension_count; i++)
			if (__builtin_mul_overflow(size, type->dimensions[i].count, &size))
				size = 0;
		if (!error)
			sdb_type_free(type);
	}
	if (error)
		size = 0;
	sdb_error_free(error);
	return size;
}

/* ---- members ---------------------------------------------------------------------------------------- */

/* The number of the name at TEXT; 0: nothing is called so. */
static struct sdb_error *find_name(struct finder *finder, const char *text, size_t length, sdb_name_id *id_ret)
{
	char name[sizeof(finder->parts[0].text)];
	if (length >= sizeof(name))
		return sdb_error_new(SDB_ERROR_INVALID, "the name of a member is too long");
	memcpy(name, text, length);
	name[length] = '\0';
	for (unsigned i = 0; i < PARTS_MAX; i++) {
		if (strcmp(finder->parts[i].text, name) == 0) {
			*id_ret = finder->parts[i].id;
			return NULL;
		}
	}
	struct sdb_error *error = sdb_name_find(finder->db, name, id_ret);
	if (error)
		return error;
	memcpy(finder->parts[finder->next_part].text, name, length + 1);
	finder->parts[finder->next_part].id = *id_ret;
	finder->next_part = (finder->next_part + 1) % PARTS_MAX;
	return NULL;
}

/* Looks for NAME among the members of type ID and of those in it that have no name. */
static struct sdb_error *find_member(struct finder *finder, sdb_type_id id, sdb_name_id name, unsigned depth, uint64_t *bits,
				     struct sdb_member *member_ret, bool *found_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = look_into(finder, id, &type);
	for (size_t i = 0; !error && i < type->member_count && !*found_ret; i++) {
		const struct sdb_member *member = &type->members[i];
		uint64_t inner = *bits + member->bit_offset;
		if (member->name == name) {
			*bits = inner;
			*member_ret = *member;
			*found_ret = true;
		} else if (!member->name && depth < DEPTH_MAX) {
			error = find_member(finder, member->type, name, depth + 1, &inner, member_ret, found_ret);
			if (*found_ret)
				*bits = inner;
		}
	}
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

/* Follows PATH from TYPE. */
static struct sdb_error *follow(struct finder *finder, sdb_type_id type, const char *path, size_t length,
				struct linux_member *member_ret)
{
	uint64_t bits = 0;
	struct sdb_member member = { 0 };
	while (length) {
		const char *dot = memchr(path, '.', length);
		size_t part = dot ? (size_t)(dot - path) : length;
		bool found = false;
		sdb_name_id name;
		struct sdb_error *error = find_name(finder, path, part, &name);
		if (!error && name)
			error = find_member(finder, type, name, 0, &bits, &member, &found);
		if (error || !found)
			return error;
		type = member.type;
		length -= dot ? part + 1 : part;
		path += part + 1;
	}
	uint64_t size = size_of(finder->db, type);
	*member_ret = (struct linux_member){ .at = (uint32_t)(bits / 8), .size = (uint32_t)size };
	if (member.bit_size && size) {
		uint64_t unit = bits / (size * 8) * (size * 8);
		*member_ret = (struct linux_member){ (uint32_t)(unit / 8), (uint32_t)size, (uint8_t)(bits - unit),
						     (uint8_t)member.bit_size };
	}
	/* An array without a length has a place, if no size. */
	if (!size)
		member_ret->size = UINT32_MAX;
	return NULL;
}

/* ---- layouts ------------------------------------------------------------------------------------------ */

static struct sdb_error *type_of(struct finder *finder, const char *names, sdb_type_id *type_ret)
{
	for (unsigned i = 0; i < 8; i++) {
		if (finder->named[i].name && strcmp(finder->named[i].name, names) == 0) {
			*type_ret = finder->named[i].type;
			return NULL;
		}
	}
	*type_ret = 0;
	for (const char *name = names; name && !*type_ret;) {
		const char *bar = strchr(name, '|');
		struct sdb_error *error = find_type(finder->db, name, bar ? (size_t)(bar - name) : strlen(name), type_ret);
		if (error)
			return error;
		name = bar ? bar + 1 : NULL;
	}
	finder->named[finder->next_named].name = names;
	finder->named[finder->next_named].type = *type_ret;
	finder->next_named = (finder->next_named + 1) % 8;
	return NULL;
}

static struct sdb_error *find_wanted(struct finder *finder, const struct linux_wanted *wanted, struct linux_member *member_ret)
{
	sdb_type_id type;
	struct sdb_error *error = type_of(finder, wanted->type, &type);
	*member_ret = (struct linux_member){ 0 };
	if (error || !type)
		return error;
	if (!wanted->path) {
		member_ret->size = (uint32_t)size_of(finder->db, type);
		return NULL;
	}
	for (const char *path = wanted->path; path && !error && !linux_has(member_ret);) {
		const char *bar = strchr(path, '|');
		error = follow(finder, type, path, bar ? (size_t)(bar - path) : strlen(path), member_ret);
		path = bar ? bar + 1 : NULL;
	}
	return error;
}

struct sdb_error *linux_layout(struct linux_system *system, const struct linux_wanted *wanted, size_t count,
			       void *layout)
{
	struct finder finder = { .db = system->db };
	struct sdb_error *error = linux_need_database(system);
	for (size_t i = 0; i < count && !error; i++) {
		struct linux_member *member = (struct linux_member *)((uint8_t *)layout + wanted[i].slot);
		error = find_wanted(&finder, &wanted[i], member);
		if (!error && !linux_has(member) && !wanted[i].optional)
			error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: this kernel has no %s%s%s, and how it does without is not known",
					      system->db_path, wanted[i].type, wanted[i].path ? "." : "",
					      wanted[i].path ? wanted[i].path : "");
	}
	finder_deinit(&finder);
	return error;
}
