/* SPDX-License-Identifier: MIT */
/* Names of one frame and one module. */
#include "module_name.h"
#include "or_nothing.h"
#include "value.h"

#include <elf.h>
#include <stackdb/expression.h>
#include <stdlib.h>
#include <string.h>

/* ---- what stands in front of a name ---------------------------------------------------------- */

/* Whether PATH ends with NAME at the begin of a part of it. */
static bool ends_with(const char *path, const char *name)
{
	size_t length = strlen(path), tail = strlen(name);
	return tail && length >= tail && strcmp(path + length - tail, name) == 0
		&& (length == tail || path[length - tail - 1] == '/' || name[0] == '/');
}

static bool is_module(struct sdb_db *db, const char *where)
{
	const struct sdb_db_info *info = sdb_db_info(db);
	return module_name_matches(info->module_name, where)
		|| (info->soname && strcmp(info->soname, where) == 0)
		|| ends_with(info->module_path, where);
}

/* Whether what is declared at DECL, of unit UNIT, is in file WHERE. */
static struct sdb_error *is_in_file(struct sdb_db *db, const char *where,
				    const struct sdb_decl *decl,
				    sdb_unit_id unit_id, bool *is_ret)
{
	struct sdb_unit unit;
	char *text;
	struct sdb_error *error = NULL;
	*is_ret = false;
	if (decl->file) {
		error = sdb_file(db, decl->file, &text);
		if (error)
			return error;
		*is_ret = ends_with(text, where);
		free(text);
	}
	if (*is_ret || !unit_id)
		return NULL;
	error = sdb_unit(db, unit_id, &unit);
	if (!error)
		error = sdb_name(db, unit.name, &text);
	if (error)
		return error;
	*is_ret = ends_with(text, where);
	free(text);
	return NULL;
}

/* ---- variables, functions, enumerators ------------------------------------------------------- */

struct search {
	const struct sdb_context *context;
	const char *where;  /* a file; NULL: any */
	const char *last;   /* of the name, behind all `::` */
	const char *inside; /* the function that it is static in; NULL: none is named */
	sdb_unit_id unit;   /* of the frame: its own variables come first */
	struct sdb_entity found;
	unsigned quality;   /* of what was found: 0 nothing */
	uint64_t entry;     /* in the target, of a function that is found by its symbol; else 0 */
	uint64_t symbol;    /* the same, of a symbol of that name; 0: none */
};

enum { WITH_CODE = 8 }; /* a part of the quality: there is more of it than copies in others */

/* A variable that is looked for among those of the functions with one name. */
struct home_search {
	const struct sdb_context *context;
	uint64_t address;
	bool found;
};

static struct sdb_error *take_home(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct home_search *search = arg;
	struct sdb_instance *instances = NULL;
	size_t count = 0;
	(void)name, (void)text;
	struct sdb_error *error = sdb_function_instances(search->context->db, entity.id, &instances, &count);
	for (size_t i = 0; i < count && !error && !search->found; i++) {
		struct sdb_code *code;
		error = sdb_code_at(search->context->db, instances[i].address, SDB_CODE_WITH_VARIABLES, &code);
		for (size_t j = 0; !error && j < code->variable_count; j++)
			search->found |= code->variables[j].location.kind == SDB_LOCATION_ADDRESS
				&& code->variables[j].location.address == search->address;
		if (!error)
			sdb_code_free(code);
	}
	free(instances);
	return or_nothing(error); /* it may be declared only */
}

/* Whether VARIABLE is one of the function that the search names: the code of that says where its variables are. */
static struct sdb_error *is_inside(const struct search *search, const struct sdb_variable *variable,
				   bool *is_ret)
{
	struct home_search home = { search->context, variable->location.address, false };
	*is_ret = !search->inside;
	if (*is_ret || variable->location.kind != SDB_LOCATION_ADDRESS)
		return NULL;
	struct sdb_error *error = sdb_lookup(search->context->db, search->inside, SDB_MATCH_EXACT, 1u << SDB_ENTITY_FUNCTION,
					     take_home, &home);
	*is_ret = home.found;
	return or_nothing(error);
}

