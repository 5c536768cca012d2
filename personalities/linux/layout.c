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

/* Behind typedefs and qualifiers. */
static struct sdb_error *strip(struct sdb_db *db, sdb_type_id id, struct sdb_type **type_ret)
{
	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		struct sdb_error *error = sdb_type(db, id, type_ret);
		if (error)
			return error;
		enum sdb_type_kind kind = (*type_ret)->kind;
		if (kind != SDB_TYPE_TYPEDEF && kind != SDB_TYPE_CONST && kind != SDB_TYPE_VOLATILE && kind != SDB_TYPE_ATOMIC)
			return NULL;
		id = (*type_ret)->target;
		sdb_type_free(*type_ret);
		if (!id)
			break;
	}
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "a type without an end");
}

static uint64_t size_of(struct sdb_db *db, sdb_type_id id)
{
	struct sdb_type *type;
	struct sdb_error *error = id ? strip(db, id, &type) : NULL;
	if (error || !id) {
		sdb_error_free(error);
		return 0;
	}
	uint64_t size = type->kind == SDB_TYPE_POINTER ? 8 : type->size;
	if (type->kind == SDB_TYPE_ARRAY) {
		size = size_of(db, type->target);
		for (size_t i = 0; i < type->dimension_count; i++)
			if (__builtin_mul_overflow(size, type->dimensions[i].count, &size))
				size = 0;
	}
	sdb_type_free(type);
	return size;
}

/* ---- members ---------------------------------------------------------------------------------------- */

/* Looks for NAME among the members of type ID and of those in it that have no name. */
static struct sdb_error *find_member(struct sdb_db *db, sdb_type_id id, const char *name, size_t length, unsigned depth,
				     uint64_t *bits, struct sdb_member *member_ret, bool *found_ret)
{
	struct sdb_type *type;
	struct sdb_error *error = strip(db, id, &type);
	if (error)
		return error;
	for (size_t i = 0; i < type->member_count && !error && !*found_ret; i++) {
		const struct sdb_member *member = &type->members[i];
		char *text = NULL;
		if (!member->name) {
			uint64_t inner = *bits + member->bit_offset;
			if (depth < DEPTH_MAX)
				error = find_member(db, member->type, name, length, depth + 1, &inner, member_ret, found_ret);
			if (*found_ret)
				*bits = inner;
			continue;
		}
		error = sdb_name(db, member->name, &text);
		if (!error && strlen(text) == length && memcmp(text, name, length) == 0) {
			*bits += member->bit_offset;
			*member_ret = *member;
			*found_ret = true;
		}
		free(text);
	}
	sdb_type_free(type);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		sdb_error_free(error);
		error = NULL;
	}
	return error;
}

/* Follows PATH from TYPE. */
static struct sdb_error *follow(struct sdb_db *db, sdb_type_id type, const char *path, size_t length,
				struct linux_member *member_ret)
{
	uint64_t bits = 0;
	struct sdb_member member = { 0 };
	while (length) {
		const char *dot = memchr(path, '.', length);
		size_t part = dot ? (size_t)(dot - path) : length;
		bool found = false;
		struct sdb_error *error = find_member(db, type, path, part, 0, &bits, &member, &found);
		if (error || !found)
			return error;
		type = member.type;
		length -= dot ? part + 1 : part;
		path += part + 1;
	}
	uint64_t size = size_of(db, type);
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

/* The types that were found last: a layout asks for many members of few of them. */
struct known_types {
	struct { const char *name; sdb_type_id type; } items[8];
	unsigned next;
};

static struct sdb_error *type_of(struct sdb_db *db, struct known_types *known, const char *names, sdb_type_id *type_ret)
{
	for (unsigned i = 0; i < 8; i++) {
		if (known->items[i].name && strcmp(known->items[i].name, names) == 0) {
			*type_ret = known->items[i].type;
			return NULL;
		}
	}
	*type_ret = 0;
	for (const char *name = names; name && !*type_ret;) {
		const char *bar = strchr(name, '|');
		struct sdb_error *error = find_type(db, name, bar ? (size_t)(bar - name) : strlen(name), type_ret);
		if (error)
			return error;
		name = bar ? bar + 1 : NULL;
	}
	known->items[known->next].name = names;
	known->items[known->next].type = *type_ret;
	known->next = (known->next + 1) % 8;
	return NULL;
}

static struct sdb_error *find_wanted(struct sdb_db *db, struct known_types *known, const struct linux_wanted *wanted,
				     struct linux_member *member_ret)
{
	sdb_type_id type;
	struct sdb_error *error = type_of(db, known, wanted->type, &type);
	*member_ret = (struct linux_member){ 0 };
	if (error || !type)
		return error;
	if (!wanted->path) {
		member_ret->size = (uint32_t)size_of(db, type);
		return NULL;
	}
	for (const char *path = wanted->path; path && !error && !linux_has(member_ret);) {
		const char *bar = strchr(path, '|');
		error = follow(db, type, path, bar ? (size_t)(bar - path) : strlen(path), member_ret);
		path = bar ? bar + 1 : NULL;
	}
	return error;
}

struct sdb_error *linux_layout(struct linux_system *system, const struct linux_wanted *wanted, size_t count,
			       void *layout)
{
	struct known_types known = { .next = 0 };
	struct sdb_error *error = linux_need_database(system);
	for (size_t i = 0; i < count && !error; i++) {
		struct linux_member *member = (struct linux_member *)((uint8_t *)layout + wanted[i].slot);
		error = find_wanted(system->db, &known, &wanted[i], member);
		if (!error && !linux_has(member) && !wanted[i].optional)
			error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s: this kernel has no %s%s%s, and how it does without is not known",
					      system->db_path, wanted[i].type, wanted[i].path ? "." : "",
					      wanted[i].path ? wanted[i].path : "");
	}
	return error;
}
