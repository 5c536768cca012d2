/* SPDX-License-Identifier: MIT */
/*
 * A declaration is what stands left of the name and what stands right of it; each type
 * constructor wraps the two parts of the type it is made from. A budget of visits bounds
 * the work for hostile types that refer to themselves.
 */
#include "cdecl.h"
#include "expression.h"
#include <stackdb/language.h>

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 32
#define MAX_VISITS 2000
#define MAX_KNOWN 400 /* characters; longer ones are not remembered */

struct decl {
	struct session *session;
	struct text *left;
	struct text *right; /* outer constructors first: each is nearer to the name than the next */
	unsigned visits;
	size_t declarator; /* begin of the declarator in `left` when it has parentheses; else 0 */
	unsigned deepest;
	bool cut; /* depth or visits did not suffice */
};

/*
 * The two parts of a type's declaration, remembered by the session. They are the same wherever
 * there is room for its depth and its visits.
 */
struct known {
	uint32_t left, right, declarator; /* lengths of the two; as in struct decl */
	uint16_t visits;
	uint16_t depth; /* of what it is made of */
	char text[];    /* left, right */
};

static void put_decl(struct decl *decl, sdb_type_id id, unsigned depth);

static bool is_derived_suffix(enum sdb_type_kind kind)
{
	return kind == SDB_TYPE_ARRAY || kind == SDB_TYPE_FUNCTION;
}

static bool wants_space(const char *left, size_t size)
{
	return size && !strchr("*&( ", left[size - 1]);
}

static void space_before_declarator(struct text *left)
{
	if (wants_space(left->data, left->size))
		text_char(left, ' ');
}

/* ---- what is remembered ----------------------------------------------------------------- */

/* As put_decl(), which it remembers. */
static void put_type(struct decl *decl, sdb_type_id id, unsigned depth)
{
	struct text left = TEXT_EMPTY, right = TEXT_EMPTY;
	struct decl inner = { decl->session, &left, &right, decl->visits, 0, depth, false };
	put_decl(&inner, id, depth);
	if (!inner.cut && !session_failed(decl->session) && left.size + right.size <= MAX_KNOWN) {
		struct known *known = tool_alloc(sizeof(*known) + left.size + right.size);
		*known = (struct known){ (uint32_t)left.size, (uint32_t)right.size,
					 (uint32_t)inner.declarator,
					 (uint16_t)(decl->visits - inner.visits),
					 (uint16_t)(inner.deepest - depth) };
		memcpy(known->text, left.data, left.size);
		if (right.size)
			memcpy(known->text + left.size, right.data, right.size);
		session_remember(decl->session, SESSION_DECLARATIONS, id, known);
	}
	if (inner.declarator)
		decl->declarator = decl->left->size + inner.declarator;
	text_addn(decl->left, left.data, left.size);
	text_addn(decl->right, right.data, right.size);
	decl->visits = inner.visits;
	decl->cut |= inner.cut;
	if (inner.deepest > decl->deepest)
		decl->deepest = inner.deepest;
	free(left.data);
	free(right.data);
}

/* What is known of ID, if there is room for it at DEPTH. */
static const struct known *find_known(const struct decl *decl, sdb_type_id id, unsigned depth)
{
	const struct known *known = session_recall(decl->session, SESSION_DECLARATIONS, id);
	return known && known->visits < decl->visits && depth + known->depth <= MAX_DEPTH ? known
											  : NULL;
}

/* Both parts of ID, which begins a declaration of its own (no declarator is open). */
static void put_whole(struct decl *decl, sdb_type_id id, unsigned depth)
{
	const struct known *known = find_known(decl, id, depth);
	if (!known) {
		put_type(decl, id, depth);
		return;
	}
	decl->visits -= known->visits;
	if (depth + known->depth > decl->deepest)
		decl->deepest = depth + known->depth;
	if (known->declarator)
		decl->declarator = decl->left->size + known->declarator;
	text_addn(decl->left, known->text, known->left);
	text_addn(decl->right, known->text + known->left, known->right);
}

/* ---- kinds of types ----------------------------------------------------------------------- */

void cdecl_head(struct session *session, struct text *to, const struct type_outline *type)
{
	bool space = type->kind == SDB_TYPE_NAMESPACE;
	const char *tag = space ? "namespace" : sdb_type_tag(type->kind);
	bool named = type->name != 0;
	if (tag && (!named || space || !session_plain_tags(session))) {
		text_add(to, tag);
		text_char(to, ' ');
	}
	if (named
	    && type->scope.kind != SDB_SCOPE_TYPE) /* those of a function have no other name in C */
		text_add(to, session_name(session, type->name));
	else if (named)
		text_add(to, session_qualified(session,
					       (struct sdb_entity){ SDB_ENTITY_TYPE, type->id }));
	else if (space)
		text_add(to, "(anonymous namespace)");
	else
		text_add(to, "{...}");
}

