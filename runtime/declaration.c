/* SPDX-License-Identifier: MIT */
/*
 * A declaration is what stands left of the name and what stands right of it; each type constructor
 * wraps the two parts of the type that it is made from. A budget of visits bounds the work for
 * hostile types that refer to themselves.
 */
#include "symdb/buffer.h"
#include <stackdb/declaration.h>
#include <stackdb/language.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_VISITS 2000
#define MAX_DIMENSIONS 32
#define MAX_QUALIFIERS 8

struct builder {
	const struct sdb_declaration_source *source;
	const struct sdb_declaration_style *style;
	struct buffer left;
	struct buffer right;  /* outer constructors first: each is nearer to the name than the next */
	unsigned visits;
	size_t declarator;    /* begin of the declarator in `left` when it has parentheses; else 0 */
	unsigned deepest;
	unsigned dimension;   /* of the outermost array: the first that counts */
	bool derived, cut;
};

static struct sdb_error *put(struct builder *builder, sdb_type_id id, unsigned depth);

static void add(struct buffer *to, const char *text)
{
	put_bytes(to, text, strlen(text));
}

static char last_of(const struct buffer *text)
{
	return text->size ? (char)text->data[text->size - 1] : '\0';
}

bool sdb_declaration_wants_space(char last)
{
	return last && !strchr("*&( ", last);
}

static void space(struct buffer *left)
{
	if (sdb_declaration_wants_space(last_of(left)))
		put_u8(left, ' ');
}

static bool is_reference(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_REFERENCE || kind == SDB_TYPE_RVALUE_REFERENCE;
}

/* Whether what qualifies types of KIND stands behind them, as in `int *const`. */
static bool is_qualified_behind(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_POINTER || is_reference(kind) || kind == SDB_TYPE_MEMBER_POINTER;
}

static struct builder inner_of(const struct builder *builder)
{
	return (struct builder){ .source = builder->source, .style = builder->style,
		.visits = builder->visits };
}

static void builder_deinit(struct builder *builder)
{
	buffer_deinit(&builder->left);
	buffer_deinit(&builder->right);
}

static struct sdb_error *outline(struct builder *builder, sdb_type_id id,
				 struct sdb_type_outline *outline_ret)
{
	return builder->source->outline(builder->source->arg, id, outline_ret);
}

static void release(struct builder *builder, const struct sdb_type *type)
{
	if (builder->source->release)
		builder->source->release(builder->source->arg, type);
}

/* ---- what is kept ---------------------------------------------------------------------------- */

/* The parts of BUILDER as one piece. */
static struct sdb_error *finish(const struct builder *builder, struct sdb_declaration **declaration_ret)
{
	size_t left = builder->left.size, right = builder->right.size;
	struct sdb_declaration *made = NULL;
	if (!builder->left.failed && !builder->right.failed && left < UINT32_MAX && right < UINT32_MAX)
		made = malloc(sizeof(*made) + left + right + 1);
	if (!made)
		return sdb_error_new(SDB_ERROR_MEMORY, "out of memory for a declaration");
	*made = (struct sdb_declaration){
		.left = (uint32_t)left, .right = (uint32_t)right, .declarator = (uint32_t)builder->declarator,
		.visits = (uint16_t)(MAX_VISITS - builder->visits), .depth = (uint16_t)builder->deepest,
		.derived = builder->derived, .cut = builder->cut,
	};
	if (left)
		memcpy(made->text, builder->left.data, left);
	if (right)
		memcpy(made->text + left, builder->right.data, right);
	made->text[left + right] = '\0';
	*declaration_ret = made;
	return NULL;
}

static void append(struct builder *builder, const struct sdb_declaration *part)
{
	if (part->declarator)
		builder->declarator = builder->left.size + part->declarator;
	put_bytes(&builder->left, part->text, part->left);
	put_bytes(&builder->right, part->text + part->left, part->right);
	builder->derived = part->derived;
}

/*
 * Both parts of ID, which begins a declaration of its own (no declarator is open). They are the same wherever
 * there is room for its depth and its visits, so they are kept.
 */
