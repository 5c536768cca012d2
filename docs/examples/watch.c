/* SPDX-License-Identifier: MIT */
/*
 * Watches several processes at once: calls of functions and what they return, source lines, variables,
 * system calls. Ends with the processes, or by SIGINT.
 *
 * usage: watch [-f FUNCTION] [-L FILE:LINE] [-v VARIABLE] [-c NUMBER] -p PID... (or -- PROGRAM ARGUMENT...)
 */
#include <stackdb/frame.h>
#include <stackdb/probe.h>
#include <stackdb/space.h>
#include <stackdb/value.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct wishes {
	struct sdb_specs specs;
	const char *functions[8], *lines[8], *variables[4];
	size_t function_count, line_count, variable_count;
	long long call; /* -2: none */
};

/* ---- handlers: the thread that met the probe is stopped meanwhile ---------------------------------- */

static void print_begin(const struct sdb_hit *hit)
{
	printf("[%lld] ", (long long)sdb_target_pid(hit->target));
}

static struct sdb_error *print_argument(void *arg, struct sdb_value_local *local)
{
	char *text;
	struct sdb_error *error = sdb_value_print(local->value, arg, NULL, &text);
	if (error)
		return error;
	printf(" %s=%s", local->name, text);
	free(text);
	return NULL;
}

/* The function that the thread is in, with its arguments. */
static struct sdb_error *print_frame(struct sdb_thread *thread)
{
	struct sdb_stack *stack;
	const struct sdb_frame *frame;
	const struct sdb_context *context;
	struct sdb_error *error = sdb_stack_open(thread, NULL, &stack);
	if (error)
		return error;
	error = sdb_stack_next(stack, &frame);
	if (!error && frame) {
		printf("%s line %u", frame->name ? frame->name : "?", frame->line);
		error = sdb_stack_context(stack, &context);
		if (!error)
			error = sdb_value_locals(context, SDB_VALUE_PARAMETERS, print_argument, (void *)context);
	}
	sdb_stack_close(stack);
	return error;
}

static struct sdb_error *on_call(void *name, struct sdb_hit *hit)
{
	print_begin(hit);
	printf("call %s in ", (const char *)name);
	struct sdb_error *error = print_frame(hit->thread);
	putchar('\n');
	return error;
}

static struct sdb_error *on_return(void *name, struct sdb_hit *hit)
{
	print_begin(hit);
	printf("return %s = %lld\n", (const char *)name, (long long)hit->value);
	return NULL;
}

static struct sdb_error *on_line(void *place, struct sdb_hit *hit)
{
	print_begin(hit);
	printf("line %s in ", (const char *)place);
	struct sdb_error *error = print_frame(hit->thread);
	putchar('\n');
	return error;
}

static struct sdb_error *on_write(void *name, struct sdb_hit *hit)
{
	print_begin(hit);
	printf("write %s %lld -> %lld\n", (const char *)name, (long long)hit->old_value, (long long)hit->value);
	return NULL;
}

static struct sdb_error *on_system_call(void *arg, struct sdb_hit *hit)
{
	(void)arg;
	print_begin(hit);
	if (hit->kind == SDB_HIT_CALL)
		printf("system call %lld (%#llx, ...)\n", (long long)hit->number, (unsigned long long)hit->arguments[0]);
	else
		printf("system call %lld = %lld\n", (long long)hit->number, (long long)hit->value);
	return NULL;
}

/* ---- placing probes -------------------------------------------------------------------------------- */

static struct sdb_error *take_variable(void *arg, const struct sdb_binding *binding)
{
	*(struct sdb_binding *)arg = *binding;
	return NULL;
}

static struct sdb_error *watch_variable(struct sdb_target *target, const char *name)
{
	const struct sdb_probe_options options = { .before = on_write, .arg = (void *)name };
	struct sdb_binding variable;
	struct sdb_probe *probe;
	struct sdb_error *error = sdb_target_bind(target, name, false, take_variable, &variable);
	if (error)
		return error;
	unsigned size = variable.size == 1 || variable.size == 2 || variable.size == 4 ? (unsigned)variable.size : 8;
	return sdb_probe_watch(target, variable.address, size, SDB_WATCH_WRITE, &options, &probe);
}