static struct sdb_error *take_variable(struct search *search, struct sdb_entity entity)
{
	struct sdb_variable *variable;
	bool fits = true, inside = true;
	struct sdb_error *error = sdb_variable(search->context->db, entity.id, &variable);
	if (error)
		return error;
	if (search->where)
		error = is_in_file(search->context->db, search->where, &variable->decl,
				   variable->unit, &fits);
	if (!error)
		error = is_inside(search, variable, &inside);
	/*
	 * Those of the frame's own file come before those that all files see, static ones of others
	 * last.
	 */
	unsigned quality = 1 + (variable->location.kind != SDB_LOCATION_NONE) * 16u
		+ (variable->scope.kind != SDB_SCOPE_FUNCTION) * 8u
		+ (search->unit && variable->unit == search->unit) * 4u
		+ (variable->flags & SDB_VARIABLE_EXTERNAL ? 2u : 0u);
	if (!error && fits && inside && quality > search->quality) {
		search->quality = quality;
		search->found = entity;
	}
	sdb_variable_free(variable);
	return error;
}

static struct sdb_error *take_function(struct search *search, struct sdb_entity entity)
{
	struct sdb_function *function;
	struct sdb_instance *instances = NULL;
	size_t count = 0;
	bool fits = true;
	struct sdb_error *error = sdb_function(search->context->db, entity.id, false, &function);
	if (error)
		return error;
	if (search->where)
		error = is_in_file(search->context->db, search->where, &function->decl,
				   function->unit, &fits);
	if (!error && fits)
		error = sdb_function_instances(search->context->db, entity.id, &instances, &count);
	unsigned quality = 1 + (count && !instances[0].inlined) * WITH_CODE
		+ (search->unit && function->unit == search->unit) * 4u
		+ (function->flags & SDB_FUNCTION_EXTERNAL ? 2u : 0u);
	if (!error && fits && !(function->flags & SDB_FUNCTION_DECLARATION && !count)
	    && quality > search->quality) {
		search->quality = quality;
		search->found = entity;
	}
	free(instances);
	sdb_function_free(function);
	return or_nothing(error);
}

static struct sdb_error *take(void *arg, sdb_name_id name, const char *text,
			      struct sdb_entity entity)
{
	struct search *search = arg;
	(void)name, (void)text;
	if (entity.kind == SDB_ENTITY_VARIABLE)
		return take_variable(search, entity);
	if (entity.kind == SDB_ENTITY_FUNCTION)
		return take_function(search, entity);
	if (!search->quality) {
		search->quality = 1;
		search->found = entity;
	}
	return NULL;
}

static struct sdb_error *look_up(struct search *search, const char *name, enum sdb_entity_kind kind)
{
	struct sdb_error *error = sdb_lookup(search->context->db, name, SDB_MATCH_EXACT, 1u << kind,
					     take, search);
	return or_nothing(error);
}

static struct sdb_error *enumerator_value(const struct search *search, struct sdb_value **value_ret)
{
	const struct sdb_context *context = search->context;
	const struct sdb_type *type;
	struct types *types;
	struct sdb_error *error = value_types(context, &types);
	if (error)
		return error;
	types_enter(types);
	error = types_get(types, context->db, search->found.id, &type);
	for (size_t i = 0; !error && i < type->enumerator_count; i++) {
		const char *name;
		error = types_text(types, context->db, type->enumerators[i].name, &name);
		if (error || strcmp(name, search->last) != 0)
			continue;
		error = value_of_integer(context, types, context->db, type->id,
					 (number_bits)(number_signed)type->enumerators[i].value,
					 value_ret);
		goto done;
	}
	if (!error)
		error = sdb_error_new(SDB_ERROR_CORRUPT, "%s: the enumerator %s is not in its type",
				      sdb_db_path(context->db), search->last);
done:
	types_leave(types);
	types_unref(types);
	return error;
}