static struct sdb_error *put_whole(struct builder *builder, sdb_type_id id, unsigned depth)
{
	const struct sdb_declaration_source *source = builder->source;
	const struct sdb_declaration *known = source->recall ? source->recall(source->arg, id) : NULL;
	if (known && known->visits < builder->visits && depth + known->depth <= MAX_DEPTH) {
		builder->visits -= known->visits;
		if (depth + known->depth > builder->deepest)
			builder->deepest = depth + known->depth;
		append(builder, known);
		return NULL;
	}
	struct builder inner = inner_of(builder);
	inner.deepest = depth;
	struct sdb_declaration *made = NULL;
	struct sdb_error *error = put(&inner, id, depth);
	if (!error)
		error = finish(&inner, &made);
	if (!error) {
		append(builder, made);
		made->visits = (uint16_t)(builder->visits - inner.visits);
		made->depth = (uint16_t)(inner.deepest - depth);
	}
	builder->visits = inner.visits;
	builder->cut |= inner.cut;
	if (inner.deepest > builder->deepest)
		builder->deepest = inner.deepest;
	builder_deinit(&inner);
	if (made && !made->cut && source->keep)
		source->keep(source->arg, id, made);
	else
		free(made);
	return error;
}

/* ---- kinds of types --------------------------------------------------------------------------- */

static struct sdb_error *put_name(struct builder *builder, const struct sdb_type_outline *type,
				  const char *otherwise)
{
	const char *name = "";
	char *owned = NULL;
	struct sdb_error *error = builder->source->type_name(builder->source->arg, type, &name, &owned);
	if (!error)
		add(&builder->left, *name ? name : otherwise);
	free(owned);
	return error;
}

static struct sdb_error *put_named(struct builder *builder, const struct sdb_type_outline *type)
{
	const char *tag = sdb_type_tag(type->kind);
	if (tag && (!type->name || !builder->style->plain_tags)) {
		add(&builder->left, tag);
		put_u8(&builder->left, ' ');
	}
	return put_name(builder, type, tag ? "{...}"
			: type->kind == SDB_TYPE_NONE && !type->id ? "void" : "?");
}

static struct sdb_error *put_dimension(struct builder *builder, const struct sdb_type *type, size_t index)
{
	struct buffer *right = &builder->right;
	const char *length = "";
	char number[24], *owned = NULL;
	struct sdb_error *error = NULL;
	if (type->dimensions[index].kind == SDB_DIMENSION_COUNT) {
		snprintf(number, sizeof(number), "%llu", (unsigned long long)type->dimensions[index].count);
		length = number;
	} else {
		error = builder->source->length(builder->source->arg, type, index, &length, &owned);
	}
	put_u8(right, '[');
	add(right, length);
	put_u8(right, ']');
	free(owned);
	return error;
}

/* `[16][2]`, behind what is nearer to the name. */
static struct sdb_error *put_array(struct builder *builder, const struct sdb_type_outline *array,
				   unsigned depth)
{
	const struct sdb_type *type;
	struct sdb_error *error = builder->source->type(builder->source->arg, array->id, &type);
	if (error)
		return error;
	for (size_t i = builder->dimension; i < type->dimension_count && i < MAX_DIMENSIONS && !error; i++)
		error = put_dimension(builder, type, i);
	if (type->dimension_count == 0)
		add(&builder->right, "[]");
	release(builder, type);
	builder->dimension = 0;
	if (!error)
		error = put(builder, array->target, depth + 1);
	if (array->flags & SDB_TYPE_VECTOR)
		add(&builder->left, builder->style->vector);
	builder->derived = true;
	return error;
}

static bool is_this(const struct sdb_parameter *parameter, size_t index)
{
	return index == 0 && parameter->flags & SDB_LOCAL_ARTIFICIAL;
}

/* PARAMETER, with its name when NAMED. */
static struct sdb_error *put_parameter(struct builder *builder, const struct sdb_parameter *parameter,
				       size_t index, bool named, unsigned depth)
{
	struct builder inner = inner_of(builder);
	const char *name = "";
	struct buffer *right = &builder->right;
	inner.deepest = builder->deepest;
	struct sdb_error *error = put_whole(&inner, parameter->type, depth + 1);
	/* `this`, which gdb has const whatever the debuginfo says */
	if (is_this(parameter, index) && last_of(&inner.left) == '*')
		add(&inner.left, builder->style->wide ? " const" : "const");
	if (!error && named && parameter->name && builder->source->name)
		error = builder->source->name(builder->source->arg, parameter->name, &name);
	if (*name)
		space(&inner.left);
	add(&inner.left, name);
	put_bytes(right, inner.left.data, inner.left.size);
	if (builder->style->wide && inner.right.size && last_of(right) != '(' && last_of(right) != '*')
		put_u8(right, ' ');
	put_bytes(right, inner.right.data, inner.right.size);
	builder->visits = inner.visits;
	builder->deepest = inner.deepest;
	builder->cut |= inner.cut;
	builder_deinit(&inner);
	return error;
}

