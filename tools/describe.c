/* SPDX-License-Identifier: MIT */
#include "describe.h"
#include "cdecl.h"
#include "json.h"
#include "names.h"

#include <stdlib.h>

/* What is said of one match. */
struct match {
	const char *kind;
	bool has_address, has_size;
	uint64_t address, size;
	const struct sdb_symbol *symbol;
	sdb_file_id file;
	uint32_t line;
	struct text declaration;
};

/* ---- one match -------------------------------------------------------------------------- */

static void put_json(struct describer *describer, const struct match *match)
{
	struct json json;
	json_begin(&json, &describer->out);
	json_string(&json, "name", describer->text);
	json_string(&json, "kind", match->kind);
	if (match->has_address)
		json_hex(&json, "address", match->address);
	if (match->has_size)
		json_number(&json, "size", match->size);
	if (match->declaration.size)
		json_stringn(&json, "declaration", match->declaration.data, match->declaration.size);
	if (match->file) {
		json_string(&json, "file", session_file(describer->session, match->file));
		json_number(&json, "line", match->line);
	}
	if (match->symbol) {
		json_string(&json, "symbol_type", symbol_type_name(match->symbol->type));
		json_string(&json, "binding", symbol_binding_name(match->symbol->binding));
		json_string(&json, "visibility", symbol_visibility_name(match->symbol->visibility));
		json_number(&json, "section", match->symbol->section);
		if (match->symbol->version)
			json_string(&json, "version", session_name(describer->session, match->symbol->version));
	}
	json_end(&json);
}

static void put_text(struct describer *describer, const struct match *match)
{
	const struct colours *colours = describer->options->colours;
	struct text *out = &describer->out;
	text_format(out, "%s%-10s%s ", colours->kind, match->kind, colours->off);
	if (match->has_address) {
		text_addn(out, "0x", 2);
		text_hex_digits(out, match->address, session_address_size(describer->session) * 2);
	} else {
		text_repeat(out, ' ', session_address_size(describer->session) * 2 + 2);
	}
	if (match->has_size)
		text_format(out, " %7llu  ", (unsigned long long)match->size);
	else
		text_repeat(out, ' ', 10);
	text_add(out, colours->name);
	if (match->declaration.size && !describer->options->brief)
		text_addn(out, match->declaration.data, match->declaration.size);
	else
		text_add(out, describer->text);
	text_add(out, colours->off);
	if (match->file && !describer->options->brief) {
		text_add(out, "  ");
		text_add(out, colours->comment);
		session_put_decl(describer->session, out, match->file, match->line);
		text_add(out, colours->off);
	}
	text_char(out, '\n');
}

static void add_match(struct describer *describer, struct match *match)
{
	if (describer->match_count == describer->match_capacity) {
		describer->match_capacity = describer->match_capacity ? describer->match_capacity * 2 : 16;
		describer->matches = tool_realloc(describer->matches, describer->match_capacity,
						  sizeof(*describer->matches));
	}
	size_t start = describer->out.size;
	if (describer->options->json)
		put_json(describer, match);
	else
		put_text(describer, match);
	free(match->declaration.data);
	describer->matches[describer->match_count++] = (struct described){ start, describer->out.size - start };
}

static bool wants_text(const struct describer *describer)
{
	return describer->options->json || !describer->options->brief;
}

/* ---- each kind --------------------------------------------------------------------------- */

/* Symbols that say the same as a function or variable at ADDRESS are not printed again. */
static void drop_symbols(struct describer *describer, uint64_t address, bool *dropped,
			 struct sdb_symbol *symbol_ret)
{
	for (size_t i = 0; i < describer->count; i++) {
		struct sdb_symbol symbol;
		if (describer->entities[i].kind != SDB_ENTITY_SYMBOL
		    || session_note(describer->session, sdb_symbol(session_db(describer->session),
								 describer->entities[i].id, &symbol)))
			continue;
		if (symbol.address == address) {
			if (!*dropped || symbol.in_symtab)
				*symbol_ret = symbol;
			*dropped = true;
			describer->entities[i].kind = 0;
		}
	}
}