static void put_named(struct decl *decl, const struct type_outline *type)
{
	switch (type->kind) {
	case SDB_TYPE_STRUCT: case SDB_TYPE_CLASS: case SDB_TYPE_UNION: case SDB_TYPE_ENUM:
		cdecl_head(decl->session, decl->left, type);
		return;
	case SDB_TYPE_NONE:
		text_add(decl->left, type->id ? "?" : "void");
		return;
	default:
		if (type->name && type->scope.kind == SDB_SCOPE_TYPE)
			text_add(decl->left,
				 session_qualified(
					 decl->session,
					 (struct sdb_entity){ SDB_ENTITY_TYPE, type->id }));
		else
			text_add(decl->left,
				 type->name ? session_name(decl->session, type->name) : "?");
	}
}

/* `[16][2]` of an array type. */
static void put_dimensions(struct decl *decl, sdb_type_id id)
{
	struct sdb_type *type;
	if (session_note(decl->session, sdb_type(session_db(decl->session), id, &type)))
		return;
	for (size_t i = 0; i < type->dimension_count && i < 32; i++) {
		const struct sdb_dimension *dimension = &type->dimensions[i];
		text_char(decl->right, '[');
		if (dimension->kind == SDB_DIMENSION_COUNT)
			text_u64(decl->right, dimension->count);
		else if (dimension->kind == SDB_DIMENSION_DYNAMIC
			 && dimension->reference_kind == SDB_REFERENCE_VARIABLE)
			expression_reference(decl->session, decl->right, dimension->reference_kind,
					     dimension->reference);
		else if (dimension->kind != SDB_DIMENSION_UNBOUNDED)
			text_char(decl->right,
				  '*'); /* known at run time only, of a local for one */
		text_char(decl->right, ']');
	}
	if (type->dimension_count == 0)
		text_add(decl->right, "[]");
	sdb_type_free(type);
}

static void put_parameters(struct decl *decl, const struct sdb_parameter *parameters, size_t count,
			   bool variadic, bool prototyped, bool names, unsigned depth)
{
	size_t put = 0;
	text_char(decl->right, '(');
	for (size_t i = 0; i < count; i++) {
		if (parameters[i].flags & SDB_LOCAL_ARTIFICIAL)
			continue;
		if (put++)
			text_add(decl->right, ", ");
		if (decl->visits == 0) {
			text_add(decl->right, "...");
			decl->cut = true;
			break;
		}
		struct text left = TEXT_EMPTY, right = TEXT_EMPTY;
		struct decl inner = { decl->session, &left, &right, decl->visits, 0,
				      decl->deepest, false };
		put_whole(&inner, parameters[i].type, depth + 1);
		decl->visits = inner.visits;
		decl->deepest = inner.deepest;
		decl->cut |= inner.cut;
		if (names && parameters[i].name) {
			space_before_declarator(&left);
			text_add(&left, session_name(decl->session, parameters[i].name));
		}
		text_addn(decl->right, left.data, left.size);
		text_addn(decl->right, right.data, right.size);
		free(left.data);
		free(right.data);
	}
	if (variadic)
		text_add(decl->right, put ? ", ..." : "...");
	else if (!put && prototyped && !session_plain_tags(decl->session))
		text_add(decl->right, "void");
	text_char(decl->right, ')');
}

static void put_function_type(struct decl *decl, const struct type_outline *outline, unsigned depth)
{
	struct sdb_type *type;
	if (session_note(decl->session, sdb_type(session_db(decl->session), outline->id, &type))) {
		text_add(decl->right, "()");
		return;
	}
	put_parameters(decl, type->parameters, type->parameter_count,
		       type->flags & SDB_TYPE_VARIADIC, type->flags & SDB_TYPE_PROTOTYPED, false,
		       depth);
	sdb_type_free(type);
}

