/* SPDX-License-Identifier: MIT */
/*
 * Prints the stacks of process PID with the values of all arguments and locals, once for each line that it
 * reads: what tests/oracle/backtraces.py compares with gdb's.
 *
 *     thread TID
 *     frame NAME
 *     arg NAME = VALUE          of the frame above, as local
 *     end
 */
#include <stackdb/frame.h>
#include <stackdb/value.h>

#include <stdio.h>
#include <stdlib.h>

static struct sdb_error *print_variable(void *arg, struct sdb_value_local *local)
{
	char *text;
	struct sdb_error *error = sdb_value_print(local->value, arg, NULL, &text);
	if (error)
		return error;
	printf("%s %s = %s\n", local->is_parameter ? "arg" : "local", local->name, text);
	free(text);
	return NULL;
}

static struct sdb_error *print_stack(struct sdb_thread *thread)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	if (error)
		return error;
	printf("thread %lld\n", (long long)sdb_thread_id(thread));
	while (!(error = sdb_stack_next(stack, &frame)) && frame) {
		printf("frame %s\n", frame->name ? frame->name : "");
		if (frame->function)
			error = sdb_stack_context(stack, &context);
		if (!error && frame->function)
			error = sdb_value_locals(context, SDB_VALUE_PARAMETERS | SDB_VALUE_LOCALS, print_variable, (void *)context);
		if (error)
			break;
	}
	sdb_stack_close(stack);
	return error;
}

static struct sdb_error *print_all(struct sdb_target *target)
{
	struct sdb_thread *const *threads;
	size_t count;
	struct sdb_error *error = sdb_target_open(target);
	if (!error)
		error = sdb_target_pause(target);
	if (!error)
		error = sdb_target_threads(target, &threads, &count);
	for (size_t i = 0; i < count && !error; i++)
		error = print_stack(threads[i]);
	return error;
}

int main(int argc, char **argv)
{
	struct sdb_spec spec = { .pid = argc > 1 ? atoll(argv[1]) : 0 };
	struct sdb_error *error = NULL;
	char line[16];
	while (!error && fgets(line, sizeof(line), stdin)) {
		struct sdb_target *target = NULL;
		error = sdb_target_create(&spec, &target);
		if (!error)
			error = print_all(target);
		sdb_target_close(target);
		if (!error)
			puts("end");
		fflush(stdout);
	}
	if (!error)
		return 0;
	fprintf(stderr, "stacks: %s\n", sdb_error_message(error));
	return 1;
}
