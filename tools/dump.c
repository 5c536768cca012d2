/* SPDX-License-Identifier: MIT */
#include "dump.h"
#include "cdecl.h"
#include "expression.h"
#include "layout.h"
#include "names.h"
#include "rules.h"

#include <stdlib.h>
#include <string.h>

uint64_t dump_address(const struct dump *dump, uint64_t address)
{
	const struct sdb_section *sections;
	size_t count;
	if (!dump->place_count)
		return address + dump->bias;
	if (session_note(dump->session, sdb_sections(session_db(dump->session), &sections, &count)))
		return address;
	for (size_t i = 0; i < count; i++) {
		if (address < sections[i].address || address - sections[i].address >= sections[i].size)
			continue;
		for (size_t p = 0; p < dump->place_count; p++)
			if (dump->places[p].section == sections[i].index)
				return address - sections[i].address + dump->places[p].address;
	}
	return address + dump->bias;
}

/* ---- single things -------------------------------------------------------------------------- */

void dump_type(struct dump *dump, sdb_type_id id)
{
	if (dump->json) {
		struct json json;
		json_begin(&json, dump->out);
		json_string(&json, "entity", "type");
		layout_json(dump->session, &json, id, false);
		json_end(&json);
		return;
	}
	struct layout_options options = { .indent = 1, .methods = true };
	if (dump->meta)
		text_format(dump->out, "\t/* type %u */\n", id);
	layout_print(dump->session, dump->out, id, &options);
}

void dump_variable(struct dump *dump, sdb_variable_id id)
{
	struct sdb_variable *variable;
	struct text text = TEXT_EMPTY, *to = dump->json ? &text : dump->out;
	if (session_note(dump->session, sdb_variable(session_db(dump->session), id, &variable)))
		return;
	if (!dump->json)
		text_add(to, variable->flags & SDB_VARIABLE_TLS ? "\ttls " : variable->flags & SDB_VARIABLE_PERCPU
			 ? "\tpercpu " : variable->flags & SDB_VARIABLE_DECLARATION ? "\tdeclared " : "\tvariable ");
	cdecl_put(dump->session, to, variable->type, variable->scope.kind == SDB_SCOPE_UNIT
		  ? session_name(dump->session, variable->name)
		  : session_qualified(dump->session, (struct sdb_entity){ SDB_ENTITY_VARIABLE, id }), 0);
	struct sdb_location location = variable->location;
	if (location.kind == SDB_LOCATION_ADDRESS && !(variable->flags & (SDB_VARIABLE_TLS | SDB_VARIABLE_PERCPU)))
		location.address = dump_address(dump, location.address);
	if (dump->json) {
		struct json json;
		json_begin(&json, dump->out);
		json_string(&json, "kind", "variable");
		json_number(&json, "id", id);
		json_stringn(&json, "declaration", text.data, text.size);
		text.size = 0;
		expression_location(dump->session, &text, &location, NULL, NULL, NULL);
		json_stringn(&json, "location", text.data, text.size);
		json_string(&json, "file", session_file(dump->session, variable->decl.file));
		json_number(&json, "line", variable->decl.line);
		json_number(&json, "unit", variable->unit);
		json_end(&json);
	} else {
		text_add(to, "  ");
		if (!(variable->flags & SDB_VARIABLE_DECLARATION))
			expression_location(dump->session, to, &location, NULL, NULL, NULL);
		text_add(to, "  ");
		session_put_decl(dump->session, to, variable->decl.file, variable->decl.line);
		if (dump->meta)
			text_format(to, "  id %u flags 0x%x", id, variable->flags);
		text_char(to, '\n');
	}
	free(text.data);
	sdb_variable_free(variable);
}