/* `*`, `&`, `Class::*` around TARGET, in parentheses where C needs them. */
static void put_pointer(struct decl *decl, const struct type_outline *type, unsigned depth)
{
	struct type_outline target = session_type(decl->session, type->target);
	/* Inner parts go to the right of this declarator, so its own closing comes first. */
	bool wrap = is_derived_suffix(target.kind);
	if (wrap)
		text_char(decl->right, ')');
	put_decl(decl, type->target, depth + 1);
	space_before_declarator(decl->left);
	if (wrap) {
		if (!decl->declarator)
			decl->declarator = decl->left->size;
		text_char(decl->left, '(');
	}
	if (type->kind == SDB_TYPE_MEMBER_POINTER) {
		struct type_outline class = session_type(decl->session, type->containing);
		text_add(decl->left,
			 class.name ? session_qualified(
				 decl->session, (struct sdb_entity){ SDB_ENTITY_TYPE, class.id })
				    : "?");
		text_add(decl->left, "::*");
	} else {
		text_add(decl->left, type->kind == SDB_TYPE_POINTER ? "*"
			 : type->kind == SDB_TYPE_REFERENCE ? "&" : "&&");
	}
}

static void put_qualified(struct decl *decl, const struct type_outline *type, unsigned depth)
{
	struct type_outline target = session_type(decl->session, type->target);
	/* What qualifies an array qualifies its elements, which compilers often say once more. */
	bool said = false;
	for (unsigned i = 0; i < 8 && (sdb_type_qualifier(target.kind) || target.kind == SDB_TYPE_ARRAY);
	     i++) {
		target = session_type(decl->session, target.target);
		said |= target.kind == type->kind;
	}
	if (said) {
		put_decl(decl, type->target, depth + 1);
		return;
	}
	bool after = target.kind == SDB_TYPE_POINTER || target.kind == SDB_TYPE_REFERENCE
		|| target.kind == SDB_TYPE_RVALUE_REFERENCE
		|| target.kind == SDB_TYPE_MEMBER_POINTER;
	if (!after) {
		text_add(decl->left, sdb_type_qualifier(type->kind));
		text_char(decl->left, ' ');
	}
	put_decl(decl, type->target, depth + 1);
	if (after) {
		space_before_declarator(decl->left);
		text_add(decl->left, sdb_type_qualifier(type->kind));
	}
}

static void put_decl(struct decl *decl, sdb_type_id id, unsigned depth)
{
	if (depth > MAX_DEPTH || decl->visits == 0) {
		text_add(decl->left, "...");
		decl->cut = true;
		return;
	}
	decl->visits--;
	if (depth > decl->deepest)
		decl->deepest = depth;
	struct type_outline type = session_type(decl->session, id);
	switch (type.kind) {
	case SDB_TYPE_POINTER: case SDB_TYPE_REFERENCE: case SDB_TYPE_RVALUE_REFERENCE:
	case SDB_TYPE_MEMBER_POINTER:
		/* Rust and Ada name their pointer types; those read better than their targets. */
		if (type.name && session_plain_tags(decl->session))
			put_named(decl, &type);
		else
			put_pointer(decl, &type, depth);
		break;
	case SDB_TYPE_CONST: case SDB_TYPE_VOLATILE: case SDB_TYPE_RESTRICT: case SDB_TYPE_ATOMIC:
		put_qualified(decl, &type, depth);
		break;
	case SDB_TYPE_ARRAY:
		put_dimensions(decl, id);
		put_decl(decl, type.target, depth + 1);
		if (type.flags & SDB_TYPE_VECTOR)
			text_add(decl->left, " __vector");
		break;
	case SDB_TYPE_FUNCTION:
		put_function_type(decl, &type, depth);
		put_decl(decl, type.target, depth + 1);
		break;
	default:
		put_named(decl, &type);
	}
}

/* NAME between the two parts of KNOWN, whose texts are LEFT and RIGHT. */
static void finish(struct text *to, const struct known *known, const char *left, const char *right,
		   const char *name, unsigned width)
{
	bool named = name && *name;
	size_t split = known->declarator ? known->declarator : known->left;
	text_addn(to, left, split);
	if (named && !known->declarator && split >= width && wants_space(left, split))
		text_char(to, ' ');
	else if (named && split < width)
		text_repeat(to, ' ', width - split);
	text_addn(to, left + split, known->left - split);
	if (named)
		text_add(to, name);
	text_addn(to, right, known->right);
}

static void finish_decl(struct text *to, struct decl *decl, const char *name, unsigned width)
{
	struct known known = { (uint32_t)decl->left->size, (uint32_t)decl->right->size,
			       (uint32_t)decl->declarator, 0, 0 };
	finish(to, &known, decl->left->data, decl->right->data, name, width);
	free(decl->left->data);
	free(decl->right->data);
}

