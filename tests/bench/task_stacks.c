/* SPDX-License-Identifier: MIT */
/*
 * The stacks of all tasks of a guest with the names of their functions, and the values of parameters when they are
 * asked for, in one program again and again: what drgn's own times are beside, see tests/bench/guests.
 *
 * usage: task_stacks names|arguments TIMES TARGET ARGUMENTS...     prints `TASKS FRAMES VALUES OPENING FIRST AGAIN`, in ns
 */
#include "clock.h"
#include "give_up.h"

#include <stackdb/frame.h>
#include <stackdb/spec.h>
#include <stackdb/target.h>
#include <stackdb/value.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct counts {
	unsigned tasks, frames, values;
};

struct reading {
	struct counts *counts;
	const struct sdb_context *context;
};

/* As a number, like the peer's; what was optimized out has none. */
static struct sdb_error *read_value(void *arg, struct sdb_value_local *local)
{
	struct reading *reading = arg;
	uint64_t number;
	struct sdb_error *error = sdb_value_unsigned(local->value, reading->context, &number);
	if (!error)
		reading->counts->values++;
	sdb_error_free(error);
	return NULL;
}

static void read_arguments(struct sdb_stack *stack, struct counts *counts)
{
	struct reading reading = { .counts = counts };
	struct sdb_error *error = sdb_stack_context(stack, &reading.context);
	if (!error)
		error = sdb_value_locals(reading.context, SDB_VALUE_PARAMETERS, read_value, &reading);
	sdb_error_free(error); /* assembler code has none */
}

static struct counts take_stacks(struct sdb_target *target, bool arguments)
{
	static const struct sdb_stack_options options = { .names = true, .inlines = true };
	struct counts counts = { 0 };
	struct sdb_thread *const *threads;
	size_t count;
	give_up(sdb_target_threads(target, &threads, &count));
	for (size_t i = 0; i < count; i++) {
		const struct sdb_frame *frame;
		struct sdb_stack *stack;
		struct sdb_error *ended = sdb_stack_open(threads[i], &options, &stack);
		sdb_error_free(ended); /* a zombie has no stack any more */
		if (ended)
			continue;
		for (give_up(sdb_stack_next(stack, &frame)); frame; give_up(sdb_stack_next(stack, &frame))) {
			counts.frames += frame->name != NULL;
			if (arguments && frame->function)
				read_arguments(stack, &counts);
		}
		sdb_stack_close(stack);
		counts.tasks++;
	}
	return counts;
}

int main(int argc, char **argv)
{
	struct sdb_specs specs = { 0 };
	if (argc < 4 || argp_parse(&sdb_specs_argp, argc - 2, argv + 2, 0, NULL, &specs) || specs.count != 1) {
		fprintf(stderr, "usage: task_stacks names|arguments TIMES TARGET ARGUMENTS...\n");
		return 2;
	}
	bool arguments = strcmp(argv[1], "arguments") == 0;
	struct sdb_target *target;
	double begun = now_ns();
	give_up(sdb_target_create(&specs.items[0], &target));
	give_up(sdb_target_open(target));
	give_up(sdb_target_pause(target));
	double opened = now_ns();
	struct counts counts = take_stacks(target, arguments);
	double first = now_ns() - opened;
	long times = atol(argv[2]);
	double again = now_ns();
	for (long i = 0; i < times; i++)
		counts = take_stacks(target, arguments);
	again = (now_ns() - again) / (double)times;
	printf("%u %u %u %.0f %.0f %.0f\n", counts.tasks, counts.frames, counts.values, opened - begun, first, again);
	sdb_target_close(target);
	sdb_specs_deinit(&specs);
	return 0;
}