/* Bytes of code of the instance that begins at ADDRESS. */
static bool code_size(struct describer *describer, uint64_t address, uint64_t *size_ret)
{
	struct sdb_code *code;
	if (session_missed(describer->session, sdb_code_at(session_db(describer->session), address, 0, &code)))
		return false;
	*size_ret = 0;
	if (code->scope_count)
		for (size_t i = 0; i < code->scopes[0].range_count; i++)
			*size_ret += code->scopes[0].ranges[i].high - code->scopes[0].ranges[i].low;
	sdb_code_free(code);
	return true;
}

static void declare_function(struct describer *describer, const struct sdb_function *function,
			     struct match *match)
{
	match->file = function->decl.file;
	match->line = function->decl.line;
	if (!wants_text(describer))
		return;
	const char *name = function->scope.kind == SDB_SCOPE_UNIT
		? session_name(describer->session, function->name)
		: session_qualified(describer->session,
				    (struct sdb_entity){ SDB_ENTITY_FUNCTION, function->id });
	cdecl_prototype(describer->session, &match->declaration, function, name);
}

static void describe_function(struct describer *describer, sdb_function_id id)
{
	struct sdb_db *db = session_db(describer->session);
	struct sdb_function *function;
	struct sdb_instance *instances = NULL;
	size_t count = 0, outlined = 0, inlined = 0;
	if (session_note(describer->session, sdb_function(db, id, false, &function)))
		return;
	session_note(describer->session, sdb_function_instances(db, id, &instances, &count));
	for (size_t i = 0; i < count; i++) {
		if (instances[i].inlined) {
			inlined++;
			continue;
		}
		struct sdb_symbol symbol;
		bool has_symbol = false;
		struct match match = { .kind = "function", .has_address = true,
				       .address = instances[i].address, .declaration = TEXT_EMPTY };
		outlined++;
		drop_symbols(describer, match.address, &has_symbol, &symbol);
		match.symbol = has_symbol ? &symbol : NULL;
		match.size = has_symbol ? symbol.size : 0;
		match.has_size = (has_symbol && symbol.size)
			|| code_size(describer, match.address, &match.size);
		declare_function(describer, function, &match);
		add_match(describer, &match);
	}
	if (!outlined) {
		struct match match = { .kind = inlined ? "inlined" : "declared", .declaration = TEXT_EMPTY };
		declare_function(describer, function, &match);
		add_match(describer, &match);
	}
	free(instances);
	sdb_function_free(function);
}

static void describe_variable(struct describer *describer, sdb_variable_id id)
{
	struct sdb_variable *variable;
	if (session_note(describer->session, sdb_variable(session_db(describer->session), id, &variable)))
		return;
	struct sdb_symbol symbol;
	bool has_symbol = false;
	struct match match = {
		.kind = variable->flags & SDB_VARIABLE_TLS ? "tls" : variable->flags & SDB_VARIABLE_PERCPU ? "percpu"
			: variable->flags & SDB_VARIABLE_DECLARATION ? "declared" : "variable",
		.has_address = variable->location.kind == SDB_LOCATION_ADDRESS,
		.address = variable->location.address,
		.file = variable->decl.file, .line = variable->decl.line, .declaration = TEXT_EMPTY,
	};
	if (match.has_address)
		drop_symbols(describer, match.address, &has_symbol, &symbol);
	match.symbol = has_symbol ? &symbol : NULL;
	match.has_size = session_type_size(describer->session, variable->type, &match.size);
	if (wants_text(describer)) {
		if (!(variable->flags & (SDB_VARIABLE_EXTERNAL | SDB_VARIABLE_DECLARATION)))
			text_add(&match.declaration, "static ");
		cdecl_put(describer->session, &match.declaration, variable->type,
			  variable->scope.kind == SDB_SCOPE_UNIT ? session_name(describer->session, variable->name)
			  : session_qualified(describer->session,
					      (struct sdb_entity){ SDB_ENTITY_VARIABLE, id }), 0);
	}
	add_match(describer, &match);
	sdb_variable_free(variable);
}