void cdecl_put(struct session *session, struct text *to, sdb_type_id type, const char *name,
	       unsigned width)
{
	struct text left = TEXT_EMPTY, right = TEXT_EMPTY;
	struct decl decl = { session, &left, &right, MAX_VISITS, 0, 0, false };
	const struct known *known = find_known(&decl, type, 0);
	if (known) {
		finish(to, known, known->text, known->text + known->left, name, width);
		return;
	}
	/* NAME may be one that the session forgets as soon as it is asked for others. */
	char *kept = name && *name ? tool_strdup(name) : NULL;
	put_type(&decl, type, 0);
	finish_decl(to, &decl, kept, width);
	free(kept);
}

void cdecl_type(struct session *session, struct text *to, sdb_type_id type)
{
	cdecl_put(session, to, type, NULL, 0);
}

static void put_function_prefix(struct text *left, const struct sdb_function *function)
{
	bool member = function->scope.kind == SDB_SCOPE_TYPE;
	if ((!member && !(function->flags & SDB_FUNCTION_EXTERNAL))
	    || (function->flags & SDB_FUNCTION_STATIC_MEMBER))
		text_add(left, "static ");
	if (function->flags & SDB_FUNCTION_DECLARED_INLINE)
		text_add(left, "inline ");
	if (function->flags & SDB_FUNCTION_EXPLICIT)
		text_add(left, "explicit ");
	if (function->flags & (SDB_FUNCTION_VIRTUAL | SDB_FUNCTION_PURE_VIRTUAL))
		text_add(left, "virtual ");
	if (function->flags & SDB_FUNCTION_NORETURN)
		text_add(left, "_Noreturn ");
}

static bool object_is_const(struct session *session, const struct sdb_function *function)
{
	for (size_t i = 0; i < function->parameter_count; i++) {
		if (!(function->parameters[i].flags & SDB_LOCAL_OBJECT_POINTER)
		    && !(i == 0 && function->parameters[i].flags & SDB_LOCAL_ARTIFICIAL))
			continue;
		/* `this` is a const pointer in definitions. */
		struct type_outline pointer = session_stripped(session,
							       function->parameters[i].type);
		return pointer.kind == SDB_TYPE_POINTER
			&& session_type(session, pointer.target).kind == SDB_TYPE_CONST;
	}
	return false;
}

void cdecl_prototype(struct session *session, struct text *to, const struct sdb_function *function,
		     const char *given_name)
{
	char *name = tool_strdup(given_name);
	struct text left = TEXT_EMPTY, right = TEXT_EMPTY;
	struct decl decl = { session, &left, &right, MAX_VISITS, 0, 0, false };
	put_function_prefix(&left, function);
	put_parameters(&decl, function->parameters, function->parameter_count,
		       function->flags & SDB_FUNCTION_VARIADIC,
		       function->flags & SDB_FUNCTION_PROTOTYPED, true, 0);
	bool member = function->scope.kind == SDB_SCOPE_TYPE;
	/* Constructors and destructors return nothing, not even void. */
	const char *last = strrchr(name, ':') ? strrchr(name, ':') + 1 : name;
	bool unreturning = member && !function->type
		&& (last[0] == '~' || (function->parameter_count
				       && strcmp(last, session_name(session, session_type(
						 session, function->scope.id).name)) == 0));
	if (!unreturning)
		put_whole(&decl, function->type, 0);
	finish_decl(to, &decl, name, 0);
	free(name);
	if (member && object_is_const(session, function))
		text_add(to, " const");
	if (function->flags & SDB_FUNCTION_REFERENCE)
		text_add(to, " &");
	if (function->flags & SDB_FUNCTION_RVALUE_REFERENCE)
		text_add(to, " &&");
	if (function->flags & SDB_FUNCTION_PURE_VIRTUAL)
		text_add(to, " = 0");
	if (function->flags & SDB_FUNCTION_DELETED)
		text_add(to, " = delete");
	if (function->flags & SDB_FUNCTION_DEFAULTED)
		text_add(to, " = default");
}

void cdecl_templates(struct session *session, struct text *to, const struct sdb_template *templates,
		     size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct sdb_template *argument = &templates[i];
		text_add(to, i ? ", " : "<");
		switch (argument->kind) {
		case SDB_TEMPLATE_TYPE:
			cdecl_type(session, to, argument->type);
			break;
		case SDB_TEMPLATE_VALUE:
			if (argument->has_value)
				text_s64(to, argument->value);
			else
				text_add(to, "?");
			break;
		case SDB_TEMPLATE_TEMPLATE:
			text_add(to, session_name(session, argument->text));
			break;
		case SDB_TEMPLATE_PACK:
			text_add(to, "...");
			break;
		}
	}
	if (count)
		text_char(to, '>');
}
