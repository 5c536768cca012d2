/* SPDX-License-Identifier: MIT */
/* Functions: prototypes, instances, the tree of their scopes with variables, lines, calls. */
#include "cdecl.h"
#include "dump.h"
#include "expression.h"
#include <stackdb/scope.h>

#include <stdlib.h>
#include <string.h>

#define MAX_INDENT 24

/* An instance being printed, with the functions that its variables belong to. */
struct instance {
	struct dump *dump;
	const struct sdb_code *code;
	struct json *json;
	const struct sdb_function *function; /* of the instance itself */
	size_t next_variable;                /* variables stand in the order of their scopes */
};

static void indent(struct dump *dump, unsigned depth)
{
	text_repeat(dump->out, '\t', depth < MAX_INDENT ? depth : MAX_INDENT);
}

static void put_ranges(struct dump *dump, const struct sdb_range *ranges, size_t count)
{
	for (size_t i = 0; i < count && dump->ranges; i++) {
		text_add(dump->out, i ? ", " : " ");
		text_hex(dump->out, dump_address(dump, ranges[i].low));
		text_char(dump->out, '-');
		text_hex(dump->out, dump_address(dump, ranges[i].low) + (ranges[i].high - ranges[i].low));
	}
}

static void json_ranges(struct dump *dump, struct json *json, const struct sdb_range *ranges, size_t count)
{
	if (!dump->ranges)
		return;
	json_array(json, "ranges");
	for (size_t i = 0; i < count; i++) {
		json_array(json, NULL);
		json_hex(json, NULL, dump_address(dump, ranges[i].low));
		json_hex(json, NULL, dump_address(dump, ranges[i].low) + (ranges[i].high - ranges[i].low));
		json_close(json);
	}
	json_close(json);
}

/* ---- variables of a scope ------------------------------------------------------------------ */

static void put_operations(struct dump *dump, const struct sdb_location *location, unsigned depth)
{
	if (!dump->detail)
		return;
	if (location->kind == SDB_LOCATION_EXPRESSION && location->expression.length) {
		indent(dump, depth + 1);
		expression_operations(dump->session, dump->out, &location->expression);
		text_char(dump->out, '\n');
	}
	for (size_t i = 0; location->kind == SDB_LOCATION_LIST && i < location->entry_count; i++) {
		const struct sdb_location_entry *entry = &location->entries[i];
		indent(dump, depth + 1);
		text_range(dump->out, entry->low, entry->high);
		text_char(dump->out, ' ');
		expression_operations(dump->session, dump->out, &entry->expression);
		text_char(dump->out, '\n');
	}
}

static void put_variable(struct instance *instance, const struct sdb_scope_description *variable, unsigned depth)
{
	struct dump *dump = instance->dump;
	const struct sdb_location *location = &variable->record->location;
	const char *kind = variable->flags & SDB_LOCAL_LABEL ? "label" : variable->parameter ? "parameter" : "local";
	if (instance->json) {
		struct text text = TEXT_EMPTY;
		json_object(instance->json, NULL);
		json_string(instance->json, "kind", kind);
		json_string(instance->json, "name", session_name(dump->session, variable->name));
		cdecl_type(dump->session, &text, variable->type);
		json_stringn(instance->json, "type", text.data, text.size);
		json_number(instance->json, "line", variable->line);
		text.size = 0;
		expression_location(dump->session, &text, location, &instance->code->frame_base, NULL, NULL);
		json_stringn(instance->json, "location", text.data, text.size);
		json_close(instance->json);
		free(text.data);
		return;
	}
	indent(dump, depth);
	text_add(dump->out, kind);
	text_char(dump->out, ' ');
	if (variable->flags & SDB_LOCAL_LABEL)
		text_add(dump->out, session_name(dump->session, variable->name));
	else
		cdecl_put(dump->session, dump->out, variable->type, session_name(dump->session, variable->name), 0);
	text_add(dump->out, "  ");
	expression_location(dump->session, dump->out, location, &instance->code->frame_base, NULL, NULL);
	if (variable->line) {
		text_add(dump->out, "  line ");
		text_u64(dump->out, variable->line);
	}
	text_char(dump->out, '\n');
	put_operations(dump, location, depth);
}

