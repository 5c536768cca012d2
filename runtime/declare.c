/* SPDX-License-Identifier: MIT */
/*
 * A declaration is what stands left of the name and what stands right of it; each type constructor
 * wraps the two parts of the type that it is made from. A budget of visits bounds the work for
 * hostile types that refer to themselves.
 */
#include "declare.h"
#include <stackdb/language.h>

#include <stdlib.h>

#define MAX_DEPTH 32
#define MAX_VISITS 2000

struct declaration {
	struct types *types;
	struct sdb_db *db;
	struct buffer left, right;
	unsigned visits;
	const uint64_t *counts; /* of array type `counted` */
	sdb_type_id counted;
	bool derived; /* something stands behind the base type's name: a space separates them */
};

static struct sdb_error *put(struct declaration *declaration, sdb_type_id id, unsigned dimension,
			     unsigned depth);

static void space(struct buffer *left)
{
	char last = text_last(left);
	if (last && !strchr("*&( ", last))
		text_add(left, " ");
}

static struct sdb_error *put_named(struct declaration *declaration, const struct sdb_type *type)
{
	struct buffer *left = &declaration->left;
	const char *tag = sdb_type_tag(type->kind), *name;
	char *qualified;
	struct sdb_error *error;
	if (tag && (!type->name || !types_plain_tags(declaration->types, declaration->db)))
		text_add_format(left, "%s ", tag);
	if (type->name && type->scope.kind == SDB_SCOPE_TYPE) {
		error = sdb_qualified_name(declaration->db,
					   (struct sdb_entity){ SDB_ENTITY_TYPE, type->id },
					   &qualified);
		if (!error)
			text_add(left, qualified);
		if (!error)
			free(qualified);
		return error;
	}
	error = types_name(declaration->types, declaration->db, type, &name);
	if (!error)
		text_add(left, *name ? name : tag ? "{...}" : type->kind == SDB_TYPE_NONE
			 && !type->id ? "void" : "?");
	return error;
}

/* `[16][2]`, behind what is nearer to the name. */
static void put_dimensions(struct declaration *declaration, const struct sdb_type *type,
			   unsigned first)
{
	struct buffer *right = &declaration->right;
	for (size_t i = first; i < type->dimension_count && i < 32; i++) {
		if (declaration->counts && type->id == declaration->counted)
			text_add_format(right, "[%llu]",
					(unsigned long long)declaration->counts[i]);
		else if (type->dimensions[i].kind == SDB_DIMENSION_COUNT)
			text_add_format(right, "[%llu]",
					(unsigned long long)type->dimensions[i].count);
		else
			text_add(right, type->dimensions[i].kind == SDB_DIMENSION_UNBOUNDED ? "[]"
				 : "[variable length]");
	}
	if (type->dimension_count == 0)
		text_add(right, "[]");
}

static struct sdb_error *put_parameters(struct declaration *declaration,
					const struct sdb_type *type,
					unsigned depth)
{
	struct buffer *right = &declaration->right;
	struct sdb_error *error = NULL;
	text_add(right, "(");
	for (size_t i = 0; i < type->parameter_count && !error; i++) {
		struct declaration inner = { .types = declaration->types, .db = declaration->db,
					     .visits = declaration->visits };
		error = put(&inner, type->parameters[i].type, 0, depth + 1);
		/* `this`, which gdb has const whatever the debuginfo says */
		if (i == 0 && type->parameters[i].flags & SDB_LOCAL_ARTIFICIAL
		    && text_last(&inner.left) == '*')
			text_add(&inner.left, " const");
		declaration->visits = inner.visits;
		text_add(right, i ? ", " : "");
		put_bytes(right, inner.left.data, inner.left.size);
		if (inner.right.size && text_last(&inner.left) != '('
		    && text_last(&inner.left) != '*')
			text_add(right, " ");
		put_bytes(right, inner.right.data, inner.right.size);
		buffer_deinit(&inner.left);
		buffer_deinit(&inner.right);
	}
	if (type->flags & SDB_TYPE_VARIADIC)
		text_add(right, type->parameter_count ? ", ..." : "...");
	else if (type->parameter_count == 0
		 && (type->flags & SDB_TYPE_PROTOTYPED
		     || types_plain_tags(declaration->types, declaration->db)))
		text_add(right, "void");
	text_add(right, ")");
	return error;
}

/* Whether what qualifies types of KIND stands behind them, as in `int * const`. */
static bool is_qualified_behind(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_POINTER || types_is_reference(kind) || kind == SDB_TYPE_MEMBER_POINTER;
}

