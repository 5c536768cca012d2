/* SPDX-License-Identifier: MIT */
#include "types.h"
#include "types_own.h"
#include <stackdb/language.h>

#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT (1u << 20)
#define BUCKETS 1024u

struct kept_type {
	struct kept_type *next;
	struct sdb_db *db;
	struct sdb_type *type;
};

struct kept_name {
	struct kept_name *next;
	struct sdb_db *db;
	sdb_name_id id;
	char *text;
};

struct types {
	unsigned references;
	unsigned users; /* between types_enter() and types_leave() */
	size_t limit, used;
	struct kept_type *types[BUCKETS];
	struct kept_name *names[BUCKETS];
	struct own_types own;
	struct sdb_db *language_db; /* asked about last */
	sdb_unit_id language_unit;  /* 0: the first that has one */
	bool plain_tags;
};

static struct sdb_error *no_memory(void)
{
	return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for types");
}

struct types *types_create(size_t limit)
{
	struct types *types = calloc(1, sizeof(*types));
	if (types) {
		types->references = 1;
		types->limit = limit ? limit : DEFAULT_LIMIT;
	}
	return types;
}

static void forget(struct types *types)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		while (types->types[i]) {
			struct kept_type *kept = types->types[i];
			types->types[i] = kept->next;
			sdb_type_free(kept->type);
			free(kept);
		}
		while (types->names[i]) {
			struct kept_name *kept = types->names[i];
			types->names[i] = kept->next;
			free(kept->text);
			free(kept);
		}
	}
	types->used = 0;
}

struct types *types_ref(struct types *types)
{
	if (types)
		types->references++;
	return types;
}

void types_unref(struct types *types)
{
	if (!types || --types->references)
		return;
	forget(types);
	own_types_deinit(&types->own);
	free(types);
}

void types_enter(struct types *types)
{
	types->users++;
}

void types_leave(struct types *types)
{
	if (--types->users == 0 && types->used > types->limit)
		forget(types);
}

struct types *types_hold(struct types *types)
{
	types_enter(types);
	return types_ref(types);
}

void types_release(struct types **types)
{
	types_leave(*types);
	types_unref(*types);
}

static unsigned bucket(const struct sdb_db *db, uint32_t id)
{
	return (unsigned)((id * 2654435761u) ^ (uintptr_t)db >> 6) % BUCKETS;
}

static size_t weight(const struct sdb_type *type)
{
	return sizeof(struct kept_type) + sizeof(*type)
		+ type->member_count * sizeof(*type->members)
		+ type->enumerator_count * sizeof(*type->enumerators)
		+ type->dimension_count * sizeof(*type->dimensions)
		+ type->parameter_count * sizeof(*type->parameters)
		+ type->template_count * sizeof(*type->templates);
}

static struct sdb_error *keep_type(struct types *types, struct sdb_db *db, sdb_type_id id,
				   const struct sdb_type **type_ret)
{
	struct kept_type *kept = malloc(sizeof(*kept));
	if (!kept)
		return no_memory();
	struct sdb_error *error = sdb_type(db, id, &kept->type);
	if (error) {
		free(kept);
		return error;
	}
	struct kept_type **head = &types->types[bucket(db, id)];
	kept->db = db;
	kept->next = *head;
	*head = kept;
	types->used += weight(kept->type);
	*type_ret = kept->type;
	return NULL;
}

struct sdb_error *types_get(struct types *types, struct sdb_db *db, sdb_type_id id,
			    const struct sdb_type **type_ret)
{
	static const struct sdb_type void_type = { .kind = SDB_TYPE_NONE };
	if (id == 0) {
		*type_ret = &void_type;
		return NULL;
	}
	if (id >= TYPES_OWN)
		return own_types_get(&types->own, id, type_ret);
	for (struct kept_type *kept = types->types[bucket(db, id)]; kept; kept = kept->next)
		if (kept->type->id == id && kept->db == db) {
			*type_ret = kept->type;
			return NULL;
		}
	return keep_type(types, db, id, type_ret);
}