struct parameters {
	const struct sdb_parameter *list;
	size_t count;
	bool variadic, prototyped, named;
};

static struct sdb_error *put_parameters(struct builder *builder, const struct parameters *parameters,
					unsigned depth)
{
	struct buffer *right = &builder->right;
	struct sdb_error *error = NULL;
	size_t shown = 0;
	put_u8(right, '(');
	for (size_t i = 0; i < parameters->count && !error; i++) {
		if (builder->style->hide_artificial && parameters->list[i].flags & SDB_LOCAL_ARTIFICIAL)
			continue;
		if (shown++)
			add(right, ", ");
		if (builder->visits == 0) {
			add(right, "...");
			builder->cut = true;
			break;
		}
		error = put_parameter(builder, &parameters->list[i], i, parameters->named, depth);
	}
	/* gdb writes `(void)` in C++, too */
	bool says_void = builder->style->plain_tags ? builder->style->wide : parameters->prototyped;
	if (parameters->variadic)
		add(right, shown ? ", ..." : "...");
	else if (!shown && says_void)
		add(right, "void");
	put_u8(right, ')');
	return error;
}

static struct sdb_error *put_function(struct builder *builder, const struct sdb_type_outline *function,
				      unsigned depth)
{
	const struct sdb_type *type;
	struct sdb_error *error = builder->source->type(builder->source->arg, function->id, &type);
	if (error)
		return error;
	const struct parameters parameters = {
		.list = type->parameters, .count = type->parameter_count,
		.variadic = type->flags & SDB_TYPE_VARIADIC, .prototyped = type->flags & SDB_TYPE_PROTOTYPED,
	};
	error = put_parameters(builder, &parameters, depth);
	release(builder, type);
	if (!error)
		error = put(builder, function->target, depth + 1);
	builder->derived = true;
	return error;
}

/* `Class::*` */
static struct sdb_error *put_member_star(struct builder *builder, sdb_type_id id)
{
	const struct sdb_type *type;
	struct sdb_type_outline class;
	struct sdb_error *error = builder->source->type(builder->source->arg, id, &type);
	if (error)
		return error;
	error = outline(builder, type->containing, &class);
	release(builder, type);
	if (!error)
		error = put_name(builder, &class, "?");
	add(&builder->left, "::*");
	return error;
}

/* What ID is behind its qualifiers. */
static struct sdb_error *behind_qualifiers(struct builder *builder, sdb_type_id id,
					   struct sdb_type_outline *type_ret)
{
	struct sdb_error *error = outline(builder, id, type_ret);
	for (unsigned i = 0; i < MAX_QUALIFIERS && !error && sdb_type_qualifier(type_ret->kind); i++)
		error = outline(builder, type_ret->target, type_ret);
	return error;
}

/* `*`, `&`, `Class::*` around its target, in parentheses where C needs them. */
static struct sdb_error *put_pointer(struct builder *builder, const struct sdb_type_outline *type,
				     unsigned depth)
{
	struct sdb_type_outline target, inner;
	struct sdb_error *error = outline(builder, type->target, &target);
	if (error)
		return error;
	/* Inner parts go to the right of this declarator, so its own closing comes first. */
	bool wrap = target.kind == SDB_TYPE_ARRAY || target.kind == SDB_TYPE_FUNCTION;
	if (wrap)
		put_u8(&builder->right, ')');
	error = put(builder, type->target, depth + 1);
	if (!error)
		error = behind_qualifiers(builder, type->target, &inner);
	if (error)
		return error;
	/* gdb: `int * const *`, but `int * const&` */
	bool tight = builder->style->wide && is_reference(type->kind) && sdb_type_qualifier(target.kind)
		&& is_qualified_behind(inner.kind);
	if (!tight)
		space(&builder->left);
	builder->derived = false;
	if (wrap) {
		if (!builder->declarator)
			builder->declarator = builder->left.size;
		put_u8(&builder->left, '(');
	}
	if (type->kind == SDB_TYPE_MEMBER_POINTER)
		return put_member_star(builder, type->id);
	add(&builder->left, type->kind == SDB_TYPE_POINTER ? "*"
	    : type->kind == SDB_TYPE_REFERENCE ? "&" : "&&");
	return NULL;
}

