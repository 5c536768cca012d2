/* SPDX-License-Identifier: MIT */
/* `stackdb scope`: the inline chain at an address, with parameters and locals and where they live. */
#include "cdecl.h"
#include "expression.h"
#include "json.h"
#include <stackdb/scope.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scope_command {
	struct common common;
	bool operations;
	bool calls;
	char **names;
	int name_count;
	struct text out;
	const struct colours *colours;
	struct session *session;
	/* of the address in hand */
	uint64_t address;
	const struct sdb_code *code;
	struct sdb_expression frame_base;
	struct json *json;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct scope_command *command = state->input;
	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->common;
		return 0;
	case 'O': command->operations = true; return 0;
	case 'c': command->calls = true; return 0;
	case ARGP_KEY_ARGS:
		command->names = state->argv + state->next;
		command->name_count = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which address?");
		return EINVAL;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_option options[] = {
	{ "operations", 'O', NULL, 0, "Also list the DWARF operations of each location", 0 },
	{ "calls", 'c', NULL, 0, "Also show a call that returns to the address", 0 },
	{ 0 }
};
static const struct argp_child children[] = { { &common_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "ADDRESS...",
	"Print the functions that an address is in, innermost first, each with its parameters and locals "
	"and where they are at that address."
	"\vADDRESS is a number, a symbol, symbol+offset or .section+offset.\n\nExamples:\n"
	"  stackdb scope -m vmlinux 0xffffffff81c5f0b4\n"
	"  stackdb scope -m libc.so.6 malloc+0x20\n",
	children, NULL, NULL
};

/* ---- variables -------------------------------------------------------------------------- */

static const struct sdb_expression *expression_of(const struct sdb_location *location,
						  const struct sdb_location_entry *entry)
{
	return entry ? &entry->expression
		: location->kind == SDB_LOCATION_EXPRESSION ? &location->expression : NULL;
}

/* What a function only declares is somewhere else, not optimized out. */
static bool is_extern(const struct sdb_scope_description *variable)
{
	return variable->flags & SDB_LOCAL_DECLARATION && variable->record->location.kind == SDB_LOCATION_NONE;
}

static void variable_as_json(struct scope_command *command, const struct sdb_scope_description *variable)
{
	const struct sdb_location *location = &variable->record->location;
	const struct sdb_location_entry *entry;
	struct json *json = command->json;
	struct text text = TEXT_EMPTY;
	json_object(json, NULL);
	json_string(json, "name", session_name(command->session, variable->name));
	json_string(json, "kind", variable->flags & SDB_LOCAL_LABEL ? "label"
		    : variable->parameter ? "parameter" : "local");
	cdecl_type(command->session, &text, variable->type);
	json_stringn(json, "type", text.data ? text.data : "", text.size);
	text.size = 0;
	if (variable->file)
		json_string(json, "file", session_file(command->session, variable->file));
	json_number(json, "line", variable->line);
	if (is_extern(variable))
		json_bool(json, "extern", true);
	expression_location(command->session, &text, location, &command->frame_base, &command->address, &entry);
	json_stringn(json, "location", text.data ? text.data : "", text.size);
	const struct sdb_expression *expression = expression_of(location, entry);
	if (expression && expression->length) {
		text.size = 0;
		expression_operations(command->session, &text, expression);
		json_stringn(json, "operations", text.data, text.size);
	}
	if (entry && !entry->is_default) {
		json_hex(json, "low", entry->low);
		json_hex(json, "high", entry->high);
	}
	json_close(json);
	free(text.data);
}

static void variable_as_text(struct scope_command *command, const struct sdb_scope_description *variable,
			     unsigned indent)
{
	const struct sdb_location *location = &variable->record->location;
	const struct sdb_location_entry *entry;
	struct text *out = &command->out;
	text_repeat(out, ' ', indent);
	size_t start = out->size;
	bool label = variable->flags & SDB_LOCAL_LABEL;
	if (label)
		text_format(out, "%s:", session_name(command->session, variable->name));
	else
		cdecl_put(command->session, out, variable->type,
			  variable->name ? session_name(command->session, variable->name) : "(unnamed)", 0);
	size_t width = out->size - start + indent;
	text_repeat(out, ' ', width < 44 ? 44 - width : 1);
	if (is_extern(variable)) {
		text_add(out, "extern");
		entry = NULL;
	} else {
		expression_location(command->session, out, location, &command->frame_base, &command->address,
				    &entry);
	}
	text_add(out, command->colours->comment);
	if (entry && !entry->is_default)
		text_format(out, "  0x%llx-0x%llx", (unsigned long long)entry->low,
			    (unsigned long long)entry->high);
	if (variable->line)
		text_format(out, "  line %u", variable->line);
	text_add(out, command->colours->off);
	text_char(out, '\n');
	const struct sdb_expression *expression = expression_of(location, entry);
	if (command->operations && expression && expression->length) {
		text_repeat(out, ' ', indent + 4);
		expression_operations(command->session, out, expression);
		text_char(out, '\n');
	}
}

/* Parameters (or locals) of code scope SCOPE. */
static void put_variables(struct scope_command *command, uint32_t scope,
			  const struct sdb_function *function, bool parameters, unsigned indent)
{
	const struct sdb_code *code = command->code;
	for (size_t i = 0; i < code->variable_count; i++) {
		struct sdb_scope_description variable;
		if (code->variables[i].scope != scope
		    || !sdb_scope_describe(function, &code->variables[i], &variable)
		    || variable.parameter != parameters)
			continue;
		if (command->json)
			variable_as_json(command, &variable);
		else
			variable_as_text(command, &variable, indent);
	}
}

/* ---- scopes ------------------------------------------------------------------------------ */

static void put_heading(struct scope_command *command, size_t number, const struct sdb_code_scope *scope,
			const struct sdb_function *function, sdb_file_id file, uint32_t line)
{
	struct text *out = &command->out;
	struct text prototype = TEXT_EMPTY;
	if (function)
		cdecl_prototype(command->session, &prototype, function,
				session_qualified(command->session, (struct sdb_entity){
						SDB_ENTITY_FUNCTION, function->id }));
	else
		text_add(&prototype, "(unknown function)");
	if (command->json) {
		json_string(command->json, "function", function ? session_qualified(
				    command->session, (struct sdb_entity){ SDB_ENTITY_FUNCTION, function->id }) : NULL);
		json_stringn(command->json, "prototype", prototype.data, prototype.size);
		json_bool(command->json, "inlined", scope->kind == SDB_CODE_INLINED);
		json_string(command->json, "file", file ? session_file(command->session, file) : NULL);
		json_number(command->json, "line", line);
		if (scope->kind == SDB_CODE_FUNCTION && scope->range_count)
			json_hex(command->json, "entry", scope->entry);
	} else {
		text_format(out, "#%zu  %s%s%s", number, command->colours->name, text_string(&prototype),
			    command->colours->off);
		if (scope->kind == SDB_CODE_INLINED)
			text_add(out, "  (inlined)");
		if (file) {
			text_add(out, "  at ");
			session_put_decl(command->session, out, file, line);
		}
		text_char(out, '\n');
	}
	free(prototype.data);
}

/* The frame of one function: heading, parameters, then locals of the blocks, outermost first. */
static void put_frame(struct scope_command *command, size_t number, const uint32_t *scopes, size_t count,
		      sdb_file_id file, uint32_t line)
{
	uint32_t frame = scopes[count - 1];
	const struct sdb_code_scope *scope = &command->code->scopes[frame];
	struct sdb_function *function = NULL;
	if (scope->function && session_note(command->session, sdb_function(
				session_db(command->session), scope->function, true, &function)))
		function = NULL;
	if (command->json)
		json_object(command->json, NULL);
	put_heading(command, number, scope, function, file, line);
	if (command->json)
		json_array(command->json, "variables");
	put_variables(command, frame, function, true, 6);
	for (size_t i = count; i-- > 0;)
		put_variables(command, scopes[i], function, false, 6 + 2 * (unsigned)(count - 1 - i > 8 ? 8 : count - 1 - i));
	if (command->json) {
		json_close(command->json);
		json_close(command->json);
	}
	sdb_function_free(function);
}

static void put_call_site(struct scope_command *command)
{
	const struct sdb_code *code = command->code;
	for (size_t i = 0; i < code->call_site_count; i++) {
		const struct sdb_call_site *site = &code->call_sites[i];
		if (site->address != command->address || command->json)
			continue;
		struct text *out = &command->out;
		text_add(out, site->flags & SDB_CALL_TAIL ? "tail call" : "call");
		if (site->function) {
			text_char(out, ' ');
			text_add(out, session_qualified(command->session, (struct sdb_entity){
					SDB_ENTITY_FUNCTION, site->function }));
		} else if (site->target.length) {
			text_add(out, " of ");
			expression_value(command->session, out, &site->target, &command->frame_base);
		}
		for (size_t p = 0; p < site->parameter_count; p++) {
			text_add(out, p ? ", " : " with ");
			expression_value(command->session, out, &site->parameters[p].location, NULL);
			text_add(out, " = ");
			if (site->parameters[p].value.length)
				expression_value(command->session, out, &site->parameters[p].value,
						 &command->frame_base);
			else
				text_add(out, "?");
		}
		text_char(out, '\n');
	}
}

static void put_scopes(struct scope_command *command)
{
	const struct sdb_code *code = command->code;
	uint32_t *scopes;
	size_t count;
	if (session_note(command->session, sdb_code_scopes_at(code, command->address, &scopes, &count)))
		return;
	struct sdb_line row = { 0 };
	session_missed(command->session, sdb_line_at(session_db(command->session), command->address, &row));
	sdb_file_id file = row.file;
	uint32_t line = row.line;
	size_t number = 0, first = 0;
	if (command->json)
		json_array(command->json, "frames");
	for (size_t i = 0; i < count; i++) {
		const struct sdb_code_scope *scope = &code->scopes[scopes[i]];
		if (scope->kind == SDB_CODE_BLOCK)
			continue;
		put_frame(command, number++, scopes + first, i + 1 - first, file, line);
		file = scope->call_file;
		line = scope->call_line;
		first = i + 1;
	}
	if (command->json)
		json_close(command->json);
	free(scopes);
}

static int show_address(struct scope_command *command, const char *text)
{
	struct sdb_code *code;
	if (!session_parse_address(command->session, text, &command->address))
		return STATUS_NOT_FOUND;
	unsigned parts = SDB_CODE_WITH_VARIABLES | (command->calls ? SDB_CODE_WITH_CALLS : 0);
	if (session_missed(command->session, sdb_code_at(session_db(command->session), command->address,
							 parts, &code))) {
		if (session_failed(command->session))
			return STATUS_NOT_FOUND;
		struct text symbol = TEXT_EMPTY;
		text_flush(&command->out);
		if (session_put_symbol(command->session, &symbol, command->address))
			tool_complain(text, "no function of the debuginfo holds it; it is %s", text_string(&symbol));
		else
			tool_complain(text, "no function holds it");
		free(symbol.data);
		return STATUS_NOT_FOUND;
	}
	struct json json;
	command->code = code;
	command->frame_base = sdb_code_frame_base(code, command->address);
	if (command->common.json) {
		json_begin(&json, &command->out);
		json_hex(&json, "address", command->address);
		command->json = &json;
	} else {
		text_addn(&command->out, "0x", 2);
		text_hex_digits(&command->out, command->address, session_address_size(command->session) * 2);
		text_add(&command->out, "  ");
		session_put_symbol(command->session, &command->out, command->address);
		text_char(&command->out, '\n');
	}
	put_scopes(command);
	put_call_site(command);
	if (command->json)
		json_end(&json);
	command->json = NULL;
	sdb_code_free(code);
	return STATUS_DONE;
}

int command_scope(int argc, char **argv)
{
	struct scope_command command = { .out = text_to(STDOUT_FILENO), .colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status;
	command.session = session_open(&command.common, &status);
	if (!command.session)
		return status;
	for (int i = 0; i < command.name_count && !session_failed(command.session); i++) {
		if (i && !command.common.json)
			text_char(&command.out, '\n');
		if (show_address(&command, command.names[i]) != STATUS_DONE)
			status = STATUS_NOT_FOUND;
	}
	text_deinit(&command.out);
	return session_close(command.session, status);
}
