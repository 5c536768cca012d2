/* SPDX-License-Identifier: MIT */
/*
 * Prints what the runtime makes of a snapshot (snapshot.h), as the script next to it compares it:
 *
 *     frame N FUNCTION          each frame, inlined ones too
 *     arg NAME = VALUE
 *     local NAME = VALUE
 *     type NAME = TYPE
 *     target NAME = VALUE       what a pointer without an address leads to
 *     global NAME = VALUE       each variable of the program
 *     expr TEXT ==> VALUE       each line of the file EXPRESSIONS
 *
 * usage: dump_values SNAPSHOT [EXPRESSIONS|-]
 */

#include "snapshot.h"

#include <err.h>
#include <stackdb/expression.h>
#include <stackdb/value.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* gdb follows such a pointer with the operator `*` only, never by itself. */
static void print_target(struct sdb_value_local *local, const struct sdb_context *context)
{
	static const struct sdb_print_options top = { .top = true };
	enum sdb_absence absence = SDB_PRESENT;
	struct sdb_value *target;
	char *text;
	if (sdb_value_kind(local->value) != SDB_TYPE_POINTER)
		return;
	snapshot_check(sdb_value_absence(local->value, context, &absence, NULL, NULL));
	if (absence != SDB_ABSENT_POINTER)
		return;
	struct sdb_error *error = sdb_value_follow(local->value, context, &target);
	if (!error) {
		snapshot_check(sdb_value_print(target, context, &top, &text));
		printf("target %s = %s\n", local->name, text);
		sdb_value_free(target);
		free(text);
	} else {
		printf("target %s = ERROR %s\n", local->name, sdb_error_message(error));
	}
	sdb_error_free(error);
}

static struct sdb_error *print_local(void *arg, struct sdb_value_local *local)
{
	const struct sdb_context *context = arg;
	char *text, *type;
	struct sdb_error *error = sdb_value_print(local->value, context, NULL, &text);
	if (error) {
		printf("local %s = <ERROR %s>\n", local->name, sdb_error_message(error));
		sdb_error_free(error);
		return NULL;
	}
	snapshot_check(sdb_value_type_name(local->value, &type));
	printf("%s %s = %s\ntype %s = %s\n", local->is_parameter ? "arg" : "local", local->name,
	       text,
	       local->name, type);
	free(text);
	free(type);
	print_target(local, context);
	return NULL;
}

static void print_frame(const struct sdb_context *context, size_t number)
{
	uint32_t scope = context->scope;
	while (context->code->scopes[scope].kind == SDB_CODE_BLOCK)
		scope = context->code->scopes[scope].parent;
	struct sdb_function_names names = { 0 };
	char *name;
	if (context->code->scopes[scope].function)
		snapshot_check(sdb_function_names(context->db,
						  context->code->scopes[scope].function, &names));
	snapshot_check(sdb_name(context->db, names.name, &name));
	printf("frame %zu %s\n", number, name);
	free(name);
	snapshot_check(sdb_value_locals(context, SDB_VALUE_PARAMETERS | SDB_VALUE_LOCALS,
					print_local,
					(void *)context));
}

static void print_frames(struct snapshot *snapshot)
{
	for (size_t i = 0, number = 0; i < snapshot->count; i++) {
		struct sdb_context context = snapshot->frames[i].context;
		if (!context.code) {
			printf("frame %zu\n", number++);
			continue;
		}
		for (;;) {
			uint32_t scope = context.scope;
			print_frame(&context, number++);
			while (context.code->scopes[scope].kind == SDB_CODE_BLOCK)
				scope = context.code->scopes[scope].parent;
			if (scope == 0)
				break;
			context.scope = context.code->scopes[scope].parent;
		}
	}
}

static void print_globals(struct snapshot *snapshot)
{
	struct sdb_context context = snapshot->frames[0].context;
	struct sdb_print_options top = { .top = true };
	for (sdb_variable_id id = 1; id <= sdb_db_info(snapshot->db)->variables; id++) {
		struct sdb_value *value;
		char *name, *text;
		snapshot_check(sdb_qualified_name(snapshot->db,
						  (struct sdb_entity){ SDB_ENTITY_VARIABLE, id },
						  &name));
		snapshot_check(sdb_value_variable(&context, id, &value));
		snapshot_check(sdb_value_print(value, &context, &top, &text));
		printf("global %s = %s\n", name, text);
		sdb_value_free(value);
		free(name);
		free(text);
	}
}

/* Each line of the file at PATH, in the innermost frame. */
static void print_expressions(struct snapshot *snapshot, const char *path)
{
	struct sdb_context context = snapshot->frames[0].context;
	struct sdb_print_options top = { .top = true };
	FILE *file = fopen(path, "r");
	char *line = NULL;
	size_t room = 0;
	if (!file)
		err(1, "%s", path);
	while (getline(&line, &room, file) > 0) {
		struct sdb_value *value;
		char *text;
		line[strcspn(line, "\n")] = '\0';
		struct sdb_error *error = sdb_evaluate(&context, NULL, line, 0, &value);
		if (!error) {
			error = sdb_value_print(value, &context, &top, &text);
			sdb_value_free(value);
		}
		printf("expr %s ==> %s%s\n", line, error ? "ERROR " : "", error
		       ? sdb_error_message(error) : text);
		if (!error)
			free(text);
		sdb_error_free(error);
	}
	free(line);
	fclose(file);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	struct snapshot *snapshot = snapshot_open(argv[1]);
	print_frames(snapshot);
	if (argc > 2)
		print_globals(snapshot);
	if (argc > 2 && strcmp(argv[2], "-") != 0)
		print_expressions(snapshot, argv[2]);
	snapshot_close(snapshot);
	return 0;
}