static struct sdb_error *put_qualified(struct builder *builder, const struct sdb_type_outline *type,
				       unsigned depth)
{
	struct buffer *left = &builder->left;
	struct sdb_type_outline target;
	struct sdb_error *error = outline(builder, type->target, &target);
	/* What qualifies an array qualifies its elements, which compilers often say once more. */
	bool said = false;
	for (unsigned i = 0; i < MAX_QUALIFIERS && !error
	     && (sdb_type_qualifier(target.kind) || target.kind == SDB_TYPE_ARRAY); i++) {
		error = outline(builder, target.target, &target);
		said |= !error && target.kind == type->kind;
	}
	if (error || said)
		return error ? error : put(builder, type->target, depth + 1);
	bool behind = is_qualified_behind(target.kind);
	if (!behind) {
		add(left, sdb_type_qualifier(type->kind));
		put_u8(left, ' ');
	}
	error = put(builder, type->target, depth + 1);
	if (!error && behind) {
		if (builder->style->wide && last_of(left) != ' ')
			put_u8(left, ' ');
		else if (!builder->style->wide)
			space(left);
		add(left, sdb_type_qualifier(type->kind));
	}
	return error;
}

static struct sdb_error *put(struct builder *builder, sdb_type_id id, unsigned depth)
{
	struct sdb_type_outline type;
	if (depth > MAX_DEPTH || builder->visits == 0) {
		add(&builder->left, "...");
		builder->cut = true;
		return NULL;
	}
	builder->visits--;
	if (depth > builder->deepest)
		builder->deepest = depth;
	struct sdb_error *error = outline(builder, id, &type);
	if (error)
		return error;
	switch (type.kind) {
	case SDB_TYPE_POINTER: case SDB_TYPE_REFERENCE: case SDB_TYPE_RVALUE_REFERENCE:
	case SDB_TYPE_MEMBER_POINTER:
		/* Rust and Ada name their pointer types; those read better than their targets. */
		return type.name ? put_named(builder, &type) : put_pointer(builder, &type, depth);
	case SDB_TYPE_CONST: case SDB_TYPE_VOLATILE: case SDB_TYPE_RESTRICT: case SDB_TYPE_ATOMIC:
		return put_qualified(builder, &type, depth);
	case SDB_TYPE_ARRAY:
		return put_array(builder, &type, depth);
	case SDB_TYPE_FUNCTION:
		return put_function(builder, &type, depth);
	default:
		return put_named(builder, &type);
	}
}

/* ---- public ------------------------------------------------------------------------------------ */

struct sdb_error *sdb_declaration_of_type(const struct sdb_declaration_source *source,
					  const struct sdb_declaration_style *style,
					  sdb_type_id id, unsigned dimension,
					  struct sdb_declaration **declaration_ret)
{
	struct builder builder = { .source = source, .style = style, .visits = MAX_VISITS,
		.dimension = dimension };
	struct sdb_error *error = put(&builder, id, 0);
	if (!error)
		error = finish(&builder, declaration_ret);
	builder_deinit(&builder);
	return error;
}

struct sdb_error *sdb_declaration_of_function(const struct sdb_declaration_source *source,
					      const struct sdb_declaration_style *style,
					      const struct sdb_function *function, bool returns,
					      struct sdb_declaration **declaration_ret)
{
	const struct parameters parameters = {
		.list = function->parameters, .count = function->parameter_count,
		.variadic = function->flags & SDB_FUNCTION_VARIADIC,
		.prototyped = function->flags & SDB_FUNCTION_PROTOTYPED, .named = true,
	};
	struct builder builder = { .source = source, .style = style, .visits = MAX_VISITS };
	struct sdb_error *error = put_parameters(&builder, &parameters, 0);
	if (!error && returns)
		error = put_whole(&builder, function->type, 0);
	if (!error)
		error = finish(&builder, declaration_ret);
	builder_deinit(&builder);
	return error;
}