static void describe_type(struct describer *describer, sdb_type_id id, bool enumerator)
{
	struct sdb_type *type;
	if (session_note(describer->session, sdb_type(session_db(describer->session), id, &type)))
		return;
	struct match match = { .kind = enumerator ? "enumerator" : type->kind == SDB_TYPE_NAMESPACE
			       ? "namespace" : "type", .file = type->decl.file, .line = type->decl.line,
			       .declaration = TEXT_EMPTY };
	match.has_size = session_type_size(describer->session, id, &match.size);
	struct type_outline outline = session_type(describer->session, id);
	if (enumerator) {
		match.has_size = false;
		text_add(&match.declaration, describer->text);
		for (size_t i = 0; i < type->enumerator_count; i++) {
			if (type->enumerators[i].name != describer->name)
				continue;
			text_add(&match.declaration, " = ");
			text_s64(&match.declaration, type->enumerators[i].value);
			break;
		}
		text_add(&match.declaration, "  ");
		cdecl_head(describer->session, &match.declaration, &outline);
	} else if (type->kind == SDB_TYPE_TYPEDEF) {
		text_add(&match.declaration, "typedef ");
		cdecl_put(describer->session, &match.declaration, type->target, describer->text, 0);
	} else {
		cdecl_head(describer->session, &match.declaration, &outline);
		if (type->flags & SDB_TYPE_DECLARATION)
			text_add(&match.declaration, " (declared)");
	}
	add_match(describer, &match);
	sdb_type_free(type);
}

static void describe_symbol(struct describer *describer, sdb_symbol_id id)
{
	struct sdb_symbol symbol;
	if (session_note(describer->session, sdb_symbol(session_db(describer->session), id, &symbol)))
		return;
	bool undefined = symbol.section == 0;
	struct match match = { .kind = undefined ? "undefined" : "symbol", .has_address = !undefined,
			       .address = symbol.address, .has_size = true, .size = symbol.size,
			       .symbol = &symbol, .declaration = TEXT_EMPTY };
	if (!describer->options->json) {
		text_add(&match.declaration, describer->text);
		if (symbol.version)
			text_format(&match.declaration, "%s%s", symbol.default_version ? "@@" : "@",
				    session_name(describer->session, symbol.version));
		text_format(&match.declaration, "  (%s %s)", symbol_binding_name(symbol.binding),
			    symbol_type_name(symbol.type));
	}
	if (symbol.type == 2 && !undefined) { /* a function without an entry of its own in the debuginfo */
		struct sdb_line line;
		if (!session_missed(describer->session, sdb_line_at(session_db(describer->session),
								  symbol.address, &line))) {
			match.file = line.file;
			match.line = line.line;
		}
	}
	add_match(describer, &match);
}

/* ---- a name ---------------------------------------------------------------------------------- */

void describe(struct describer *describer, sdb_name_id name, const char *text, struct sdb_entity *entities,
	      size_t count)
{
	static const enum sdb_entity_kind order[] = { SDB_ENTITY_FUNCTION, SDB_ENTITY_VARIABLE,
						      SDB_ENTITY_TYPE, SDB_ENTITY_ENUMERATOR,
						      SDB_ENTITY_SYMBOL };
	describer->name = name;
	describer->text = text;
	describer->entities = entities;
	describer->count = count;
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = 0; i < count; i++) {
			struct sdb_entity entity = entities[i];
			if (entity.kind != order[k] || session_failed(describer->session))
				continue;
			if (entity.kind == SDB_ENTITY_FUNCTION)
				describe_function(describer, entity.id);
			else if (entity.kind == SDB_ENTITY_VARIABLE)
				describe_variable(describer, entity.id);
			else if (entity.kind == SDB_ENTITY_SYMBOL)
				describe_symbol(describer, entity.id);
			else
				describe_type(describer, entity.id, entity.kind == SDB_ENTITY_ENUMERATOR);
		}
}

void describer_deinit(struct describer *describer)
{
	free(describer->matches);
	free(describer->out.data);
}
