/* SPDX-License-Identifier: MIT */
/* `stackdb lookup`: what a name stands for. */
#include "cdecl.h"
#include "json.h"
#include "names.h"
#include "session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_GROUP 4096 /* entities of one name that are held at a time */

struct lookup_command {
	struct common common;
	unsigned kinds;
	bool brief;
	char **names;
	int name_count;
	struct text out;
	const struct colours *colours;
	struct session *session;
	sdb_name_id group_name; /* the entities of this name are being gathered */
	char *group_text;
	struct text last; /* what was printed last */
	struct sdb_entity *group;
	size_t group_count, group_capacity;
	size_t found;
};

/* What is printed of one match. */
struct match {
	const char *kind;
	bool has_address, has_size;
	uint64_t address, size;
	const struct sdb_symbol *symbol;
	sdb_file_id file;
	uint32_t line;
	struct text declaration;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct lookup_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'b':
		command->brief = true;
		return 0;
	case 'k':
		for (const char *c = arg; *c; c++) {
			const char *letters = "sfvte", *at = strchr(letters, *c);
			if (!at)
				argp_error(state, "-k takes letters of `sfvte`, not %c", *c);
			else
				command->kinds |= 1u << (SDB_ENTITY_SYMBOL + (at - letters));
		}
		return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which name?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "kinds", 'k', "LETTERS", 0, "Only symbols (s), functions (f), variables (v), types (t), "
	  "enumerators (e)", 0 },
	{ "brief", 'b', NULL, 0, "Only kind, address, size and name", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "NAME...",
	"Print what each name stands for: kind, address, size, type or prototype, file:line."
	"\vA NAME with any of `*?[` is a glob, /NAME/ a regular expression; C++ names may be qualified.\n"
	"\nExamples:\n"
	"  stackdb lookup -m vmlinux schedule init_task\n"
	"  stackdb lookup -m vmlinux 'sys_*' '/^vm_.*fault$/'\n"
	"  stackdb lookup -m libstdc++.so.6 std::terminate\n",
	children, NULL, NULL
};

/* ---- printing -------------------------------------------------------------------------- */

static void print_json(struct lookup_command *command, const struct match *match)
{
	struct json json;
	json_begin(&json, &command->out);
	json_string(&json, "name", command->group_text);
	json_string(&json, "kind", match->kind);
	if (match->has_address)
		json_hex(&json, "address", match->address);
	if (match->has_size)
		json_number(&json, "size", match->size);
	if (match->declaration.size)
		json_stringn(&json, "declaration", match->declaration.data, match->declaration.size);
	if (match->file) {
		json_string(&json, "file", session_file(command->session, match->file));
		json_number(&json, "line", match->line);
	}
	if (match->symbol) {
		json_string(&json, "symbol_type", symbol_type_name(match->symbol->type));
		json_string(&json, "binding", symbol_binding_name(match->symbol->binding));
		json_string(&json, "visibility", symbol_visibility_name(match->symbol->visibility));
		json_number(&json, "section", match->symbol->section);
		if (match->symbol->version)
			json_string(&json, "version", session_name(command->session, match->symbol->version));
	}
	json_end(&json);
}

static void print_text(struct lookup_command *command, const struct match *match)
{
	const struct colours *colours = command->colours;
	struct text *out = &command->out;
	text_format(out, "%s%-10s%s ", colours->kind, match->kind, colours->off);
	if (match->has_address) {
		text_addn(out, "0x", 2);
		text_hex_digits(out, match->address, session_address_size(command->session) * 2);
	} else {
		text_repeat(out, ' ', session_address_size(command->session) * 2 + 2);
	}
	if (match->has_size)
		text_format(out, " %7llu  ", (unsigned long long)match->size);
	else
		text_repeat(out, ' ', 10);
	text_add(out, colours->name);
	if (match->declaration.size && !command->brief)
		text_addn(out, match->declaration.data, match->declaration.size);
	else
		text_add(out, command->group_text);
	text_add(out, colours->off);
	if (match->file && !command->brief) {
		text_add(out, "  ");
		text_add(out, colours->comment);
		session_put_decl(command->session, out, match->file, match->line);
		text_add(out, colours->off);
	}
	text_char(out, '\n');
}

