/* SPDX-License-Identifier: MIT */
/* From a name to addresses in a target: functions with all their instances, variables, lines. */

#include "module_name.h"
#include "or_nothing.h"
#include "space.h"

#include <elf.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A pattern in parts: `[PREFIX:]NAME[+OFFSET]` or `FILE:LINE`. */
struct pattern {
	char *memory;
	const char *prefix; /* a module or a source file; NULL: none */
	const char *name;
	uint64_t offset;
	uint32_t line;      /* instead of a name; 0: none */
	enum sdb_match match;
};

struct binder {
	struct pattern pattern;
	struct sdb_module *module;
	struct sdb_db *db;
	bool inlined;
	bool prefix_is_module;
	sdb_binding_fn fn;
	void *arg;
	uint64_t found;     /* in all modules */
	uint64_t functions; /* with code, in this module */
	struct sdb_error *trouble; /* why the first module that has no database has none */
};

/* ---- parsing ------------------------------------------------------------------------------------ */

/* The colon that ends a prefix: one that stands alone, `a::b` has none. */
static char *find_colon(char *text)
{
	char *at = strchr(text, ':');
	while (at && at[1] == ':')
		at = strchr(at + 2, ':');
	return at;
}

static struct sdb_error *parse_pattern(const char *text, struct pattern *pattern)
{
	char *end;
	*pattern = (struct pattern){ .memory = strdup(text) };
	if (!pattern->memory)
		return NO_MEMORY();
	char *name = pattern->memory, *colon = find_colon(name);
	if (colon) {
		*colon = '\0';
		pattern->prefix = name;
		name = colon + 1;
	}
	char *plus = strrchr(name, '+');
	if (plus && plus > name && plus[1] >= '0' && plus[1] <= '9') {
		pattern->offset = strtoull(plus + 1, &end, 0);
		if (!*end)
			*plus = '\0';
		else
			pattern->offset = 0; /* operator+ and the like */
	}
	pattern->name = name;
	if (pattern->prefix && *name >= '0' && *name <= '9') {
		unsigned long line = strtoul(name, &end, 10);
		pattern->line = !*end && line <= UINT32_MAX ? (uint32_t)line : 0;
	}
	pattern->match = strpbrk(name, "*?[") && !strstr(name, "operator") ? SDB_MATCH_GLOB : SDB_MATCH_EXACT;
	if (*name)
		return NULL;
	free(pattern->memory);
	return sdb_error_new(SDB_ERROR_INVALID, "'%s': the name is missing", text);
}

static bool is_module_prefix(const struct pattern *pattern, const struct sdb_module *module)
{
	return strcmp(pattern->prefix, module->path) == 0 || module_name_matches(sdb_module_name(module), pattern->prefix);
}

/* ---- functions and variables ------------------------------------------------------------------------ */

static struct sdb_error *give(struct binder *binder, struct sdb_entity entity, uint64_t address, uint64_t size,
			      bool inlined)
{
	const struct sdb_binding binding = {
		.module = binder->module, .entity = entity, .size = size, .inlined = inlined,
		.address = module_to_target(binder->module, address + binder->pattern.offset),
	};
	binder->found++;
	return binder->fn(binder->arg, &binding);
}

/* Whether FILE is what the prefix says: the end of its path. */
static struct sdb_error *check_file(struct binder *binder, sdb_file_id file, bool *is_ret)
{
	char *path;
	const char *prefix = binder->pattern.prefix;
	*is_ret = false;
	if (!file)
		return NULL;
	struct sdb_error *error = sdb_file(binder->db, file, &path);
	if (error)
		return error;
	size_t length = strlen(path), wanted = strlen(prefix);
	*is_ret = length >= wanted && strcmp(path + length - wanted, prefix) == 0
		&& (length == wanted || path[length - wanted - 1] == '/');
	free(path);
	return NULL;
}

/* Where the function around ENTRY has FUNCTION inlined: the begin of each copy. */
static struct sdb_error *give_inlined(struct binder *binder, sdb_function_id function, uint64_t entry)
{
	struct sdb_code *code;
	struct sdb_error *error = sdb_code_at(binder->db, entry, 0, &code);
	for (size_t i = 1; !error && i < code->scope_count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		if (scope->kind == SDB_CODE_INLINED && scope->function == function && scope->range_count)
			error = give(binder, (struct sdb_entity){ SDB_ENTITY_FUNCTION, function }, scope->entry, 0, true);
	}
	if (!error)
		sdb_code_free(code);
	return error;
}