static struct sdb_error *value_of(const struct search *search, struct sdb_value **value_ret)
{
	switch (search->found.kind) {
	case SDB_ENTITY_VARIABLE: return sdb_value_variable(search->context, search->found.id,
							    value_ret);
	case SDB_ENTITY_FUNCTION:
		if (search->entry)
			return value_function_at(search->context, search->found.id, search->entry, value_ret);
		return sdb_value_function(search->context, search->found.id, value_ret);
	default: return enumerator_value(search, value_ret);
	}
}

/* `function::variable`: a variable that is static in a function. */
static struct sdb_error *look_inside(struct search *search, const char *name)
{
	size_t length = (size_t)(search->last - name);
	if (length < 3)
		return NULL;
	char *function = strndup(name, length - 2);
	if (!function)
		return value_no_memory();
	search->inside = function;
	struct sdb_error *error = look_up(search, search->last, SDB_ENTITY_VARIABLE);
	search->inside = NULL;
	free(function);
	return error;
}

/*
 * Functions by their symbols: one that has another name in the debuginfo (malloc is __libc_malloc), and of the pieces of code
 * that one has the one that is called so. Of versions the default one.
 */
static struct sdb_error *take_symbol(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct search *search = arg;
	struct sdb_symbol symbol;
	struct sdb_code *code = NULL;
	(void)name, (void)text;
	struct sdb_error *error = sdb_symbol(search->context->db, entity.id, &symbol);
	bool wanted = !search->entry || symbol.default_version;
	if (error || !wanted || symbol.section == SHN_UNDEF || symbol.section >= SHN_LORESERVE || symbol.type == STT_TLS
	    || symbol.type == STT_GNU_IFUNC)
		return error;
	if (!search->symbol || symbol.default_version)
		search->symbol = context_to_target(search->context, symbol.address);
	if (symbol.type != STT_FUNC)
		return NULL;
	error = sdb_code_at(search->context->db, symbol.address, 0, &code);
	if (!error && code->scopes[0].entry == symbol.address
	    && (search->quality < WITH_CODE || search->entry || search->found.id == code->scopes[0].function)) {
		search->quality = WITH_CODE;
		search->entry = context_to_target(search->context, symbol.address);
		search->found = (struct sdb_entity){ SDB_ENTITY_FUNCTION, code->scopes[0].function };
	}
	if (!error)
		sdb_code_free(code);
	return or_nothing(error);
}

static struct sdb_error *find_global(const struct sdb_context *context, const char *where,
				     const char *name,
				     struct sdb_value **value_ret)
{
	static const enum sdb_entity_kind kinds[] =
		{ SDB_ENTITY_VARIABLE, SDB_ENTITY_FUNCTION, SDB_ENTITY_ENUMERATOR };
	const char *last = strrchr(name, ':');
	struct search search = { .context = context, .last = last ? last + 1 : name,
				 .unit = context->code ? context->code->unit : 0 };
	if (where && !is_module(context->db, where))
		search.where = where;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !error && !search.quality; i++)
		error = look_up(&search, name, kinds[i]);
	if (!error && !search.quality)
		error = look_inside(&search, name);
	if (!error && !search.where && (!search.quality || search.found.kind == SDB_ENTITY_FUNCTION))
		error = or_nothing(sdb_lookup(context->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_SYMBOL, take_symbol, &search));
	if (error)
		return error;
	/* Of one that is only declared, or inlined everywhere else, the debuginfo has the prototype. */
	if (search.symbol && search.found.kind == SDB_ENTITY_FUNCTION && search.quality < WITH_CODE)
		search.entry = search.symbol;
	if (search.quality)
		return value_of(&search, value_ret);
	if (search.symbol) /* without debuginfo: it has an address and no type */
		return sdb_value_at(context, context->db, 0, search.symbol, value_ret);
	return where ? sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no variable or function %s",
				     where, name)
		: sdb_error_new(SDB_ERROR_NOT_FOUND, "no variable or function %s is known", name);
}

