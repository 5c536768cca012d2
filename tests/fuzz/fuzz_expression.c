/* SPDX-License-Identifier: MIT */

/*
 * Expressions: of DWARF when the first byte is odd (with a type to see the result as in the
 * second), else of C.
 */

#include "ask.h"
#include "fake_context.h"
#include "runtime/value.h"
#include "tests/lib/small_database.h"

#include <err.h>
#include <stackdb/expression.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- a small database ------------------------------------------------------------------------ */

enum { NAME_INT = 1, NAME_CHAR, NAME_DOUBLE, NAME_POINT, NAME_X, NAME_Y, NAME_NEXT, NAME_G, NAME_P,
       NAME_TEXT, NAME_WAVE, NAME_M, NAME_V, NAME_METHOD, NAME_F, NAMES };
static const char *const texts[NAMES] = { "", "int", "char", "double", "point", "x", "y", "next",
					  "g", "p", "text", "wave", "m", "v", "method", "f" };
static uint32_t ranks[NAMES];

enum { TYPE_INT = 1, TYPE_CHAR, TYPE_DOUBLE, TYPE_POINT, TYPE_POINTER, TYPE_TEXT,
       TYPE_COMPLEX, TYPE_METHOD, TYPE_MEMBER_POINTER, TYPE_METHOD_POINTER, TYPE_VARIANTS, TYPES };

static void add_types(struct sdb_writer *writer)
{
	struct sdb_member members[] = {
		{ .name = ranks[NAME_X], .type = TYPE_INT },
		{ .name = ranks[NAME_Y], .type = TYPE_INT, .bit_offset = 35, .bit_size = 5,
		  .flags = SDB_MEMBER_BITFIELD },
		{ .name = ranks[NAME_NEXT], .type = TYPE_POINTER, .bit_offset = 64 },
	};
	struct sdb_dimension dimension = { .kind = SDB_DIMENSION_COUNT, .count = 8 };
	struct sdb_member variants[] = {
		{ .kind = SDB_MEMBER_DISCRIMINANT, .type = TYPE_CHAR },
		{ .kind = SDB_MEMBER_VARIANT, .name = ranks[NAME_X], .type = TYPE_INT, .variant = 1,
		  .bit_offset = 32, .value = 0 },
		{ .kind = SDB_MEMBER_VARIANT, .name = ranks[NAME_Y], .type = TYPE_POINTER,
		  .variant = 2, .flags = SDB_MEMBER_DEFAULT_VARIANT },
	};
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
		[TYPE_COMPLEX] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED, .size = 16,
				   .encoding = 3 },
		[TYPE_METHOD] = { .kind = SDB_TYPE_FUNCTION, .target = TYPE_DOUBLE },
		[TYPE_MEMBER_POINTER] = { .kind = SDB_TYPE_MEMBER_POINTER, .flags = SDB_TYPE_SIZED,
					  .size = 8, .target = TYPE_INT, .containing = TYPE_POINT },
		[TYPE_METHOD_POINTER] = { .kind = SDB_TYPE_MEMBER_POINTER, .flags = SDB_TYPE_SIZED,
					  .size = 16, .target = TYPE_METHOD,
					  .containing = TYPE_POINT },
		[TYPE_VARIANTS] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED, .size = 8,
				    .member_count = 3, .members = variants },
	};
	for (sdb_type_id id = 1; id < TYPES; id++) {
		types[id].id = id;
		small_database_must(sdb_writer_add_type(writer, &types[id]));
	}
}

static void add_variables(struct sdb_writer *writer)
{
	static const struct { int name; sdb_type_id type; } variables[] = {
		{ NAME_G, TYPE_INT }, { NAME_P, TYPE_POINTER }, { NAME_TEXT, TYPE_TEXT },
		{ NAME_WAVE, TYPE_COMPLEX }, { NAME_M, TYPE_MEMBER_POINTER },
		{ NAME_V, TYPE_METHOD_POINTER }, { NAME_Y, TYPE_VARIANTS } };
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		struct sdb_variable variable =
			{ .id = (sdb_variable_id)i + 1, .name = ranks[variables[i].name],
						 .type = variables[i].type,
						 .flags = SDB_VARIABLE_EXTERNAL, .unit = 1,
						 .location =
						 { .kind = SDB_LOCATION_ADDRESS, .address = 0x1000
						   + 16 * i } };
		small_database_must(sdb_writer_add_variable(writer, &variable));
	}
}

/* `method` of class `point`, which is virtual, and `f`, which is not a member. */
static void add_functions(struct sdb_writer *writer)
{
	struct sdb_parameter parameters[] = {
		{ .type = TYPE_POINTER, .flags = SDB_LOCAL_ARTIFICIAL }, { .type = TYPE_DOUBLE } };
	struct sdb_function functions[] = {
		{ .id = 1, .name = ranks[NAME_METHOD], .scope = { SDB_SCOPE_TYPE, TYPE_POINT },
		  .unit = 1, .type = TYPE_INT, .flags = SDB_FUNCTION_VIRTUAL, .virtual_index = 2,
		  .parameter_count = 2, .parameters = parameters },
		{ .id = 2, .name = ranks[NAME_F], .unit = 1, .type = TYPE_COMPLEX,
		  .flags = SDB_FUNCTION_EXTERNAL, .virtual_index = UINT32_MAX,
		  .parameter_count = 1, .parameters = parameters + 1 } };
	for (size_t i = 0; i < 2; i++) {
		struct sdb_range range = { 0x100 * (i + 1), 0x100 * (i + 2) };
		struct sdb_code_scope scope = { .function = functions[i].id, .range_count = 1,
						.ranges = &range, .entry = range.low };
		struct sdb_code code = { .unit = 1, .scope_count = 1, .scopes = &scope };
		small_database_must(sdb_writer_add_function(writer, &functions[i]));
		small_database_must(sdb_writer_add_code(writer, &code));
	}
}

static void fill(struct sdb_writer *writer)
{
	add_types(writer);
	add_functions(writer);
	add_variables(writer);
}

static struct sdb_db *make_database(void)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/types.sdb", scratch_directory());
	return small_database_make(&(struct small_database){ path, 4, texts, NAMES, ranks, fill });
}

/* ---- inputs ---------------------------------------------------------------------------------- */

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
	struct sdb_error *error = sdb_evaluate(context, NULL, text,
					       SDB_EVALUATE_ASSIGN | SDB_EVALUATE_CALL, &value);
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