static struct sdb_error *place_probes(struct sdb_target *target, const struct wishes *wishes)
{
	struct sdb_error *error = NULL;
	struct sdb_probe *probe;
	for (size_t i = 0; i < wishes->function_count && !error; i++) {
		const char *name = wishes->functions[i];
		/* Arguments have their places behind the function's first instructions. */
		const struct sdb_probe_options calls = { .before = on_call, .body = true, .arg = (void *)name };
		const struct sdb_probe_options returns = { .after = on_return, .arg = (void *)name };
		error = sdb_probe_function(target, name, &calls, &probe);
		if (!error)
			error = sdb_probe_function(target, name, &returns, &probe);
	}
	for (size_t i = 0; i < wishes->line_count && !error; i++) {
		const struct sdb_probe_options options = { .before = on_line, .arg = (void *)wishes->lines[i] };
		error = sdb_probe_pattern(target, wishes->lines[i], &options, &probe);
	}
	for (size_t i = 0; i < wishes->variable_count && !error; i++)
		error = watch_variable(target, wishes->variables[i]);
	if (!error && wishes->call >= -1) {
		const struct sdb_probe_options options = { .before = on_system_call, .after = on_system_call };
		error = sdb_probe_calls(target, wishes->call, &options, &probe);
	}
	return error;
}

/* ---- all targets in one loop ------------------------------------------------------------------------ */

static struct sdb_loop *loop;

static void interrupt(int number)
{
	(void)number;
	sdb_loop_stop(loop);
}

static struct sdb_error *run(const struct wishes *wishes, struct sdb_target **targets)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < wishes->specs.count && !error; i++) {
		error = sdb_target_create(&wishes->specs.items[i], &targets[i]);
		if (!error)
			error = sdb_target_open(targets[i]);
		if (!error)
			error = place_probes(targets[i], wishes);
		if (!error)
			error = sdb_loop_add(loop, targets[i]);
	}
	/* Only now, so that no target misses what another one waits for; a program that was launched
	 * stands before its first instruction. */
	for (size_t i = 0; i < wishes->specs.count && !error; i++)
		error = sdb_target_resume(targets[i]);
	puts("watching");
	return error ? error : sdb_loop_run(loop, -1);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct wishes *wishes = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &wishes->specs;
		return 0;
	case 'f':
		if (wishes->function_count == sizeof(wishes->functions) / sizeof(wishes->functions[0]))
			argp_error(state, "too many functions");
		wishes->functions[wishes->function_count++] = arg;
		return 0;
	case 'L':
		if (wishes->line_count == sizeof(wishes->lines) / sizeof(wishes->lines[0]))
			argp_error(state, "too many lines");
		wishes->lines[wishes->line_count++] = arg;
		return 0;
	case 'v':
		if (wishes->variable_count == sizeof(wishes->variables) / sizeof(wishes->variables[0]))
			argp_error(state, "a processor watches four variables at most");
		wishes->variables[wishes->variable_count++] = arg;
		return 0;
	case 'c':
		wishes->call = strcmp(arg, "all") == 0 ? -1 : atoll(arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int main(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "function", 'f', "NAME", 0, "calls of this function, and what they return", 0 },
		{ "line", 'L', "FILE:LINE", 0, "this source line", 0 },
		{ "variable", 'v', "NAME", 0, "writes of this variable", 0 },
		{ "call", 'c', "NUMBER", 0, "the system call with this number, or `all`", 0 },
		{ 0 },
	};
	struct argp_child children[] = { { &sdb_specs_argp, 0, "What to watch:", 0 }, { 0 } };
	const struct argp argp = { options, parse, NULL, "Watches several processes at once.", children, NULL, NULL };
	struct wishes wishes = { .call = -2 };
	argp_parse(&argp, argc, argv, 0, NULL, &wishes);

	setvbuf(stdout, NULL, _IOLBF, 0);
	struct sdb_target **targets = calloc(wishes.specs.count, sizeof(*targets));
	struct sdb_error *error = targets ? sdb_loop_create(&loop) : sdb_error_new(SDB_ERROR_MEMORY, "out of memory");
	if (!error) {
		signal(SIGINT, interrupt);
		signal(SIGTERM, interrupt);
		error = run(&wishes, targets);
	}
	if (error)
		fprintf(stderr, "watch: %s\n", sdb_error_message(error));
	int status = error ? EXIT_FAILURE : EXIT_SUCCESS;
	sdb_error_free(error);
	sdb_loop_destroy(loop);
	for (size_t i = 0; targets && i < wishes.specs.count; i++)
		sdb_target_close(targets[i]);
	free(targets);
	sdb_specs_deinit(&wishes.specs);
	return status;
}
