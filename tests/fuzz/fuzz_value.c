/* SPDX-License-Identifier: MIT */

/* Values of the types and at the places that a database from anywhere describes. */

#include "ask.h"
#include "fake_context.h"
#include "mutate_db.h"
#include "runtime/types.h"

#include <stackdb/value.h>
#include <stdlib.h>

#define VARIABLES 60
#define CODES 30

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t changed = seed % 8 == 0 ? 0 : mutate_database(data, size, max_size, seed / 8);

	return changed != 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
}

static void print(struct sdb_value *value, const struct sdb_context *context)
{
	static const struct sdb_print_options options =
		{ .top = true, .elements = 20, .depth = 6, .size = 20000 };
	char *text;
	struct sdb_error *error = sdb_value_print(value, context, &options, &text);

	if (!error)
		free(text);
	sdb_error_free(error);
	error = sdb_value_json(value, context, &options, &text);
	if (!error)
		free(text);
	sdb_error_free(error);
	sdb_error_free(sdb_value_refresh(value, context, NULL));
}

static struct sdb_error *take_local(void *arg, struct sdb_value_local *local)
{
	print(local->value, arg);
	return NULL;
}

struct walk {
	struct sdb_context *context;
	unsigned left;
};

static struct sdb_error *take_code(void *arg, const struct sdb_code *code)
{
	struct walk *walk = arg;
	struct sdb_context *context = walk->context;

	if (walk->left-- == 0)
		return sdb_error_new(SDB_ERROR_STOPPED, "enough");
	context->code = code;
	for (uint32_t scope = 0; scope < code->scope_count && scope < 6; scope++) {
		context->scope = scope;
		context->pc = code->scopes[scope].entry + scope;
		sdb_error_free(sdb_value_locals(context, SDB_VALUE_PARAMETERS | SDB_VALUE_LOCALS,
						take_local, context));
	}
	context->code = NULL;
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sdb_open_options options = { .cache_size = 64 << 10 };
	struct sdb_db *db;
	struct sdb_error *error = sdb_db_open(scratch_file("input.sdb", data, size), &options, &db);

	if (error != NULL) {
		sdb_error_free(error);
		return 0;
	}
	struct sdb_context context = { .ops = &fake_ops, .db = db, .load_bias = 0x1000,
				       .types = types_create(1 << 16) };
	context.arg = &context;
	for (sdb_variable_id id = 1; id <= sdb_db_info(db)->variables && id <= VARIABLES; id++) {
		struct sdb_value *value;
		error = sdb_value_variable(&context, id, &value);
		if (!error) {
			print(value, &context);
			sdb_value_free(value);
		}
		sdb_error_free(error);
	}
	struct walk walk = { &context, CODES };
	sdb_error_free(sdb_codes(db, SDB_CODE_WITH_VARIABLES | SDB_CODE_WITH_CALLS, take_code,
				 &walk));
	types_unref(context.types);
	sdb_db_close(db);
	return 0;
}
