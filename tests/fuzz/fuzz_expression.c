/* SPDX-License-Identifier: MIT */

/*
 * Expressions: of DWARF when the first byte is odd (with a type to see the result as in the
 * second), else of C.
 */

#include "ask.h"
#include "fake_context.h"
#include "runtime/value.h"
#include "symdb/writer.h"

#include <err.h>
#include <stackdb/expression.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(struct sdb_error *error)
{
	if (error)
		errx(1, "%s", sdb_error_message(error));
}

/* ---- a small database --------------------------------------------------------------------------- */

enum { NAME_INT = 1, NAME_CHAR, NAME_DOUBLE, NAME_POINT, NAME_X, NAME_Y, NAME_NEXT, NAME_G, NAME_P,
       NAME_TEXT, NAMES };
static const char *const texts[NAMES] = { "", "int", "char", "double", "point", "x", "y", "next",
					  "g", "p", "text" };
static uint32_t ranks[NAMES];

enum { TYPE_INT = 1, TYPE_CHAR, TYPE_DOUBLE, TYPE_POINT, TYPE_POINTER, TYPE_TEXT, TYPES };

static void add_types(struct sdb_writer *writer)
{
	struct sdb_member members[] = {
		{ .name = ranks[NAME_X], .type = TYPE_INT },
		{ .name = ranks[NAME_Y], .type = TYPE_INT, .bit_offset = 35, .bit_size = 5,
		  .flags = SDB_MEMBER_BITFIELD },
		{ .name = ranks[NAME_NEXT], .type = TYPE_POINTER, .bit_offset = 64 },
	};
	struct sdb_dimension dimension = { .kind = SDB_DIMENSION_COUNT, .count = 8 };
	struct sdb_type types[TYPES] = {
		[TYPE_INT] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED,
			       .name = ranks[NAME_INT], .size = 4,
			       .encoding = 5 },
		[TYPE_CHAR] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED,
				.name = ranks[NAME_CHAR], .size = 1,
				.encoding = 6 },
		[TYPE_DOUBLE] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED,
				  .name = ranks[NAME_DOUBLE], .size = 8,
				  .encoding = 4 },
		[TYPE_POINT] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED,
				 .name = ranks[NAME_POINT], .size = 16,
				 .member_count = 3, .members = members },
		[TYPE_POINTER] = { .kind = SDB_TYPE_POINTER, .flags = SDB_TYPE_SIZED, .size = 8,
				   .target = TYPE_POINT },
		[TYPE_TEXT] = { .kind = SDB_TYPE_ARRAY, .target = TYPE_CHAR, .dimension_count = 1,
				.dimensions = &dimension },
	};
	for (sdb_type_id id = 1; id < TYPES; id++) {
		types[id].id = id;
		must(sdb_writer_add_type(writer, &types[id]));
	}
}

static void add_variables(struct sdb_writer *writer)
{
	static const struct { int name; sdb_type_id type; } variables[] = {
		{ NAME_G, TYPE_INT }, { NAME_P, TYPE_POINTER }, { NAME_TEXT, TYPE_TEXT } };
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		struct sdb_variable variable =
			{ .id = (sdb_variable_id)i + 1, .name = ranks[variables[i].name],
						 .type = variables[i].type,
						 .flags = SDB_VARIABLE_EXTERNAL, .unit = 1,
						 .location =
						 { .kind = SDB_LOCATION_ADDRESS, .address = 0x1000
						   + 16 * i } };
		must(sdb_writer_add_variable(writer, &variable));
	}
}

static struct sdb_db *make_database(void)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/types.sdb", scratch_directory());
	struct sdb_writer_options options = { .path = path, .detail = SDB_DETAIL_FULL };
	struct sdb_db_info info = { .module_name = "m", .module_path = "/m", .indexer = "fuzz",
				    .elf_machine = 62,
				    .elf_class = 2, .elf_data = 1, .detail = SDB_DETAIL_FULL };
	struct sdb_unit unit = { .language = 12, .version = 5 };
	struct sdb_names *names = sdb_names_create();
	struct sdb_writer *writer;
	const uint32_t *all;
	uint32_t provisional[NAMES] = { 0 };
	struct sdb_db *db;

	must(sdb_writer_create(&options, &writer));
	must(sdb_writer_info(writer, &info));
	for (int i = 1; i < NAMES; i++)
		provisional[i] = sdb_names_intern(names, texts[i], strlen(texts[i]));
	must(sdb_writer_freeze_names(writer, names, &all));
	for (int i = 1; i < NAMES; i++)
		ranks[i] = all[provisional[i]];
	must(sdb_writer_files(writer, NULL, 0));
	must(sdb_writer_expressions(writer, NULL, 0));
	must(sdb_writer_add_unit(writer, &unit));
	add_types(writer);
	add_variables(writer);
	must(sdb_writer_finish(writer, NULL));
	sdb_names_destroy(names);
	must(sdb_db_open(path, NULL, &db));
	return db;
}

/* ---- inputs ------------------------------------------------------------------------------------- */

static void print(struct sdb_value *value, const struct sdb_context *context)
{
	static const struct sdb_print_options options =
		{ .top = true, .elements = 50, .size = 20000 };
	char *text;
	struct sdb_error *error = sdb_value_print(value, context, &options, &text);

	if (!error)
		free(text);
	sdb_error_free(error);
	error = sdb_value_json(value, context, &options, &text);
	if (!error)
		free(text);
	sdb_error_free(error);
	sdb_error_free(sdb_value_store(value, context, "0123456789abcdef",
				       (size_t)sdb_value_size(value) % 17));
}

static void ask_dwarf(const struct sdb_context *context, const uint8_t *data, size_t size)
{
	struct sdb_expression expression = { data + 1, (uint32_t)(size - 1) };
	struct location *location;
	struct sdb_value *value;
	uint64_t number, initial = 0x1010;

	sdb_error_free(location_number(context, &expression, &initial, &number, NULL));
	struct sdb_error *error = location_evaluate(context, &expression, &initial, &location);
	if (!error)
		error = value_new(context, context->types, context->db, 1 + data[0] % (TYPES - 1),
				  location, &value);
	if (!error) {
		print(value, context);
		sdb_value_free(value);
	}
	sdb_error_free(error);
}

static void ask_c(const struct sdb_context *context, const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	struct sdb_value *value;

	if (!text)
		return;
	struct sdb_error *error = sdb_evaluate(context, NULL, text, SDB_EVALUATE_ASSIGN, &value);
	if (!error) {
		print(value, context);
		sdb_value_free(value);
	}
	sdb_error_free(error);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sdb_context context = { .ops = &fake_ops };
	static const uint8_t frame_base[] = { 0x9c };
	static struct sdb_range range = { 0x100, 0x200 };
	static struct sdb_code_scope scope = { .range_count = 1, .ranges = &range, .entry = 0x100 };
	static struct sdb_code code = { .frame_base = { frame_base, 1 }, .scope_count = 1,
					.scopes = &scope };

	if (!context.db) {
		context.db = make_database();
		context.code = &code;
		context.pc = 0x110;
		context.arg = &context;
	}
	if (size < 3)
		return 0;
	context.types = types_create(0);
	if (data[0] & 1)
		ask_dwarf(&context, data + 1, size - 1);
	else
		ask_c(&context, data + 1, size - 1);
	types_unref(context.types);
	return 0;
}