static struct sdb_error *strip(struct types *types, struct sdb_db *db, sdb_type_id id, bool typedefs,
			       const struct sdb_type **type_ret)
{
	for (unsigned i = 0; i < TYPES_MAX_DEPTH; i++) {
		struct sdb_error *error = types_get(types, db, id, type_ret);
		if (error)
			return error;
		if (!types_is_qualifier((*type_ret)->kind) && !(typedefs && (*type_ret)->kind == SDB_TYPE_TYPEDEF))
			return NULL;
		id = (*type_ret)->target;
	}
	return sdb_error_new(SDB_ERROR_CORRUPT, "%s: type %u is a typedef without end",
			     sdb_db_path(db), id);
}

struct sdb_error *types_strip(struct types *types, struct sdb_db *db, sdb_type_id id,
			      const struct sdb_type **type_ret)
{
	return strip(types, db, id, true, type_ret);
}

struct sdb_error *types_unqualified(struct types *types, struct sdb_db *db, sdb_type_id id,
				    const struct sdb_type **type_ret)
{
	return strip(types, db, id, false, type_ret);
}

/* Multiplies *SIZE by what the dimensions of TYPE count; false when that is not known. */
static bool count_elements(const struct sdb_type *type, uint64_t *size)
{
	for (size_t i = 0; i < type->dimension_count; i++)
		if (type->dimensions[i].kind != SDB_DIMENSION_COUNT
		    || __builtin_mul_overflow(*size, type->dimensions[i].count, size))
			return false;
	return type->dimension_count > 0;
}

static uint64_t stated_size(const struct sdb_type *type)
{
	return type->flags & SDB_TYPE_BIT_SIZED ? type->size / 8 + (type->size % 8 != 0)
		: type->size;
}

/* Of the types without a description only that of nullptr has values, which are pointers. */
static struct sdb_error *size_unspecified(struct types *types, struct sdb_db *db,
					  const struct sdb_type *type, uint64_t *size_ret,
					  bool *known_ret)
{
	const char *name;
	struct sdb_error *error = types_name(types, db, type, &name);
	*size_ret = types_address_size(db);
	*known_ret = !error && strstr(name, "nullptr");
	return error;
}

struct sdb_error *types_size(struct types *types, struct sdb_db *db, sdb_type_id id,
			     uint64_t *size_ret, bool *known_ret)
{
	uint64_t count = 1;
	*size_ret = 0;
	*known_ret = false;
	for (unsigned i = 0; i < TYPES_MAX_DEPTH; i++) {
		const struct sdb_type *type;
		struct sdb_error *error = types_strip(types, db, id, &type);
		if (error)
			return error;
		bool sized = type->flags & (SDB_TYPE_SIZED | SDB_TYPE_BIT_SIZED);
		if (type->kind == SDB_TYPE_ARRAY && !sized) {
			if (!count_elements(type, &count))
				return NULL;
		} else if (sized) {
			*known_ret = !__builtin_mul_overflow(stated_size(type), count, size_ret);
			return NULL;
		} else if (type->kind == SDB_TYPE_POINTER || types_is_reference(type->kind)) {
			*known_ret = !__builtin_mul_overflow(
				count, (uint64_t)types_address_size(db), size_ret);
			return NULL;
		} else if (type->kind == SDB_TYPE_MEMBER_POINTER) {
			/*
			 * Itanium C++ ABI 2.3: a pointer to a data member is a ptrdiff_t, one to a
			 * function two.
			 */
			const struct sdb_type *target;
			error = types_strip(types, db, type->target, &target);
			if (error)
				return error;
			uint64_t size = types_address_size(db) * (target->kind == SDB_TYPE_FUNCTION
								  ? 2u : 1u);
			*known_ret = !__builtin_mul_overflow(count, size, size_ret);
			return NULL;
		} else if (type->kind == SDB_TYPE_UNSPECIFIED) {
			return size_unspecified(types, db, type, size_ret, known_ret);
		} else if (type->kind != SDB_TYPE_SUBRANGE && type->kind != SDB_TYPE_ENUM) {
			return NULL;
		}
		id = type->target;
	}
	return NULL;
}