static struct sdb_error *put_pointer(struct declaration *declaration, const struct sdb_type *type,
				     unsigned depth)
{
	const struct sdb_type *target, *class, *inner;
	struct sdb_error *error = types_get(declaration->types, declaration->db, type->target,
					    &target);
	if (error)
		return error;
	bool wrap = target->kind == SDB_TYPE_ARRAY || target->kind == SDB_TYPE_FUNCTION;
	if (wrap)
		text_add(&declaration->right, ")");
	error = put(declaration, type->target, 0, depth + 1);
	/* gdb: `int * const *`, but `int * const&` */
	inner = target;
	for (unsigned i = 0; i < 8 && !error && sdb_type_qualifier(inner->kind); i++)
		error = types_get(declaration->types, declaration->db, inner->target, &inner);
	if (error)
		return error;
	if (inner == target || !types_is_reference(type->kind) || !is_qualified_behind(inner->kind))
		space(&declaration->left);
	declaration->derived = false;
	if (wrap)
		text_add(&declaration->left, "(");
	if (type->kind != SDB_TYPE_MEMBER_POINTER) {
		text_add(&declaration->left, type->kind == SDB_TYPE_POINTER ? "*"
			 : type->kind == SDB_TYPE_REFERENCE ? "&" : "&&");
		return NULL;
	}
	error = types_get(declaration->types, declaration->db, type->containing, &class);
	if (!error)
		error = put_named(declaration, class);
	text_add(&declaration->left, "::*");
	return error;
}

static struct sdb_error *put_qualified(struct declaration *declaration, const struct sdb_type *type,
				       unsigned depth)
{
	const struct sdb_type *target;
	struct sdb_error *error = types_get(declaration->types, declaration->db, type->target,
					    &target);
	/* What qualifies an array qualifies its elements, which compilers often say once more. */
	bool said = false;
	for (unsigned i = 0; i < 8 && !error && (sdb_type_qualifier(target->kind)
						 || target->kind == SDB_TYPE_ARRAY); i++) {
		error = types_get(declaration->types, declaration->db, target->target, &target);
		said |= !error && target->kind == type->kind;
	}
	if (error || said)
		return error ? error : put(declaration, type->target, 0, depth + 1);
	bool after = is_qualified_behind(target->kind);
	if (!after) {
		text_add(&declaration->left, sdb_type_qualifier(type->kind));
		text_add(&declaration->left, " ");
	}
	error = put(declaration, type->target, 0, depth + 1);
	if (after) {
		/* gdb: `char * const`, a space on either side */
		if (text_last(&declaration->left) != ' ')
			text_add(&declaration->left, " ");
		text_add(&declaration->left, sdb_type_qualifier(type->kind));
	}
	return error;
}

static struct sdb_error *put(struct declaration *declaration, sdb_type_id id, unsigned dimension,
			     unsigned depth)
{
	const struct sdb_type *type;
	if (depth > MAX_DEPTH || declaration->visits == 0) {
		text_add(&declaration->left, "...");
		return NULL;
	}
	declaration->visits--;
	struct sdb_error *error = types_get(declaration->types, declaration->db, id, &type);
	if (error)
		return error;
	switch (type->kind) {
	case SDB_TYPE_POINTER: case SDB_TYPE_REFERENCE: case SDB_TYPE_RVALUE_REFERENCE:
	case SDB_TYPE_MEMBER_POINTER:
		/* Rust and Ada name their pointer types; those read better than their targets. */
		return type->name ? put_named(declaration, type)
			: put_pointer(declaration, type, depth);
	case SDB_TYPE_CONST: case SDB_TYPE_VOLATILE: case SDB_TYPE_RESTRICT: case SDB_TYPE_ATOMIC:
		return put_qualified(declaration, type, depth);
	case SDB_TYPE_ARRAY:
		put_dimensions(declaration, type, dimension);
		error = put(declaration, type->target, 0, depth + 1);
		if (type->flags & SDB_TYPE_VECTOR)
			text_add(&declaration->left, " __attribute__ ((vector_size))");
		declaration->derived = true;
		return error;
	case SDB_TYPE_FUNCTION:
		error = put_parameters(declaration, type, depth);
		if (!error)
			error = put(declaration, type->target, 0, depth + 1);
		declaration->derived = true;
		return error;
	default:
		return put_named(declaration, type);
	}
}

static struct sdb_error *finish(struct declaration *declaration, sdb_type_id type,
				unsigned dimension, const char *name, struct buffer *to)
{
	types_enter(declaration->types);
	struct sdb_error *error = put(declaration, type, dimension, 0);
	types_leave(declaration->types);
	if ((name && *name) || declaration->derived)
		space(&declaration->left);
	put_bytes(to, declaration->left.data, declaration->left.size);
	text_add(to, name ? name : "");
	put_bytes(to, declaration->right.data, declaration->right.size);
	to->failed |= declaration->left.failed || declaration->right.failed;
	buffer_deinit(&declaration->left);
	buffer_deinit(&declaration->right);
	return error;
}

struct sdb_error *declare(struct types *types, struct sdb_db *db, sdb_type_id type,
			  unsigned dimension,
			  const char *name, struct buffer *to)
{
	struct declaration declaration = { .types = types, .db = db, .visits = MAX_VISITS };
	return finish(&declaration, type, dimension, name, to);
}

struct sdb_error *declare_text(struct types *types, struct sdb_db *db, sdb_type_id type,
			       unsigned dimension, const char *name, const uint64_t *counts,
			       sdb_type_id counted, char **text_ret)
{
	struct declaration declaration = { .types = types, .db = db, .visits = MAX_VISITS,
					   .counts = counts, .counted = counted };
	struct buffer text = { 0 };
	struct sdb_error *error = finish(&declaration, type, dimension, name, &text);
	if (!error)
		return text_take(&text, text_ret);
	buffer_deinit(&text);
	return error;
}
