/* SPDX-License-Identifier: MIT */

/* Every question that the reader answers, asked of one database. */

#include "ask.h"
#include <stdlib.h>

enum { LIMIT = 200 }; /* questions of one kind */

struct asked {
	struct sdb_db *db;
	unsigned count;
	uint64_t addresses[32]; /* that something was at */
	size_t address_count;
};

static bool answered(struct sdb_error *error)
{
	bool good = error == NULL;

	/* The message is part of the answer. */
	if (!good && sdb_error_message(error)[0] == '\0')
		abort();
	sdb_error_free(error);
	return good;
}

static struct sdb_error *enough(struct asked *asked)
{
	if (++asked->count < LIMIT)
		return NULL;
	return sdb_error_new(SDB_ERROR_STOPPED, "enough");
}

static void remember(struct asked *asked, uint64_t address)
{
	if (asked->address_count < sizeof(asked->addresses) / sizeof(asked->addresses[0]))
		asked->addresses[asked->address_count++] = address;
}

static void ask_name(struct sdb_db *db, sdb_name_id id)
{
	char *text;

	if (answered(sdb_name(db, id, &text)))
		free(text);
}

static struct sdb_error *on_part(void *arg, const char *part, uint64_t blocks, uint64_t stored,
				 uint64_t raw)
{
	(void)part, (void)blocks, (void)stored, (void)raw;
	return enough(arg);
}

static struct sdb_error *on_child(void *arg, struct sdb_entity entity)
{
	(void)entity;
	return enough(arg);
}

static void ask_symbol(struct asked *asked, uint32_t id)
{
	struct sdb_symbol symbol;

	if (!answered(sdb_symbol(asked->db, id, &symbol)))
		return;
	ask_name(asked->db, symbol.name);
	remember(asked, symbol.address);
}

static void ask_type(struct asked *asked, uint32_t id)
{
	struct asked inner = { .db = asked->db };
	struct sdb_type *type;

	if (answered(sdb_type(asked->db, id, &type))) {
		for (size_t i = 0; i < type->member_count && i < 8; i++)
			ask_name(asked->db, type->members[i].name);
		sdb_type_free(type);
	}
	answered(sdb_children(asked->db, id, on_child, &inner));
}

static void ask_function(struct asked *asked, uint32_t id)
{
	struct sdb_function *function;
	struct sdb_instance *instances;
	size_t count;

	if (answered(sdb_function(asked->db, id, true, &function)))
		sdb_function_free(function);
	if (answered(sdb_function_instances(asked->db, id, &instances, &count))) {
		for (size_t i = 0; i < count && i < 4; i++)
			remember(asked, instances[i].address);
		free(instances);
	}
}

static void ask_variable(struct asked *asked, uint32_t id)
{
	struct sdb_variable *variable;

	if (!answered(sdb_variable(asked->db, id, &variable)))
		return;
	if (variable->location.kind == SDB_LOCATION_ADDRESS)
		remember(asked, variable->location.address);
	sdb_variable_free(variable);
}

static struct sdb_error *on_entity(void *arg, sdb_name_id name, const char *text,
				   struct sdb_entity entity)
{
	struct asked *asked = arg;
	char *qualified;

	(void)name, (void)text;
	if (answered(sdb_qualified_name(asked->db, entity, &qualified)))
		free(qualified);
	switch (entity.kind) {
	case SDB_ENTITY_SYMBOL:
		ask_symbol(asked, entity.id);
		break;
	case SDB_ENTITY_FUNCTION:
		ask_function(asked, entity.id);
		break;
	case SDB_ENTITY_VARIABLE:
		ask_variable(asked, entity.id);
		break;
	case SDB_ENTITY_TYPE:
	case SDB_ENTITY_ENUMERATOR:
		ask_type(asked, entity.id);
		break;
	}
	return enough(asked);
}

static struct sdb_error *on_line(void *arg, const struct sdb_line *line)
{
	(void)line;
	return enough(arg);
}