/*
 * Functions that units inline are there once for each meaning of the types they use: what reads
 * the same as the one before is not said again.
 */
static void print_match(struct lookup_command *command, struct match *match)
{
	struct text *out = &command->out;
	size_t start = out->size;
	command->found++;
	if (command->common.json)
		print_json(command, match);
	else
		print_text(command, match);
	free(match->declaration.data);
	if (start > out->size) /* a full buffer was written out */
		start = out->size;
	size_t length = out->size - start;
	if (length && length == command->last.size && memcmp(out->data + start, command->last.data, length) == 0) {
		out->size = start;
		return;
	}
	command->last.size = 0;
	text_addn(&command->last, out->data + start, length);
}

static bool wants_text(const struct lookup_command *command)
{
	return command->common.json || !command->brief;
}

/* ---- each kind --------------------------------------------------------------------------- */

/* Symbols that say the same as a function or variable at ADDRESS are not printed again. */
static void drop_symbols(struct lookup_command *command, uint64_t address, bool *dropped,
			 struct sdb_symbol *symbol_ret)
{
	for (size_t i = 0; i < command->group_count; i++) {
		struct sdb_symbol symbol;
		if (command->group[i].kind != SDB_ENTITY_SYMBOL
		    || session_note(command->session, sdb_symbol(session_db(command->session),
								 command->group[i].id, &symbol)))
			continue;
		if (symbol.address == address) {
			if (!*dropped || symbol.in_symtab)
				*symbol_ret = symbol;
			*dropped = true;
			command->group[i].kind = 0;
		}
	}
}

/* Bytes of code of the instance that begins at ADDRESS. */
static bool code_size(struct lookup_command *command, uint64_t address, uint64_t *size_ret)
{
	struct sdb_code *code;
	if (session_missed(command->session, sdb_code_at(session_db(command->session), address, 0, &code)))
		return false;
	*size_ret = 0;
	if (code->scope_count)
		for (size_t i = 0; i < code->scopes[0].range_count; i++)
			*size_ret += code->scopes[0].ranges[i].high - code->scopes[0].ranges[i].low;
	sdb_code_free(code);
	return true;
}

static void declare_function(struct lookup_command *command, const struct sdb_function *function,
			     struct match *match)
{
	match->file = function->decl.file;
	match->line = function->decl.line;
	if (!wants_text(command))
		return;
	const char *name = function->scope.kind == SDB_SCOPE_UNIT
		? session_name(command->session, function->name)
		: session_qualified(command->session,
				    (struct sdb_entity){ SDB_ENTITY_FUNCTION, function->id });
	cdecl_prototype(command->session, &match->declaration, function, name);
}

static void print_function(struct lookup_command *command, sdb_function_id id)
{
	struct sdb_db *db = session_db(command->session);
	struct sdb_function *function;
	struct sdb_instance *instances = NULL;
	size_t count = 0, outlined = 0, inlined = 0;
	if (session_note(command->session, sdb_function(db, id, false, &function)))
		return;
	session_note(command->session, sdb_function_instances(db, id, &instances, &count));
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
		drop_symbols(command, match.address, &has_symbol, &symbol);
		match.symbol = has_symbol ? &symbol : NULL;
		match.size = has_symbol ? symbol.size : 0;
		match.has_size = (has_symbol && symbol.size)
			|| code_size(command, match.address, &match.size);
		declare_function(command, function, &match);
		print_match(command, &match);
	}
	if (!outlined) {
		struct match match = { .kind = inlined ? "inlined" : "declared", .declaration = TEXT_EMPTY };
		declare_function(command, function, &match);
		print_match(command, &match);
	}
	free(instances);
	sdb_function_free(function);
}