/* A member of the object that the frame's function is called for. */
static struct sdb_error *find_own_member(const struct sdb_context *context, const char *name,
					 struct sdb_value **value_ret)
{
	struct sdb_value *pointer, *object;
	struct sdb_error *error = sdb_value_local(context, "this", &pointer);
	if (error)
		return error;
	error = sdb_value_follow(pointer, context, &object);
	sdb_value_free(pointer);
	if (error)
		return error;
	error = sdb_value_member(object, context, name, value_ret);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		struct sdb_error *failed = value_method(object, context, name, -1, false,
							value_ret);
		if (failed || *value_ret) {
			sdb_error_free(error);
			error = failed;
		}
	}
	sdb_value_free(object);
	return error;
}

struct sdb_error *sdb_find_value(const struct sdb_context *context, const char *where,
				 const char *name,
				 struct sdb_value **value_ret)
{
	struct sdb_error *error;
	if (!where && context->code && !strchr(name, ':')) {
		error = sdb_value_local(context, name, value_ret);
		if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
			sdb_error_free(error);
			error = find_own_member(context, name, value_ret);
		}
		if (!error || sdb_error_code(error) == SDB_ERROR_MEMORY
		    || sdb_error_code(error) == SDB_ERROR_CORRUPT)
			return error;
		sdb_error_free(error);
	}
	return find_global(context, where, name, value_ret);
}

/* ---- types ----------------------------------------------------------------------------------- */

struct type_search {
	struct sdb_db *db;
	const char *tag;
	bool plus;        /* the language knows types by their bare names */
	sdb_type_id found;
	bool complete;
};

static bool has_tag(const char *tag, enum sdb_type_kind kind)
{
	bool structure = kind == SDB_TYPE_STRUCT || kind == SDB_TYPE_CLASS;
	return strcmp(tag, "union") == 0 ? kind == SDB_TYPE_UNION : strcmp(tag, "enum") == 0
		? kind == SDB_TYPE_ENUM
		: structure;
}

static struct sdb_error *take_type(void *arg, sdb_name_id name, const char *text,
				   struct sdb_entity entity)
{
	struct type_search *search = arg;
	struct sdb_type *type;
	(void)name, (void)text;
	struct sdb_error *error = sdb_type(search->db, entity.id, &type);
	if (error)
		return error;
	bool tagged = types_is_structure(type->kind) || type->kind == SDB_TYPE_ENUM;
	bool fits = type->kind != SDB_TYPE_NAMESPACE
		&& (search->tag ? has_tag(search->tag, type->kind) : search->plus || !tagged);
	bool complete = !(type->flags & SDB_TYPE_DECLARATION);
	if (fits && (!search->found || (complete && !search->complete))) {
		search->found = entity.id;
		search->complete = complete;
	}
	sdb_type_free(type);
	return NULL;
}

struct sdb_error *sdb_find_type(const struct sdb_context *context, const char *where,
				const char *tag,
				const char *name, struct sdb_db **db_ret, sdb_type_id *type_ret)
{
	struct type_search search = { .db = context->db, .tag = tag };
	struct types *types;
	struct sdb_error *error = value_types(context, &types);
	if (error)
		return error;
	search.plus = types_plain_tags(types, context->db);
	types_unref(types);
	(void)where; /* types of one name are the same in all files, or nearly so */
	error = sdb_lookup(context->db, name, SDB_MATCH_EXACT, 1u << SDB_ENTITY_TYPE, take_type,
			   &search);
	if (error && sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	sdb_error_free(error);
	*db_ret = context->db;
	*type_ret = search.found;
	return search.found ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "no type %s%s%s is known",
						   tag ? tag : "",
						   tag ? " " : "", name);
}
