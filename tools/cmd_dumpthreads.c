/* SPDX-License-Identifier: MIT */
/* `stackdb dumpthreads`: the threads of a target, where each is, and its registers. */
#include "json.h"
#include "targets.h"

#include <stackdb/frame.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dumpthreads {
	struct targets targets;
	bool registers; /* the general ones */
	bool all;       /* of every group */
	struct text out;
	const struct colours *colours;
};

static const struct argp_option options[] = {
	{ "registers", 'r', NULL, 0, "Print their general registers", 1 },
	{ "all-registers", 'A', NULL, 0, "Print all registers: vectors and debug registers, too", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dumpthreads *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'r': command->registers = true; return 0;
	case 'A': command->registers = command->all = true; return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': name the target with -p PID, or `-- PROGRAM ARGUMENT...`", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = { { &targets_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, NULL,
	"Print the threads of a process: number, name, state, and where each of them is."
	"\vExamples:\n  stackdb dumpthreads -p 4711\n  stackdb dumpthreads -r --json -p 4711\n",
	children, NULL, NULL
};

/* A register's bytes as one number: the most significant byte first. */
static void put_bytes(struct text *to, const uint8_t *bytes, unsigned size)
{
	for (unsigned i = size; i-- > 0;)
		text_hex_digits(to, bytes[i], 2);
}

static struct sdb_error *put_registers(struct dumpthreads *command, struct sdb_thread *thread, struct json *json)
{
	struct sdb_register_info info;
	struct sdb_target *target = sdb_thread_target(thread);
	struct text value = TEXT_EMPTY;
	struct sdb_error *error = NULL;
	unsigned column = 0;
	if (json)
		json_object(json, "registers");
	for (size_t i = 0; !error && sdb_register_info(target, i, &info); i++) {
		uint8_t bytes[64];
		if ((!command->all && strcmp(info.group, "general") != 0) || info.size > sizeof(bytes))
			continue;
		error = sdb_thread_register(thread, (int)i, bytes, info.size);
		value.size = 0;
		text_add(&value, "0x");
		if (!error)
			put_bytes(&value, bytes, info.size);
		if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
			sdb_error_free(error); /* this target does not tell it: it is left out */
			error = NULL;
			continue;
		}
		if (error)
			break;
		if (json) {
			json_stringn(json, info.name, value.data, value.size);
			continue;
		}
		bool last = info.size > 8 || ++column % 3 == 0;
		text_format(&command->out, "%s%-8s %s%s", column % 3 == 1 || info.size > 8 ? "    " : "  ", info.name,
			    text_string(&value), last ? "\n" : "");
		if (info.size > 8)
			column = 0;
	}
	if (json)
		json_close(json);
	else if (column % 3)
		text_char(&command->out, '\n');
	free(value.data);
	return error;
}

/* Where the thread is: its innermost physical frame. */
static struct sdb_error *put_place(struct dumpthreads *command, struct sdb_thread *thread, struct json *json)
{
	static const struct sdb_stack_options options_here = { .limit = 1, .names = true, .lines = true };
	const struct sdb_frame *frame = NULL;
	struct sdb_stack *stack;
	struct sdb_error *error = sdb_stack_open(thread, &options_here, &stack);
	if (error)
		return error;
	error = sdb_stack_next(stack, &frame);
	if (!error && frame && json) {
		json_hex(json, "pc", frame->pc);
		json_string(json, "function", frame->name);
		json_string(json, "file", frame->file);
		json_number(json, "line", frame->line);
		json_string(json, "module", frame->module ? sdb_module_path(frame->module) : NULL);
	} else if (!error && frame) {
		text_format(&command->out, "  0x%llx", (unsigned long long)frame->pc);
		text_format(&command->out, " %s%s%s+0x%llx", command->colours->name, frame->name ? frame->name : "??",
			    command->colours->off, (unsigned long long)frame->offset);
		if (frame->module)
			text_format(&command->out, " in %s", sdb_module_name(frame->module));
	}
	sdb_stack_close(stack);
	return error;
}

static struct sdb_error *show_thread(struct dumpthreads *command, struct sdb_thread *thread, const char *state)
{
	struct json json, *with = command->targets.json ? &json : NULL;
	char *name = NULL;
	struct sdb_error *error = sdb_thread_name(thread, &name);
	if (with) {
		json_begin(with, &command->out);
		json_number(with, "target", (uint64_t)sdb_target_id(sdb_thread_target(thread)));
		json_number(with, "pid", (uint64_t)sdb_target_pid(sdb_thread_target(thread)));
		json_number(with, "tid", (uint64_t)sdb_thread_id(thread));
		json_string(with, "name", name);
		json_string(with, "state", state);
	} else {
		struct text shown = TEXT_EMPTY;
		text_escaped(&shown, name ? name : "?", name ? strlen(name) : 1);
		text_format(&command->out, "%7lld  %-15s  %-16s", (long long)sdb_thread_id(thread), text_string(&shown),
			    state ? state : "?");
		free(shown.data);
	}
	free(name);
	if (!error)
		error = put_place(command, thread, with);
	/* One that has ended but for its name, or cannot be stopped, is that. */
	if (error && with)
		json_string(with, "end", sdb_error_message(error));
	else if (error)
		text_format(&command->out, "  (%s)", sdb_error_message(error));
	if (!with)
		text_char(&command->out, '\n');
	bool survived = error && sdb_error_code(error) != SDB_ERROR_MEMORY;
	if (!error && command->registers)
		error = put_registers(command, thread, with);
	if (with)
		json_end(with);
	if (survived)
		sdb_error_free(error);
	return survived ? NULL : error;
}

/* What each thread did before it was stopped. */
static char **read_states(struct sdb_target *target, struct sdb_thread *const *threads, size_t count)
{
	char **states = tool_alloc((count + 1) * sizeof(*states));
	(void)target;
	for (size_t i = 0; i < count; i++)
		sdb_error_free(sdb_thread_state(threads[i], &states[i]));
	return states;
}

static int show_target(struct dumpthreads *command, struct sdb_target *target)
{
	struct sdb_thread *const *threads;
	size_t count = 0, before = 0;
	struct sdb_error *error = sdb_target_threads(target, &threads, &before);
	char **states = read_states(target, threads, error ? 0 : before);
	int64_t *numbers = tool_alloc((before + 1) * sizeof(*numbers));
	for (size_t i = 0; i < before; i++)
		numbers[i] = sdb_thread_id(threads[i]);
	if (!error)
		error = sdb_target_pause(target);
	if (!error)
		error = sdb_target_prepare(target);
	if (!error)
		error = sdb_target_threads(target, &threads, &count);
	for (size_t i = 0, known = 0; !error && i < count; i++) {
		while (known < before && numbers[known] < sdb_thread_id(threads[i]))
			known++;
		bool same = known < before && numbers[known] == sdb_thread_id(threads[i]);
		error = show_thread(command, threads[i], same ? states[known] : NULL);
	}
	for (size_t i = 0; i < before; i++)
		free(states[i]);
	free(states);
	free(numbers);
	text_flush(&command->out);
	return error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
}

int command_dumpthreads(int argc, char **argv)
{
	struct dumpthreads command = { .out = text_to(STDOUT_FILENO), .colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	targets_catch_signals();
	int status = targets_open(&command.targets);
	for (size_t i = 0; i < command.targets.count && status == STATUS_DONE; i++)
		status = show_target(&command, command.targets.items[i]);
	targets_close(&command.targets);
	text_deinit(&command.out);
	return status;
}
