/* SPDX-License-Identifier: MIT */
/*
 * Prints the stacks of all threads of a process, with the values of arguments and locals.
 *
 * usage: backtrace PID
 */
#include <stackdb/frame.h>
#include <stackdb/value.h>

#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *print_variable(void *arg, struct sdb_value_local *local)
{
	const struct sdb_context *context = arg;
	const struct sdb_print_options options = { .elements = 20, .depth = 3 };
	char *text;
	struct sdb_error *error = sdb_value_print(local->value, context, &options, &text);
	if (error)
		return error;
	printf("        %s %s = %s\n", local->is_parameter ? "argument" : "local", local->name, text);
	free(text);
	return NULL;
}

static struct sdb_error *print_variables(struct sdb_stack *stack)
{
	const struct sdb_context *context;
	struct sdb_error *error = sdb_stack_context(stack, &context);
	if (!error)
		error = sdb_value_locals(context, SDB_VALUE_PARAMETERS | SDB_VALUE_LOCALS, print_variable, (void *)context);
	return error;
}

static struct sdb_error *print_stack(struct sdb_thread *thread)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	if (error)
		return error;
	printf("thread %lld\n", (long long)sdb_thread_id(thread));
	while (!(error = sdb_stack_next(stack, &frame)) && frame) {
		printf("    #%u %#llx %s", frame->number, (unsigned long long)frame->pc, frame->name ? frame->name : "?");
		if (frame->file)
			printf(" at %s:%u", frame->file, frame->line);
		puts(frame->kind == SDB_FRAME_INLINED ? " (inlined)" : "");
		/* Without debuginfo a function has no variables that could be named. */
		if (frame->function && (error = print_variables(stack)))
			break;
	}
	if (!error && sdb_stack_end(stack))
		printf("    (%s)\n", sdb_stack_end(stack));
	sdb_stack_close(stack);
	return error;
}

static struct sdb_error *print_stacks(struct sdb_target *target)
{
	struct sdb_thread *const *threads;
	size_t count;
	struct sdb_error *error = sdb_target_pause(target);
	if (!error)
		error = sdb_target_threads(target, &threads, &count);
	for (size_t i = 0; !error && i < count; i++)
		error = print_stack(threads[i]);
	return error;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .pid = argc == 2 ? atoll(argv[1]) : 0 };
	struct sdb_target *target = NULL;
	struct sdb_error *error = sdb_target_create(&spec, &target);
	if (!error)
		error = sdb_target_open(target);
	if (!error)
		error = print_stacks(target);
	if (error)
		fprintf(stderr, "backtrace: %s\n", sdb_error_message(error));
	int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
	sdb_error_free(error);
	sdb_target_close(target); /* the process goes on */
	return status;
}