static struct sdb_error *bind_function(struct binder *binder, sdb_function_id id)
{
	struct sdb_instance *instances;
	size_t count;
	if (binder->pattern.prefix && !binder->prefix_is_module) {
		bool is = false;
		struct sdb_function *function;
		struct sdb_error *error = sdb_function(binder->db, id, false, &function);
		if (error)
			return error;
		error = check_file(binder, function->decl.file, &is);
		sdb_function_free(function);
		if (error || !is)
			return error;
	}
	struct sdb_error *error = sdb_function_instances(binder->db, id, &instances, &count);
	if (error)
		return error;
	for (size_t i = 0; i < count && !error; i++) {
		binder->functions++;
		if (!instances[i].inlined)
			error = give(binder, (struct sdb_entity){ SDB_ENTITY_FUNCTION, id }, instances[i].address, 0, false);
		else if (binder->inlined)
			error = give_inlined(binder, id, instances[i].address);
	}
	free(instances);
	return error;
}

static struct sdb_error *bind_variable(struct binder *binder, sdb_variable_id id)
{
	struct sdb_variable *variable;
	struct sdb_error *error = sdb_variable(binder->db, id, &variable);
	if (error)
		return error;
	bool is = true;
	if (binder->pattern.prefix && !binder->prefix_is_module)
		error = check_file(binder, variable->decl.file, &is);
	if (!error && is && variable->location.kind == SDB_LOCATION_ADDRESS
	    && !(variable->flags & (SDB_VARIABLE_TLS | SDB_VARIABLE_PERCPU))) {
		binder->functions++;
		error = give(binder, (struct sdb_entity){ SDB_ENTITY_VARIABLE, id }, variable->location.address, 0, false);
	}
	sdb_variable_free(variable);
	return error;
}

static struct sdb_error *bind_symbol(struct binder *binder, sdb_symbol_id id)
{
	struct sdb_symbol symbol;
	struct sdb_error *error = sdb_symbol(binder->db, id, &symbol);
	if (error || symbol.section == SHN_UNDEF || symbol.section == SHN_ABS || symbol.section == SHN_COMMON
	    || (symbol.type != STT_FUNC && symbol.type != STT_OBJECT && symbol.type != STT_NOTYPE
		&& symbol.type != STT_GNU_IFUNC))
		return error;
	return give(binder, (struct sdb_entity){ SDB_ENTITY_SYMBOL, id }, symbol.address, symbol.size, false);
}

static struct sdb_error *bind_entity(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct binder *binder = arg;
	(void)name;
	(void)text;
	switch (entity.kind) {
	case SDB_ENTITY_FUNCTION: return bind_function(binder, entity.id);
	case SDB_ENTITY_VARIABLE: return bind_variable(binder, entity.id);
	case SDB_ENTITY_SYMBOL: return bind_symbol(binder, entity.id);
	default: return NULL;
	}
}

static struct sdb_error *bind_names(struct binder *binder)
{
	const struct pattern *pattern = &binder->pattern;
	struct sdb_error *error = or_nothing(sdb_lookup(binder->db, pattern->name, pattern->match,
		1u << SDB_ENTITY_FUNCTION | 1u << SDB_ENTITY_VARIABLE, bind_entity, binder));
	/* Symbols are for what the debuginfo does not have: aliases, assembler, files without any. */
	if (error || binder->functions || (pattern->prefix && !binder->prefix_is_module))
		return error;
	return or_nothing(sdb_lookup(binder->db, pattern->name, pattern->match, 1u << SDB_ENTITY_SYMBOL,
					 bind_entity, binder));
}

/* ---- lines ------------------------------------------------------------------------------------------- */

/* Of the rows of a line, the first of each piece of code: a function, or a copy of an inlined one. */
struct line_places {
	struct binder *binder;
	struct { uint64_t entry, address; } *places;
	size_t count;
	sdb_file_id file;
};

static struct sdb_error *add_place(struct line_places *places, uint64_t entry, uint64_t address)
{
	for (size_t i = 0; i < places->count; i++) {
		if (places->places[i].entry != entry)
			continue;
		if (address < places->places[i].address)
			places->places[i].address = address;
		return NULL;
	}
	void *larger = realloc(places->places, (places->count + 1) * sizeof(*places->places));
	if (!larger)
		return NO_MEMORY();
	places->places = larger;
	places->places[places->count].entry = entry;
	places->places[places->count++].address = address;
	return NULL;
}