static void print_variable(struct lookup_command *command, sdb_variable_id id)
{
	struct sdb_variable *variable;
	if (session_note(command->session, sdb_variable(session_db(command->session), id, &variable)))
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
		drop_symbols(command, match.address, &has_symbol, &symbol);
	match.symbol = has_symbol ? &symbol : NULL;
	match.has_size = session_type_size(command->session, variable->type, &match.size);
	if (wants_text(command)) {
		if (!(variable->flags & (SDB_VARIABLE_EXTERNAL | SDB_VARIABLE_DECLARATION)))
			text_add(&match.declaration, "static ");
		cdecl_put(command->session, &match.declaration, variable->type,
			  variable->scope.kind == SDB_SCOPE_UNIT ? session_name(command->session, variable->name)
			  : session_qualified(command->session,
					      (struct sdb_entity){ SDB_ENTITY_VARIABLE, id }), 0);
	}
	print_match(command, &match);
	sdb_variable_free(variable);
}

static void print_type(struct lookup_command *command, sdb_type_id id, bool enumerator)
{
	struct sdb_type *type;
	if (session_note(command->session, sdb_type(session_db(command->session), id, &type)))
		return;
	struct match match = { .kind = enumerator ? "enumerator" : type->kind == SDB_TYPE_NAMESPACE
			       ? "namespace" : "type", .file = type->decl.file, .line = type->decl.line,
			       .declaration = TEXT_EMPTY };
	match.has_size = session_type_size(command->session, id, &match.size);
	struct type_outline outline = session_type(command->session, id);
	if (enumerator) {
		match.has_size = false;
		text_add(&match.declaration, command->group_text);
		for (size_t i = 0; i < type->enumerator_count; i++) {
			if (type->enumerators[i].name != command->group_name)
				continue;
			text_add(&match.declaration, " = ");
			text_s64(&match.declaration, type->enumerators[i].value);
			break;
		}
		text_add(&match.declaration, "  ");
		cdecl_head(command->session, &match.declaration, &outline);
	} else if (type->kind == SDB_TYPE_TYPEDEF) {
		text_add(&match.declaration, "typedef ");
		cdecl_put(command->session, &match.declaration, type->target, command->group_text, 0);
	} else {
		cdecl_head(command->session, &match.declaration, &outline);
		if (type->flags & SDB_TYPE_DECLARATION)
			text_add(&match.declaration, " (declared)");
	}
	print_match(command, &match);
	sdb_type_free(type);
}

static void print_symbol(struct lookup_command *command, sdb_symbol_id id)
{
	struct sdb_symbol symbol;
	if (session_note(command->session, sdb_symbol(session_db(command->session), id, &symbol)))
		return;
	bool undefined = symbol.section == 0;
	struct match match = { .kind = undefined ? "undefined" : "symbol", .has_address = !undefined,
			       .address = symbol.address, .has_size = true, .size = symbol.size,
			       .symbol = &symbol, .declaration = TEXT_EMPTY };
	if (!command->common.json) {
		text_add(&match.declaration, command->group_text);
		if (symbol.version)
			text_format(&match.declaration, "%s%s", symbol.default_version ? "@@" : "@",
				    session_name(command->session, symbol.version));
		text_format(&match.declaration, "  (%s %s)", symbol_binding_name(symbol.binding),
			    symbol_type_name(symbol.type));
	}
	if (symbol.type == 2 && !undefined) { /* a function without an entry of its own in the debuginfo */
		struct sdb_line line;
		if (!session_missed(command->session, sdb_line_at(session_db(command->session),
								  symbol.address, &line))) {
			match.file = line.file;
			match.line = line.line;
		}
	}
	print_match(command, &match);
}

/* ---- gathering ----------------------------------------------------------------------------- */