static struct sdb_error *on_file(void *arg, sdb_file_id id, const char *path)
{
	struct asked *asked = arg;
	struct asked inner = { .db = asked->db };
	char *again;

	(void)path;
	if (answered(sdb_file(asked->db, id, &again)))
		free(again);
	answered(sdb_line_find(asked->db, id, 0, on_line, &inner));
	return enough(asked);
}

static struct sdb_error *on_code(void *arg, const struct sdb_code *code)
{
	struct asked *asked = arg;

	for (size_t i = 0; i < code->scope_count; i++) {
		if (code->scopes[i].range_count > 0)
			remember(asked, code->scopes[i].ranges[0].low);
	}
	return enough(asked);
}

static struct sdb_error *on_unwind(void *arg, const struct sdb_unwind_row *row)
{
	remember(arg, row->low);
	return enough(arg);
}

static void ask_address(struct asked *asked, uint64_t address)
{
	struct sdb_db *db = asked->db;
	struct sdb_symbol symbol;
	sdb_symbol_id id;
	struct sdb_variable *variable;
	struct sdb_code *code;
	struct sdb_line line;
	struct sdb_unwind_row *row;
	uint32_t *scopes;
	size_t count;

	answered(sdb_symbol_at(db, address, &symbol, &id));
	if (answered(sdb_variable_at(db, address, &variable)))
		sdb_variable_free(variable);
	if (answered(sdb_code_at(db, address, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, &code))) {
		if (answered(sdb_code_scopes_at(code, address, &scopes, &count)))
			free(scopes);
		sdb_code_free(code);
	}
	answered(sdb_line_at(db, address, &line));
	if (answered(sdb_unwind_at(db, 0, address, &row)))
		sdb_unwind_row_free(row);
}

static void ask_records(struct asked *asked)
{
	for (uint32_t id = 0; id < 20; id++) {
		struct sdb_unit unit;

		ask_name(asked->db, id);
		answered(sdb_unit(asked->db, id, &unit));
		ask_symbol(asked, id);
		ask_type(asked, id);
		ask_function(asked, id);
		ask_variable(asked, id);
	}
	ask_name(asked->db, UINT32_MAX);
	ask_type(asked, UINT32_MAX);
	ask_function(asked, UINT32_MAX);
	ask_variable(asked, UINT32_MAX);
	ask_symbol(asked, UINT32_MAX);
}

void ask_everything(struct sdb_db *db)
{
	const struct sdb_section *sections;
	const struct sdb_segment *segments;
	struct asked asked = { .db = db };
	size_t count;
	char *value;

	answered(sdb_db_parts(db, on_part, &asked));
	if (answered(sdb_db_meta(db, "build_id", &value)))
		free(value);
	answered(sdb_sections(db, &sections, &count));
	answered(sdb_segments(db, &segments, &count));
	asked.count = 0;
	answered(sdb_lookup(db, "*", SDB_MATCH_GLOB, 0, on_entity, &asked));
	asked.count = 0;
	answered(sdb_lookup(db, "m.*n$", SDB_MATCH_REGEX, 0, on_entity, &asked));
	answered(sdb_lookup(db, "main", SDB_MATCH_EXACT, 0, on_entity, &asked));
	asked.count = 0;
	answered(sdb_files(db, NULL, on_file, &asked));
	ask_records(&asked);
	asked.count = 0;
	answered(sdb_codes(db, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, on_code, &asked));
	for (enum sdb_unwind_source source = SDB_UNWIND_EH_FRAME; source <= SDB_UNWIND_ORC; source++) {
		asked.count = 0;
		answered(sdb_unwind_rows(db, source, on_unwind, &asked));
	}
	asked.count = 0;
	answered(sdb_lines(db, 0, UINT64_MAX, on_line, &asked));
	for (size_t i = 0; i < asked.address_count; i++) {
		ask_address(&asked, asked.addresses[i]);
		ask_address(&asked, asked.addresses[i] - 1);
	}
	ask_address(&asked, 0);
	ask_address(&asked, UINT64_MAX);
	answered(sdb_db_verify(db));
}
