/* SPDX-License-Identifier: MIT */
/*
 * Types that contain themselves, have no end, or claim to be enormous: every question about them
 * ends soon, with an answer or an error. An alarm ends the test otherwise.
 */

#include "runtime/context.h"
#include "runtime/types.h"
#include "tests/lib/small_database.h"

#include <err.h>
#include <stackdb/expression.h>
#include <stackdb/value.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the database -------------------------------------------------------------------------- */

static const char *const texts[] = { "", "int", "empty", "empties", "self", "heir", "loop",
				     "giants", "giant", "member",
				     "pointer", "text", "char", "variants", "wave", "to_method",
				     "to_member", "fields", "method", "virtually" };
enum { INT = 1, EMPTY, EMPTIES, SELF, HEIR, LOOP, GIANTS, GIANT, MEMBER, POINTER, TEXT, CHAR,
       VARIANTS, WAVE, METHOD_POINTER, MEMBER_POINTER, FIELDS, METHOD, VIRTUAL, NAMES };
enum { METHOD_TYPE = MEMBER_POINTER + 1 };
static uint32_t ranks[NAMES];

static void add_types(struct sdb_writer *writer)
{
	struct sdb_dimension many = { .kind = SDB_DIMENSION_COUNT, .count = UINT64_C(1) << 40 };
	struct sdb_member variants[] = {
		{ .kind = SDB_MEMBER_DISCRIMINANT, .type = VARIANTS },
		{ .kind = SDB_MEMBER_DISCRIMINANT, .type = GIANT, .bit_offset = UINT64_MAX },
		{ .kind = SDB_MEMBER_VARIANT, .type = VARIANTS, .name = ranks[MEMBER], .variant = 9 },
		{ .kind = SDB_MEMBER_VARIANT, .type = INT, .variant = UINT32_MAX, .value = 3 },
	};
	struct sdb_member inside[8], bases[8], far[3] = {
		{ .name = ranks[MEMBER], .type = INT, .bit_offset = UINT64_C(1) << 62 },
		{ .name = ranks[FIELDS], .type = INT, .bit_offset = UINT64_MAX, .bit_size = 7,
		  .flags = SDB_MEMBER_BITFIELD },
		{ .name = ranks[SELF], .type = INT, .bit_offset = 1, .bit_size = 200,
		  .flags = SDB_MEMBER_BITFIELD } };
	for (int i = 0; i < 8; i++) {
		inside[i] = (struct sdb_member){ .name = i < 4 ? ranks[MEMBER] : 0, .type = SELF };
		bases[i] = (struct sdb_member){ .kind = SDB_MEMBER_BASE, .type = HEIR };
	}
	struct sdb_type types[] = {
		[INT] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED, .size = 4,
			  .encoding = 5 },
		[EMPTY] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED },
		[EMPTIES] = { .kind = SDB_TYPE_ARRAY, .target = EMPTY, .dimension_count = 1,
			      .dimensions = &many },
		[SELF] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED, .size = 16,
			   .member_count = 8, .members = inside },
		[HEIR] = { .kind = SDB_TYPE_CLASS, .flags = SDB_TYPE_SIZED, .size = 16,
			   .member_count = 8, .members = bases },
		[LOOP] = { .kind = SDB_TYPE_TYPEDEF, .target = LOOP },
		[GIANTS] = { .kind = SDB_TYPE_ARRAY, .target = GIANT, .dimension_count = 1,
			     .dimensions = &many },
		[GIANT] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED, .size = 70000 },
		[MEMBER] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED, .size = 8,
			     .member_count = 3, .members = far },
		[POINTER] = { .kind = SDB_TYPE_POINTER, .flags = SDB_TYPE_SIZED, .size = 8,
			      .target = POINTER },
		[TEXT] = { .kind = SDB_TYPE_POINTER, .flags = SDB_TYPE_SIZED, .size = 8,
			   .target = CHAR },
		[CHAR] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED, .size = 1,
			   .encoding = 6 },
		[VARIANTS] = { .kind = SDB_TYPE_STRUCT, .flags = SDB_TYPE_SIZED, .size = 8,
			       .member_count = 4, .members = variants },
		[WAVE] = { .kind = SDB_TYPE_BASE, .flags = SDB_TYPE_SIZED, .size = 63,
			   .encoding = 3 },
		[METHOD_POINTER] = { .kind = SDB_TYPE_MEMBER_POINTER, .flags = SDB_TYPE_SIZED,
				     .size = 16, .target = METHOD_TYPE, .containing = HEIR },
		[MEMBER_POINTER] = { .kind = SDB_TYPE_MEMBER_POINTER, .flags = SDB_TYPE_SIZED,
				     .size = 8, .target = GIANT, .containing = SELF },
		[METHOD_TYPE] = { .kind = SDB_TYPE_FUNCTION, .target = METHOD_TYPE },
	};
	for (sdb_type_id id = 1; id < sizeof(types) / sizeof(types[0]); id++) {
		types[id].id = id;
		bool named = id != POINTER && id != TEXT && id < METHOD_POINTER;
		types[id].name = named ? ranks[id] : 0;
		small_database_must(sdb_writer_add_type(writer, &types[id]));
	}
}