static void put_variables(struct instance *instance, uint32_t scope, const struct sdb_function *function,
			  unsigned depth)
{
	const struct sdb_code *code = instance->code;
	if (instance->json)
		json_array(instance->json, "variables");
	while (instance->next_variable < code->variable_count
	       && code->variables[instance->next_variable].scope < scope)
		instance->next_variable++;
	for (; instance->next_variable < code->variable_count; instance->next_variable++) {
		struct sdb_scope_description variable;
		const struct sdb_scope_variable *record = &code->variables[instance->next_variable];
		if (record->scope != scope)
			break;
		if (sdb_scope_describe(function, record, &variable))
			put_variable(instance, &variable, depth);
	}
	if (instance->json)
		json_close(instance->json);
}

/* ---- functions that are inlined -------------------------------------------------------------- */

#define MAX_REMEMBERED 200 /* parameters and locals of a function */

/* FUNCTION in one piece, with what its variables are described by. */
static struct sdb_function *copy_function(const struct sdb_function *function)
{
	size_t parameters = function->parameter_count * sizeof(*function->parameters);
	size_t locals = function->local_count * sizeof(*function->locals);
	struct sdb_function *copy = tool_alloc(sizeof(*copy) + parameters + locals);
	*copy = (struct sdb_function){ .id = function->id, .parameter_count = function->parameter_count,
				       .local_count = function->local_count };
	copy->parameters = (struct sdb_parameter *)(copy + 1);
	copy->locals = (struct sdb_local *)(copy->parameters + copy->parameter_count);
	if (parameters)
		memcpy(copy->parameters, function->parameters, parameters);
	if (locals)
		memcpy(copy->locals, function->locals, locals);
	return copy;
}

/* The parameters and locals of function ID; *READ_RET is to be freed when it is not remembered. */
static const struct sdb_function *find_function(struct dump *dump, sdb_function_id id,
						struct sdb_function **read_ret)
{
	const struct sdb_function *known = session_recall(dump->session, SESSION_FUNCTIONS, id);
	if (known || !id)
		return known;
	struct sdb_function *function;
	if (session_note(dump->session, sdb_function(session_db(dump->session), id, true, &function)))
		return NULL;
	if (function->parameter_count + function->local_count > MAX_REMEMBERED)
		return *read_ret = function;
	struct sdb_function *copy = copy_function(function);
	sdb_function_free(function);
	session_remember(dump->session, SESSION_FUNCTIONS, id, copy);
	return copy;
}

/* ---- scopes ----------------------------------------------------------------------------------- */

static void put_scope_heading(struct instance *instance, const struct sdb_code_scope *scope, unsigned depth)
{
	struct dump *dump = instance->dump;
	bool inlined = scope->kind == SDB_CODE_INLINED;
	const char *name = inlined ? session_qualified(dump->session, (struct sdb_entity){
			SDB_ENTITY_FUNCTION, scope->function }) : NULL;
	if (instance->json) {
		struct json *json = instance->json;
		json_object(json, NULL);
		json_string(json, "kind", inlined ? "inlined" : scope->kind == SDB_CODE_BLOCK ? "block" : "function");
		json_number(json, "parent", scope->parent);
		if (inlined) {
			json_string(json, "function", name);
			json_string(json, "call_file", session_file(dump->session, scope->call_file));
			json_number(json, "call_line", scope->call_line);
		}
		json_ranges(dump, json, scope->ranges, scope->range_count);
		return;
	}
	indent(dump, depth);
	text_add(dump->out, inlined ? "inlined " : scope->kind == SDB_CODE_BLOCK ? "block" : "code");
	if (inlined) {
		text_add(dump->out, name);
		text_add(dump->out, " called at ");
		session_put_decl(dump->session, dump->out, scope->call_file, scope->call_line);
	}
	put_ranges(dump, scope->ranges, scope->range_count);
	if (scope->kind == SDB_CODE_FUNCTION && dump->detail && instance->code->frame_base.length) {
		text_add(dump->out, "  frame base ");
		expression_value(dump->session, dump->out, &instance->code->frame_base, NULL);
	}
	text_char(dump->out, '\n');
}