static struct sdb_error *take_line(void *arg, const struct sdb_line *line)
{
	struct line_places *places = arg;
	struct sdb_code *code = NULL;
	uint32_t *scopes;
	size_t count;
	if (!(line->flags & SDB_LINE_STATEMENT) || line->flags & SDB_LINE_END_SEQUENCE)
		return NULL;
	struct sdb_error *error = or_nothing(sdb_code_at(places->binder->db, line->address, 0, &code));
	if (error || !code)
		return error;
	uint64_t entry = line->address;
	error = sdb_code_scopes_at(code, line->address, &scopes, &count);
	for (size_t i = 0; !error && i < count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[scopes[i]];
		if (scope->kind == SDB_CODE_BLOCK)
			continue;
		entry = scope->range_count ? scope->ranges[0].low : scope->entry;
		break;
	}
	if (!error)
		free(scopes);
	sdb_code_free(code);
	return error ? error : add_place(places, entry, line->address);
}

static struct sdb_error *take_file(void *arg, sdb_file_id id, const char *path)
{
	struct line_places *places = arg;
	(void)path;
	return or_nothing(sdb_line_find(places->binder->db, id, places->binder->pattern.line, take_line, places));
}

static struct sdb_error *bind_line(struct binder *binder)
{
	struct line_places places = { .binder = binder };
	struct sdb_error *error = or_nothing(sdb_files(binder->db, binder->pattern.prefix, take_file, &places));
	for (size_t i = 0; !error && i < places.count; i++)
		error = give(binder, (struct sdb_entity){ 0 }, places.places[i].address, 0, false);
	free(places.places);
	return error;
}

/* ---- all modules --------------------------------------------------------------------------------------- */

static struct sdb_error *bind_module(struct binder *binder, struct sdb_module *module)
{
	binder->module = module;
	binder->functions = 0;
	struct sdb_error *error = sdb_module_database(module, &binder->db);
	if (error) { /* it costs its own symbols only */
		if (binder->trouble)
			sdb_error_free(error);
		else
			binder->trouble = error;
		return NULL;
	}
	return binder->pattern.line ? bind_line(binder) : bind_names(binder);
}

static struct sdb_error *bind_address(struct sdb_target *target, const char *text, sdb_binding_fn fn, void *arg)
{
	char *end;
	const struct sdb_region *region;
	struct sdb_binding binding = { .address = strtoull(text, &end, 16) };
	if (*end)
		return sdb_error_new(SDB_ERROR_INVALID, "'%s' is not an address", text);
	struct sdb_error *error = sdb_target_region_at(target, binding.address, &region);
	if (error)
		return error;
	binding.module = region->module;
	return fn(arg, &binding);
}

/* Who looks for a name looks in all modules. */
static struct sdb_error *prepare_all(const struct space *space)
{
	struct module_wanted *wanted = calloc(space->module_count + 1, sizeof(*wanted));
	if (!wanted)
		return NO_MEMORY();
	for (size_t i = 0; i < space->module_count; i++)
		wanted[i].module = space->modules[i];
	modules_prepare(wanted, space->module_count);
	free(wanted);
	return NULL;
}

struct sdb_error *sdb_target_bind(struct sdb_target *target, const char *pattern, bool inlined, sdb_binding_fn fn,
				  void *arg)
{
	struct binder binder = { .inlined = inlined, .fn = fn, .arg = arg };
	struct space *space;
	if (strncmp(pattern, "0x", 2) == 0)
		return bind_address(target, pattern, fn, arg);
	struct sdb_error *error = parse_pattern(pattern, &binder.pattern);
	if (error)
		return error;
	error = space_get(target, &space);
	if (!error)
		error = prepare_all(space);
	for (size_t i = 0; !error && binder.pattern.prefix && i < space->module_count; i++)
		binder.prefix_is_module |= is_module_prefix(&binder.pattern, space->modules[i]);
	if (binder.pattern.line && binder.prefix_is_module)
		binder.pattern.line = 0;
	for (size_t i = 0; !error && i < space->module_count; i++) {
		if (binder.prefix_is_module && !is_module_prefix(&binder.pattern, space->modules[i]))
			continue;
		error = bind_module(&binder, space->modules[i]);
	}
	free(binder.pattern.memory);
	if (!error && !binder.found)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "'%s': nothing in %s is called so%s%s", pattern, target->name,
				      binder.trouble ? "; not everything could be asked: " : "",
				      binder.trouble ? sdb_error_message(binder.trouble) : "");
	sdb_error_free(binder.trouble);
	return error;
}
