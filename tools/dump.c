/* SPDX-License-Identifier: MIT */
#include "dump.h"
#include "cdecl.h"
#include "expression.h"
#include "layout.h"
#include "names.h"

#include <stdlib.h>

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