void dump_symbol(struct dump *dump, sdb_symbol_id id)
{
	struct sdb_symbol symbol;
	if (session_note(dump->session, sdb_symbol(session_db(dump->session), id, &symbol)))
		return;
	uint64_t address = symbol.type == 6 ? symbol.address : dump_address(dump, symbol.address); /* STT_TLS */
	if (dump->json) {
		struct json json;
		json_begin(&json, dump->out);
		json_string(&json, "kind", "symbol");
		json_string(&json, "name", session_name(dump->session, symbol.name));
		json_hex(&json, "address", address);
		json_number(&json, "size", symbol.size);
		json_string(&json, "type", symbol_type_name(symbol.type));
		json_string(&json, "binding", symbol_binding_name(symbol.binding));
		json_number(&json, "section", symbol.section);
		json_end(&json);
		return;
	}
	text_add(dump->out, "\tsymbol ");
	text_hex(dump->out, address);
	text_char(dump->out, ' ');
	text_u64(dump->out, symbol.size);
	text_char(dump->out, ' ');
	text_add(dump->out, symbol_type_name(symbol.type));
	text_char(dump->out, ' ');
	text_add(dump->out, symbol_binding_name(symbol.binding));
	text_char(dump->out, ' ');
	text_add(dump->out, session_name(dump->session, symbol.name));
	if (symbol.version) {
		text_add(dump->out, symbol.default_version ? "@@" : "@");
		text_add(dump->out, session_name(dump->session, symbol.version));
	}
	if (dump->meta)
		text_format(dump->out, "  id %u section %u %s", id, symbol.section,
			    symbol_visibility_name(symbol.visibility));
	text_char(dump->out, '\n');
}

bool dump_at(struct dump *dump, uint64_t address)
{
	struct sdb_db *db = session_db(dump->session);
	struct sdb_code *code;
	struct sdb_variable *variable;
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	if (!session_missed(dump->session, sdb_code_at(db, address, 0, &code))) {
		sdb_function_id function = code->scope_count ? code->scopes[0].function : 0;
		sdb_code_free(code);
		if (function) {
			dump_function(dump, function);
			return true;
		}
	}
	if (!session_missed(dump->session, sdb_variable_at(db, address, &variable))) {
		dump_variable(dump, variable->id);
		sdb_variable_free(variable);
		return true;
	}
	if (session_missed(dump->session, sdb_symbol_at(db, address, &symbol, &id)))
		return false;
	dump_symbol(dump, id);
	return true;
}

/* ---- everything ------------------------------------------------------------------------------- */

static void heading(struct dump *dump, const char *format, uint64_t count)
{
	if (dump->json)
		return;
	text_char(dump->out, '\n');
	text_add(dump->out, format);
	text_add(dump->out, " (");
	text_grouped(dump->out, count);
	text_add(dump->out, ")\n");
}

static void dump_symbols(struct dump *dump)
{
	uint64_t count = session_info(dump->session)->symbols;
	heading(dump, "symbols", count);
	for (uint64_t id = 1; id <= count && !session_failed(dump->session); id++)
		dump_symbol(dump, (sdb_symbol_id)id);
}

/* Types that a reader would look up: what others are made of is printed with those. */
static bool stands_alone(const struct type_outline *type)
{
	switch (type->kind) {
	case SDB_TYPE_STRUCT: case SDB_TYPE_CLASS: case SDB_TYPE_UNION: case SDB_TYPE_ENUM:
		return type->name || type->has_members || type->has_enumerators;
	case SDB_TYPE_BASE: case SDB_TYPE_TYPEDEF: case SDB_TYPE_NAMESPACE: case SDB_TYPE_UNSPECIFIED:
		return true;
	default:
		return false;
	}
}

static void dump_types(struct dump *dump)
{
	uint64_t count = session_info(dump->session)->types;
	heading(dump, "types", count);
	for (uint64_t id = 1; id <= count && !session_failed(dump->session); id++) {
		struct type_outline type = session_type(dump->session, (sdb_type_id)id);
		if (stands_alone(&type) || dump->meta)
			dump_type(dump, (sdb_type_id)id);
	}
}

/* Something of a unit. */
struct unit_item {
	sdb_unit_id unit;
	uint32_t id;
	bool variable;
};