struct sdb_error *types_text(struct types *types, struct sdb_db *db, sdb_name_id id,
			     const char **text_ret)
{
	*text_ret = "";
	if (id == 0)
		return NULL;
	struct kept_name **head = &types->names[bucket(db, id)];
	for (struct kept_name *kept = *head; kept; kept = kept->next)
		if (kept->id == id && kept->db == db) {
			*text_ret = kept->text;
			return NULL;
		}
	struct kept_name *kept = malloc(sizeof(*kept));
	if (!kept)
		return no_memory();
	struct sdb_error *error = sdb_name(db, id, &kept->text);
	if (error) {
		free(kept);
		return error;
	}
	for (char *c = kept->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	kept->db = db;
	kept->id = id;
	kept->next = *head;
	*head = kept;
	types->used += sizeof(*kept) + strlen(kept->text);
	*text_ret = kept->text;
	return NULL;
}

struct sdb_error *types_name(struct types *types, struct sdb_db *db, const struct sdb_type *type,
			     const char **name_ret)
{
	*name_ret = own_types_name(type->id);
	return *name_ret ? NULL : types_text(types, db, type->name, name_ret);
}

struct sdb_error *types_derive(struct types *types, struct sdb_db *db, enum sdb_type_kind kind,
			       sdb_type_id target, uint64_t count, sdb_type_id *id_ret)
{
	uint64_t size = types_address_size(db);
	if (kind == SDB_TYPE_ARRAY) {
		bool known;
		struct sdb_error *error = types_size(types, db, target, &size, &known);
		if (error)
			return error;
		if (!known || __builtin_mul_overflow(size, count, &size))
			return sdb_error_new(SDB_ERROR_INVALID,
					     "an array of elements without a size");
	}
	return own_types_derive(&types->own, kind, target, count, size, id_ret);
}

struct sdb_error *types_member_pointer(struct types *types, struct sdb_db *db, sdb_type_id class,
				       sdb_type_id target, sdb_type_id *id_ret)
{
	const struct sdb_type *type;
	struct sdb_error *error = types_strip(types, db, target, &type);
	if (error)
		return error;
	/* Itanium C++ ABI, 2.3: an offset; of a function its address, and that of the object. */
	unsigned size = types_address_size(db) * (type->kind == SDB_TYPE_FUNCTION ? 2 : 1);
	return own_types_derive(&types->own, SDB_TYPE_MEMBER_POINTER, target, class, size, id_ret);
}

struct sdb_error *types_function(struct types *types, struct sdb_db *db,
				 const struct sdb_function *function,
				 sdb_type_id *id_ret)
{
	return own_types_function(&types->own, db, function, id_ret);
}

bool types_plain_tags(struct types *types, struct sdb_db *db)
{
	if (types->language_db == db)
		return types->plain_tags;
	types->language_db = db;
	types->language_unit = 0;
	types->plain_tags = false;
	/* Assembler units say nothing: the first of the others decides. */
	for (sdb_unit_id id = 1; id <= sdb_db_info(db)->units && id <= 64; id++) {
		struct sdb_unit unit;
		struct sdb_error *error = sdb_unit(db, id, &unit);
		if (error) {
			sdb_error_free(error);
			break;
		}
		if (unit.language == 0x8001 || unit.language == 0)
			continue;
		types->plain_tags = sdb_language_plain_tags(unit.language);
		break;
	}
	return types->plain_tags;
}

void types_use_unit(struct types *types, struct sdb_db *db, sdb_unit_id id)
{
	struct sdb_unit unit;
	if (!id || (types->language_db == db && types->language_unit == id))
		return;
	struct sdb_error *error = sdb_unit(db, id, &unit);
	if (!error && unit.language && unit.language != 0x8001) {
		types->language_db = db;
		types->language_unit = id;
		types->plain_tags = sdb_language_plain_tags(unit.language);
	}
	sdb_error_free(error);
}

unsigned types_address_size(const struct sdb_db *db)
{
	return sdb_db_info(db)->elf_class == 1 ? 4 : 8;
}

bool types_big_endian(const struct sdb_db *db)
{
	return sdb_db_info(db)->elf_data == 2;
}