/* Prints what has been gathered of one name: functions and variables, types, the symbols left. */
static void print_group(struct lookup_command *command)
{
	static const enum sdb_entity_kind order[] = { SDB_ENTITY_FUNCTION, SDB_ENTITY_VARIABLE,
						      SDB_ENTITY_TYPE, SDB_ENTITY_ENUMERATOR,
						      SDB_ENTITY_SYMBOL };
	for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++)
		for (size_t i = 0; i < command->group_count; i++) {
			struct sdb_entity entity = command->group[i];
			if (entity.kind != order[k] || session_failed(command->session))
				continue;
			if (entity.kind == SDB_ENTITY_FUNCTION)
				print_function(command, entity.id);
			else if (entity.kind == SDB_ENTITY_VARIABLE)
				print_variable(command, entity.id);
			else if (entity.kind == SDB_ENTITY_SYMBOL)
				print_symbol(command, entity.id);
			else
				print_type(command, entity.id, entity.kind == SDB_ENTITY_ENUMERATOR);
		}
	command->group_count = 0;
}

static struct sdb_error *take(void *arg, sdb_name_id name, const char *text, struct sdb_entity entity)
{
	struct lookup_command *command = arg;
	if (name != command->group_name || command->group_count == MAX_GROUP) {
		print_group(command);
		if (session_failed(command->session))
			return sdb_error_new(SDB_ERROR_STOPPED, "stopped");
		free(command->group_text);
		command->group_text = text_clean(tool_strdup(text));
		command->group_name = name;
	}
	if (command->group_count == command->group_capacity) {
		command->group_capacity = command->group_capacity ? command->group_capacity * 2 : 16;
		command->group = tool_realloc(command->group, command->group_capacity, sizeof(*command->group));
	}
	command->group[command->group_count++] = entity;
	return NULL;
}

static bool look_up(struct lookup_command *command, const char *name)
{
	enum sdb_match match = SDB_MATCH_EXACT;
	char *pattern = tool_strdup(name);
	size_t length = strlen(name);
	if (length > 2 && name[0] == '/' && name[length - 1] == '/') {
		match = SDB_MATCH_REGEX;
		pattern[length - 1] = '\0';
	} else if (strpbrk(name, "*?[") && strncmp(name, "operator", 8) != 0 && !strstr(name, "::operator")) {
		match = SDB_MATCH_GLOB;
	}
	size_t before = command->found;
	command->group_name = 0;
	struct sdb_error *error = sdb_lookup(session_db(command->session),
					     match == SDB_MATCH_REGEX ? pattern + 1 : pattern, match,
					     command->kinds, take, command);
	print_group(command);
	/* `operator*` and types such as `char [16]` look like globs. */
	if (!error && match == SDB_MATCH_GLOB && command->found == before)
		error = sdb_lookup(session_db(command->session), name, SDB_MATCH_EXACT, command->kinds,
				   take, command);
	print_group(command);
	free(pattern);
	if (error && sdb_error_code(error) == SDB_ERROR_INVALID) {
		text_flush(&command->out);
		tool_fail(name, error);
		return false;
	}
	if (error && sdb_error_code(error) == SDB_ERROR_STOPPED)
		sdb_error_free(error);
	else
		session_missed(command->session, error);
	if (command->found == before && !session_failed(command->session)) {
		text_flush(&command->out);
		tool_complain(name, "nothing of that name");
	}
	return command->found != before;
}

int command_lookup(int argc, char **argv)
{
	struct lookup_command command = { .out = text_to(STDOUT_FILENO), .last = TEXT_EMPTY,
					  .colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	for (int i = 0; i < command.name_count && !session_failed(command.session); i++)
		if (!look_up(&command, command.names[i]))
			status = STATUS_NOT_FOUND;
	free(command.group);
	free(command.group_text);
	text_deinit(&command.last);
	text_deinit(&command.out);
	return session_close(command.session, status);
}