/* Depth of scope INDEX in the tree: parents stand in front of their children. */
static unsigned scope_depth(const struct sdb_code *code, uint32_t index)
{
	unsigned depth = 0;
	while (index > 0 && code->scopes[index].parent < index) {
		index = code->scopes[index].parent;
		depth++;
	}
	return depth;
}

static void put_scopes(struct instance *instance, unsigned depth)
{
	struct dump *dump = instance->dump;
	const struct sdb_code *code = instance->code;
	if (instance->json)
		json_array(instance->json, "scopes");
	for (uint32_t i = 0; i < code->scope_count && !session_failed(dump->session); i++) {
		const struct sdb_code_scope *scope = &code->scopes[i];
		unsigned level = depth + scope_depth(code, i);
		sdb_function_id owner = sdb_scope_function(code, i);
		const struct sdb_function *function = instance->function;
		struct sdb_function *read = NULL;
		bool variables = instance->next_variable < code->variable_count;
		put_scope_heading(instance, scope, level);
		if (variables && (!function || owner != function->id))
			function = find_function(dump, owner, &read);
		put_variables(instance, i, function, level + 1);
		if (instance->json)
			json_close(instance->json);
		sdb_function_free(read);
	}
	if (instance->json)
		json_close(instance->json);
}

/* ---- calls and lines ----------------------------------------------------------------------------- */

static void put_calls(struct instance *instance, unsigned depth)
{
	struct dump *dump = instance->dump;
	for (size_t i = 0; i < instance->code->call_site_count && !instance->json; i++) {
		const struct sdb_call_site *site = &instance->code->call_sites[i];
		indent(dump, depth);
		text_add(dump->out, site->flags & SDB_CALL_TAIL ? "tail call " : "call ");
		text_hex(dump->out, dump_address(dump, site->address));
		text_char(dump->out, ' ');
		if (site->function)
			text_add(dump->out, session_qualified(dump->session, (struct sdb_entity){
					SDB_ENTITY_FUNCTION, site->function }));
		else if (site->target.length)
			expression_value(dump->session, dump->out, &site->target, &instance->code->frame_base);
		for (size_t p = 0; p < site->parameter_count; p++) {
			text_add(dump->out, p ? ", " : " with ");
			expression_value(dump->session, dump->out, &site->parameters[p].location, NULL);
			text_char(dump->out, '=');
			expression_value(dump->session, dump->out, &site->parameters[p].value,
					 &instance->code->frame_base);
		}
		text_char(dump->out, '\n');
	}
}

struct line_walk {
	struct instance *instance;
	sdb_file_id file;
	unsigned depth;
};

static struct sdb_error *put_line(void *arg, const struct sdb_line *line)
{
	struct line_walk *walk = arg;
	struct dump *dump = walk->instance->dump;
	struct json *json = walk->instance->json;
	if (line->flags & SDB_LINE_END_SEQUENCE)
		return NULL;
	if (json) {
		json_array(json, NULL);
		json_hex(json, NULL, dump_address(dump, line->address));
		json_string(json, NULL, session_file(dump->session, line->file));
		json_number(json, NULL, line->line);
		json_number(json, NULL, line->column);
		json_close(json);
		return NULL;
	}
	indent(dump, walk->depth);
	text_add(dump->out, "line ");
	text_hex(dump->out, dump_address(dump, line->address));
	text_char(dump->out, ' ');
	if (line->file != walk->file) /* said once, until it changes */
		text_add(dump->out, session_file(dump->session, line->file));
	walk->file = line->file;
	text_char(dump->out, ':');
	text_u64(dump->out, line->line);
	if (line->column) {
		text_char(dump->out, ':');
		text_u64(dump->out, line->column);
	}
	if (!(line->flags & SDB_LINE_STATEMENT))
		text_add(dump->out, " ~");
	text_char(dump->out, '\n');
	return NULL;
}

