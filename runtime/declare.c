/* SPDX-License-Identifier: MIT */
/* Declarations of the types that values have, which may be in no database. */
#include "declare.h"
#include "types_own.h"
#include <stackdb/declaration.h>

#include <stdio.h>
#include <stdlib.h>

struct declaring {
	struct types *types;
	struct sdb_db *db;
	const uint64_t *counts; /* of array type `counted` */
	sdb_type_id counted;
};

static struct sdb_error *get_outline(void *arg, sdb_type_id id, struct sdb_type_outline *outline_ret)
{
	const struct declaring *declaring = arg;
	const struct sdb_type *type;
	struct sdb_error *error = types_get(declaring->types, declaring->db, id, &type);
	if (!error)
		*outline_ret = (struct sdb_type_outline){
			.id = type->id, .kind = type->kind, .flags = type->flags, .name = type->name,
			.scope = type->scope, .target = type->target,
		};
	return error;
}

static struct sdb_error *get_type(void *arg, sdb_type_id id, const struct sdb_type **type_ret)
{
	const struct declaring *declaring = arg;
	return types_get(declaring->types, declaring->db, id, type_ret);
}

static struct sdb_error *get_name(void *arg, const struct sdb_type_outline *type, const char **name_ret,
				  char **owned_ret)
{
	const struct declaring *declaring = arg;
	if (!type->name || type->scope.kind != SDB_SCOPE_TYPE) {
		*name_ret = own_types_name(type->id);
		return *name_ret ? NULL : types_text(declaring->types, declaring->db, type->name, name_ret);
	}
	struct sdb_error *error = sdb_qualified_name(declaring->db,
						     (struct sdb_entity){ SDB_ENTITY_TYPE, type->id },
						     owned_ret);
	if (!error)
		*name_ret = *owned_ret;
	return error;
}

static struct sdb_error *get_length(void *arg, const struct sdb_type *type, size_t index,
				    const char **length_ret, char **owned_ret)
{
	const struct declaring *declaring = arg;
	if (!declaring->counts || type->id != declaring->counted) {
		bool unbounded = type->dimensions[index].kind == SDB_DIMENSION_UNBOUNDED;
		*length_ret = unbounded ? "" : "variable length";
		return NULL;
	}
	if (asprintf(owned_ret, "%llu", (unsigned long long)declaring->counts[index]) < 0) {
		*owned_ret = NULL;
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a declaration");
	}
	*length_ret = *owned_ret;
	return NULL;
}

static struct sdb_error *put_declaration(struct declaring *declaring, sdb_type_id type, unsigned dimension,
					 const char *name, struct buffer *to)
{
	const struct sdb_declaration_source source = {
		.arg = declaring, .outline = get_outline, .type = get_type, .type_name = get_name,
		.length = get_length,
	};
	const struct sdb_declaration_style style = {
		.wide = true, .plain_tags = types_plain_tags(declaring->types, declaring->db),
		.vector = " __attribute__ ((vector_size))",
	};
	struct sdb_declaration *made;
	types_enter(declaring->types);
	struct sdb_error *error = sdb_declaration_of_type(&source, &style, type, dimension, &made);
	types_leave(declaring->types);
	if (error)
		return error;
	bool named = name && *name;
	put_bytes(to, made->text, made->left);
	if ((named || made->derived) && made->left && sdb_declaration_wants_space(made->text[made->left - 1]))
		text_add(to, " ");
	if (named)
		text_add(to, name);
	put_bytes(to, made->text + made->left, made->right);
	free(made);
	return NULL;
}

struct sdb_error *declare(struct types *types, struct sdb_db *db, sdb_type_id type,
			  unsigned dimension, const char *name, struct buffer *to)
{
	struct declaring declaring = { .types = types, .db = db };
	return put_declaration(&declaring, type, dimension, name, to);
}

struct sdb_error *declare_text(struct types *types, struct sdb_db *db, sdb_type_id type,
			       unsigned dimension, const char *name, const uint64_t *counts,
			       sdb_type_id counted, char **text_ret)
{
	struct declaring declaring = { .types = types, .db = db, .counts = counts, .counted = counted };
	struct buffer text = { 0 };
	struct sdb_error *error = put_declaration(&declaring, type, dimension, name, &text);
	if (!error)
		return text_take(&text, text_ret);
	buffer_deinit(&text);
	return error;
}
