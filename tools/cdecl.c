/* SPDX-License-Identifier: MIT */
/* Declarations out of a session, which remembers their two parts. */
#include "cdecl.h"
#include "expression.h"
#include <stackdb/declaration.h>
#include <stackdb/language.h>

#include <stdlib.h>
#include <string.h>

#define MAX_KNOWN 400 /* characters; longer ones are not remembered */

/* ---- types for <stackdb/declaration.h> ------------------------------------------------------- */

static struct sdb_error *get_outline(void *arg, sdb_type_id id, struct sdb_type_outline *outline_ret)
{
	struct type_outline type = session_type(arg, id);
	*outline_ret = (struct sdb_type_outline){
		.id = type.id, .kind = type.kind, .flags = type.flags, .name = type.name,
		.scope = type.scope, .target = type.target,
	};
	return NULL;
}

static struct sdb_error *get_type(void *arg, sdb_type_id id, const struct sdb_type **type_ret)
{
	struct sdb_type *type;
	struct sdb_error *error = sdb_type(session_db(arg), id, &type);
	if (!error)
		*type_ret = type;
	return error;
}

static void release_type(void *arg, const struct sdb_type *type)
{
	(void)arg;
	sdb_type_free((struct sdb_type *)type);
}

/* Those of a function have no other name in C. */
static struct sdb_error *get_type_name(void *arg, const struct sdb_type_outline *type,
				       const char **name_ret, char **owned_ret)
{
	(void)owned_ret;
	if (!type->name)
		*name_ret = "";
	else if (type->scope.kind == SDB_SCOPE_TYPE)
		*name_ret = session_qualified(arg, (struct sdb_entity){ SDB_ENTITY_TYPE, type->id });
	else
		*name_ret = session_name(arg, type->name);
	return NULL;
}

static struct sdb_error *get_name(void *arg, sdb_name_id id, const char **name_ret)
{
	*name_ret = session_name(arg, id);
	return NULL;
}

/* What is known at run time only, of a local for one, is `*`. */
static struct sdb_error *get_length(void *arg, const struct sdb_type *type, size_t index,
				    const char **length_ret, char **owned_ret)
{
	const struct sdb_dimension *dimension = &type->dimensions[index];
	struct text text = TEXT_EMPTY;
	if (dimension->kind != SDB_DIMENSION_DYNAMIC || dimension->reference_kind != SDB_REFERENCE_VARIABLE) {
		*length_ret = dimension->kind == SDB_DIMENSION_UNBOUNDED ? "" : "*";
		return NULL;
	}
	expression_reference(arg, &text, dimension->reference_kind, dimension->reference);
	*length_ret = text_string(&text);
	*owned_ret = text.data;
	return NULL;
}

static const struct sdb_declaration *recall(void *arg, sdb_type_id id)
{
	return session_recall(arg, SESSION_DECLARATIONS, id);
}

static void keep(void *arg, sdb_type_id id, struct sdb_declaration *declaration)
{
	if (declaration->left + declaration->right <= MAX_KNOWN && !session_failed(arg))
		session_remember(arg, SESSION_DECLARATIONS, id, declaration);
	else
		free(declaration);
}

static struct sdb_declaration_source source_of(struct session *session)
{
	return (struct sdb_declaration_source){
		.arg = session, .outline = get_outline, .type = get_type, .release = release_type,
		.type_name = get_type_name, .name = get_name, .length = get_length, .recall = recall,
		.keep = keep,
	};
}

static struct sdb_declaration_style style_of(struct session *session)
{
	return (struct sdb_declaration_style){
		.hide_artificial = true, .plain_tags = session_plain_tags(session), .vector = " __vector",
	};
}

/* ---- declarations ------------------------------------------------------------------------------ */

void cdecl_head(struct session *session, struct text *to, const struct type_outline *type)
{
	const struct sdb_type_outline outline = { .id = type->id, .name = type->name, .scope = type->scope };
	const char *name = "";
	char *owned = NULL;
	bool is_namespace = type->kind == SDB_TYPE_NAMESPACE;
	if (sdb_type_tag(type->kind)) {
		cdecl_type(session, to, type->id);
		return;
	}
	session_note(session, get_type_name(session, &outline, &name, &owned));
	text_add(to, is_namespace ? "namespace " : "");
	text_add(to, *name ? name : is_namespace ? "(anonymous namespace)" : "{...}");
}

/* NAME between the two parts of DECLARATION. */
static void put_between(struct text *to, const struct sdb_declaration *declaration, const char *name,
			unsigned width)
{
	bool named = name && *name;
	size_t split = declaration->declarator ? declaration->declarator : declaration->left;
	text_addn(to, declaration->text, split);
	if (named && !declaration->declarator && split && split >= width
	    && sdb_declaration_wants_space(declaration->text[split - 1]))
		text_char(to, ' ');
	else if (named && split < width)
		text_repeat(to, ' ', width - split);
	text_addn(to, declaration->text + split, declaration->left - split);
	if (named)
		text_add(to, name);
	text_addn(to, declaration->text + declaration->left, declaration->right);
}

void cdecl_put(struct session *session, struct text *to, sdb_type_id type, const char *name,
	       unsigned width)
{
	const struct sdb_declaration_source source = source_of(session);
	const struct sdb_declaration_style style = style_of(session);
	const struct sdb_declaration *known = recall(session, type);
	struct sdb_declaration *made;
	if (known) {
		put_between(to, known, name, width);
		return;
	}
	/* NAME may be one that the session forgets as soon as it is asked for others. */
	char *kept = name && *name ? tool_strdup(name) : NULL;
	if (session_note(session, sdb_declaration_of_type(&source, &style, type, 0, &made))) {
		text_add(to, "?");
	} else {
		put_between(to, made, kept, width);
		if (made->cut)
			free(made);
		else
			keep(session, type, made);
	}
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
	const struct sdb_declaration_source source = source_of(session);
	const struct sdb_declaration_style style = style_of(session);
	struct sdb_declaration *made;
	char *name = tool_strdup(given_name);
	bool member = function->scope.kind == SDB_SCOPE_TYPE;
	/* Constructors and destructors return nothing, not even void. */
	const char *last = strrchr(name, ':') ? strrchr(name, ':') + 1 : name;
	bool unreturning = member && !function->type
		&& (last[0] == '~' || (function->parameter_count
				       && strcmp(last, session_name(session, session_type(
						 session, function->scope.id).name)) == 0));
	put_function_prefix(to, function);
	if (session_note(session, sdb_declaration_of_function(&source, &style, function, !unreturning,
							      &made))) {
		text_add(to, name);
	} else {
		put_between(to, made, name, 0);
		free(made);
	}
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