static void put_lines(struct instance *instance, unsigned depth)
{
	const struct sdb_code_scope *scope = &instance->code->scopes[0];
	struct line_walk walk = { instance, 0, depth };
	if (instance->json)
		json_array(instance->json, "lines");
	for (size_t i = 0; i < scope->range_count; i++)
		session_missed(instance->dump->session, sdb_lines(session_db(instance->dump->session),
								  scope->ranges[i].low, scope->ranges[i].high,
								  put_line, &walk));
	if (instance->json)
		json_close(instance->json);
}

static void put_instance(struct dump *dump, struct json *json, const struct sdb_function *function,
			 uint64_t address, unsigned depth)
{
	struct sdb_code *code;
	unsigned parts = SDB_CODE_WITH_VARIABLES | (dump->detail ? SDB_CODE_WITH_CALLS : 0);
	if (session_missed(dump->session, sdb_code_at(session_db(dump->session), address, parts, &code)))
		return;
	struct instance instance = { .dump = dump, .code = code, .json = json, .function = function };
	if (code->scope_count) {
		if (json)
			json_object(json, NULL);
		put_scopes(&instance, depth);
		put_calls(&instance, depth + 1);
		put_lines(&instance, depth + 1);
		if (json)
			json_close(json);
	}
	sdb_code_free(code);
}

/* ---- the function ------------------------------------------------------------------------------------ */

static void put_heading(struct dump *dump, struct json *json, const struct sdb_function *function)
{
	struct text prototype = TEXT_EMPTY;
	cdecl_prototype(dump->session, &prototype, function, function->scope.kind == SDB_SCOPE_UNIT
			? session_name(dump->session, function->name)
			: session_qualified(dump->session, (struct sdb_entity){ SDB_ENTITY_FUNCTION, function->id }));
	if (json) {
		json_string(json, "kind", "function");
		json_number(json, "id", function->id);
		json_stringn(json, "prototype", prototype.data, prototype.size);
		json_string(json, "linkage_name", function->linkage_name
			    ? session_name(dump->session, function->linkage_name) : NULL);
		json_string(json, "file", session_file(dump->session, function->decl.file));
		json_number(json, "line", function->decl.line);
		json_number(json, "unit", function->unit);
	} else {
		text_add(dump->out, "\tfunction ");
		text_addn(dump->out, prototype.data, prototype.size);
		text_add(dump->out, "  ");
		session_put_decl(dump->session, dump->out, function->decl.file, function->decl.line);
		if (dump->meta) {
			text_format(dump->out, "  id %u flags 0x%x", function->id, function->flags);
			if (function->linkage_name)
				text_format(dump->out, " linkage name %s",
					    session_name(dump->session, function->linkage_name));
		}
		text_char(dump->out, '\n');
	}
	free(prototype.data);
}

void dump_function(struct dump *dump, sdb_function_id id)
{
	struct sdb_db *db = session_db(dump->session);
	struct sdb_function *function;
	struct sdb_instance *instances = NULL;
	size_t count = 0;
	struct json json;
	if (session_note(dump->session, sdb_function(db, id, dump->scopes, &function)))
		return;
	if (dump->json)
		json_begin(&json, dump->out);
	put_heading(dump, dump->json ? &json : NULL, function);
	if (dump->scopes)
		session_note(dump->session, sdb_function_instances(db, id, &instances, &count));
	if (dump->json)
		json_array(&json, "code");
	for (size_t i = 0; i < count; i++)
		if (!instances[i].inlined)
			put_instance(dump, dump->json ? &json : NULL, function, instances[i].address, 2);
	if (dump->json)
		json_end(&json);
	free(instances);
	sdb_function_free(function);
}