static int by_unit(const void *a, const void *b)
{
	const struct unit_item *x = a, *y = b;
	if (x->unit != y->unit)
		return x->unit < y->unit ? -1 : 1;
	if (x->variable != y->variable)
		return x->variable ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* The functions and variables of all units, in the order of the units. */
static struct unit_item *list_items(struct dump *dump, size_t *count_ret)
{
	const struct sdb_db_info *info = session_info(dump->session);
	struct sdb_db *db = session_db(dump->session);
	uint64_t functions = dump->scopes || dump->globals ? info->functions : 0;
	uint64_t variables = dump->globals ? info->variables : 0;
	struct unit_item *items = NULL;
	size_t count = 0, capacity = 0;
	for (uint64_t i = 0; i < functions + variables && !session_failed(dump->session); i++) {
		struct unit_item item = { .variable = i >= functions };
		item.id = (uint32_t)(item.variable ? i - functions + 1 : i + 1);
		struct sdb_function *function;
		struct sdb_variable *variable;
		if (item.variable) {
			if (session_note(dump->session, sdb_variable(db, item.id, &variable)))
				break;
			item.unit = variable->unit;
			sdb_variable_free(variable);
		} else {
			if (session_note(dump->session, sdb_function(db, item.id, false, &function)))
				break;
			item.unit = function->unit;
			sdb_function_free(function);
		}
		if (count == capacity) { /* grown as records really appear: counts are not to be trusted */
			capacity = capacity ? capacity * 2 : 1024;
			items = tool_realloc(items, capacity, sizeof(*items));
		}
		items[count++] = item;
	}
	if (count > 1)
		qsort(items, count, sizeof(*items), by_unit);
	*count_ret = count;
	return items;
}

static void put_unit(struct dump *dump, sdb_unit_id id)
{
	struct sdb_unit unit;
	if (id == 0) {
		if (!dump->json)
			text_add(dump->out, "\nunit (none)\n");
		return;
	}
	if (session_note(dump->session, sdb_unit(session_db(dump->session), id, &unit)))
		return;
	if (dump->json) {
		struct json json;
		json_begin(&json, dump->out);
		json_string(&json, "kind", "unit");
		json_number(&json, "id", id);
		json_string(&json, "name", session_name(dump->session, unit.name));
		json_string(&json, "directory", session_name(dump->session, unit.directory));
		json_string(&json, "producer", session_name(dump->session, unit.producer));
		json_string(&json, "language", language_name(unit.language));
		json_number(&json, "version", unit.version);
		json_end(&json);
		return;
	}
	text_format(dump->out, "\nunit %s  (%s", session_name(dump->session, unit.name),
		    language_name(unit.language));
	text_format(dump->out, ", DWARF %u, in %s)\n", unit.version,
		    session_name(dump->session, unit.directory));
	if (dump->meta)
		text_format(dump->out, "\tproducer %s\n", session_name(dump->session, unit.producer));
}

static void dump_units(struct dump *dump)
{
	uint64_t units = session_info(dump->session)->units;
	size_t count, at = 0;
	struct unit_item *items = list_items(dump, &count);
	for (uint64_t id = 0; id <= units && !session_failed(dump->session); id++) {
		if (id || (at < count && items[at].unit == 0))
			put_unit(dump, (sdb_unit_id)id);
		for (; at < count && items[at].unit <= id && !session_failed(dump->session); at++)
			if (items[at].variable)
				dump_variable(dump, items[at].id);
			else
				dump_function(dump, items[at].id);
	}
	free(items);
}

static struct sdb_error *put_unwind(void *arg, const struct sdb_unwind_row *row)
{
	struct dump *dump = arg;
	text_char(dump->out, '\t');
	text_hex(dump->out, dump_address(dump, row->low));
	text_char(dump->out, '-');
	text_hex(dump->out, dump_address(dump, row->low) + (row->high - row->low));
	text_char(dump->out, ' ');
	text_add(dump->out, rules_source_name(row->source));
	if (row->flags & SDB_UNWIND_GAP) {
		text_add(dump->out, " no rules\n");
		return NULL;
	}
	text_add(dump->out, " CFA=");
	rules_put_cfa(dump->session, dump->out, row);
	for (size_t i = 0; i < row->rule_count; i++) {
		text_char(dump->out, ' ');
		rules_put_register(dump->session, dump->out, row->rules[i].column);
		text_char(dump->out, '=');
		rules_put_rule(dump->session, dump->out, &row->rules[i]);
	}
	text_char(dump->out, '\n');
	return NULL;
}

static void dump_unwind(struct dump *dump)
{
	heading(dump, "unwind rows", session_info(dump->session)->unwind_rows);
	for (int source = SDB_UNWIND_EH_FRAME; source <= SDB_UNWIND_ORC && !dump->json; source++)
		session_missed(dump->session, sdb_unwind_rows(session_db(dump->session), source, put_unwind, dump));
}

void dump_all(struct dump *dump)
{
	const struct sdb_db_info *info = session_info(dump->session);
	if (!dump->json) {
		text_format(dump->out, "module %s  %s  build-id ", info->module_name ? info->module_name : "?",
			    machine_name(info->elf_machine));
		for (size_t i = 0; i < info->build_id_length; i++)
			text_hex_digits(dump->out, info->build_id[i], 2);
		text_char(dump->out, '\n');
	}
	if (dump->symbols)
		dump_symbols(dump);
	if (dump->types)
		dump_types(dump);
	if (dump->scopes || dump->globals)
		dump_units(dump);
	if (dump->detail > 1)
		dump_unwind(dump);
}