/* Each type is that of a variable with its name; a class has methods, one of them without end. */
static void fill(struct sdb_writer *writer)
{
	struct sdb_parameter self = { .type = POINTER, .flags = SDB_LOCAL_ARTIFICIAL };
	struct sdb_range range = { 0x100, 0x200 };
	struct sdb_code_scope scope = { .range_count = 1, .ranges = &range, .entry = 0x100,
					.function = 3 };
	struct sdb_code code = { .unit = 1, .scope_count = 1, .scopes = &scope };
	add_types(writer);
	for (sdb_function_id id = 1; id <= 3; id++) {
		struct sdb_function function = {
			.id = id, .name = ranks[id == 3 ? METHOD : VIRTUAL], .unit = 1, .type = id,
			.scope = { SDB_SCOPE_TYPE, id == 2 ? SELF : HEIR }, .virtual_index = 1u << 20,
			.flags = id == 3 ? SDB_FUNCTION_EXTERNAL : SDB_FUNCTION_VIRTUAL,
			.parameter_count = 1, .parameters = &self };
		small_database_must(sdb_writer_add_function(writer, &function));
	}
	for (sdb_variable_id id = 1; id <= MEMBER_POINTER; id++) {
		struct sdb_variable variable = {
			.id = id, .name = ranks[id], .type = id, .flags = SDB_VARIABLE_EXTERNAL,
			.unit = 1, .location = { .kind = SDB_LOCATION_ADDRESS, .address = 0x1000 } };
		small_database_must(sdb_writer_add_variable(writer, &variable));
	}
	small_database_must(sdb_writer_add_code(writer, &code));
}

/* ---- a target where every address is there and holds its own ------------------------------------- */

static struct sdb_error *read_memory(void *arg, uint64_t address, void *buffer, size_t size)
{
	(void)arg;
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buffer)[i] = (uint8_t)(address % 8 + i == 1 ? 0x10 : 'x');
	return NULL;
}

static struct sdb_error *call(void *arg, struct context_call *made)
{
	(void)arg;
	memset(made->result, 'x', sizeof(made->result));
	return NULL;
}

static const struct sdb_context_ops ops = { .read_memory = read_memory, .call = call };
static struct sdb_context context = { .ops = &ops };
static unsigned answers, errors;

static void ask(const char *text)
{
	static const struct sdb_print_options deep =
		{ .depth = 64, .elements = 1000000, .size = 100000, .top = true };
	struct sdb_value *value, *copy;
	char *shown;
	struct sdb_error *error = sdb_evaluate(&context, NULL, text, SDB_EVALUATE_CALL, &value);
	if (error) {
		errors++;
		sdb_error_free(error);
		return;
	}
	answers++;
	error = sdb_value_print(value, &context, &deep, &shown);
	if (!error && strlen(shown) > 4 * deep.size)
		errx(1, "%s: %zu characters", text, strlen(shown));
	if (!error)
		free(shown);
	sdb_error_free(error);
	error = sdb_value_json(value, &context, &deep, &shown);
	if (!error)
		free(shown);
	sdb_error_free(error);
	error = sdb_value_copy(value, &copy);
	if (!error) {
		sdb_error_free(sdb_value_diff(copy, value, &context, 0, NULL, NULL, NULL));
		sdb_value_free(copy);
	}
	sdb_error_free(error);
	sdb_value_free(value);
}

int main(void)
{
	static const char *const questions[] = {
		"empty", "empties", "empties[5]", "empties[-5]", "self", "self.member",
			"self.member.member", "self.nothing",
		"heir", "heir.nothing", "(heir *)&self", "(self *)&heir", "*(empty *)&heir", "loop",
			"loop + 1",
		"sizeof(loop)", "giants", "giants[3]", "giants[1000000000000]", "&giants[1]",
			"giant", "member",
		"member.member", "member.fields", "member.self", "pointer", "*pointer",
			"***************pointer", "pointer + 1",
		"text", "text[0]", "*text@1000000", "*text@4000000000", "text@4000000000",
			"(char [70000])*text",
		"((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))",
		"- - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - 1",
		"1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 1 ? 2",
			"1 << 4000000000",
		"(__int128)1 << 127", "-9223372036854775807 - 1 / -1",
			"(-9223372036854775807 - 1) % -1", "18446744073709551616",
		"'", "'a", "\"", "$", "1.", "1.e", "0x", "a::", "::", "sizeof", "sizeof(", "(int",
			"(int)", "*", "&", "[", "]", "",
		"variants", "variants.member", "variants == variants", "wave", "wave + 1", "-wave",
		"wave * 1.5i", "1i / 0i", "(_Complex double)text", "2.5i == 2.5i ? 1 : 2", "1.5ix",
		"heir.method", "heir.method()", "heir.virtually()", "self.virtually()",
		"self.virtually", "heir.method(1)", "heir.method(1,,)", "heir.method(", "heir.nothing()",
		"(*heir.method)()", "heir.heir::virtually()", "&heir::method", "&heir::virtually",
		"&self::member", "&heir::nothing", "&member::fields", "&nothing::at::all", "&::",
		"heir.*to_method", "(heir.*to_method)()", "self.*to_member", "heir.*to_member",
		"self->*to_member", "to_member.*self", "1 .* 2", "heir .* &heir::method", "int(1)",
		"to_method", "to_member", "!to_member", "to_method()", "heir.method()()()()",
		"pointer()", "text(text)", "self.*to_member.*to_member",
	};
	char path[] = "/tmp/stackdb-hostile-XXXXXX";
	int file = mkstemp(path);
	char *long_text = malloc(100000);
	if (file < 0 || !long_text)
		err(1, "%s", path);
	close(file);
	alarm(120);
	context.db = small_database_make(&(struct small_database){
		path, 4, texts, NAMES, ranks, fill });
	context.types = types_create(0);
	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		ask(questions[i]);
	memset(long_text, '(', 99999);
	long_text[99999] = '\0';
	ask(long_text);
	long_text[3000] = '\0';
	ask(long_text);
	free(long_text);
	types_unref(context.types);
	sdb_db_close(context.db);
	unlink(path);
	printf("%u answers, %u errors\n", answers, errors);
	return answers < 20 || errors < 15;
}
