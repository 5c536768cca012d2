/* SPDX-License-Identifier: MIT */
/* `stackdb read`: values of expressions, of the variables of a kernel or of a program. */
#include "json.h"
#include "targets.h"

#include <stackdb/expression.h>
#include <stackdb/frame.h>
#include <stackdb/system.h>

#include <stdlib.h>
#include <unistd.h>

struct read_command {
	struct targets targets;
	struct sdb_print_options print;
	int cpu;        /* -1: none */
	int64_t thread; /* 0: none */
	unsigned frame;
	char **expressions;
	size_t count;
	struct text out;
};

enum { KEY_CPU = 0x100, KEY_TID, KEY_FRAME };

static const struct argp_option options[] = {
	{ "cpu", KEY_CPU, "CPU", 0, "Per-CPU variables of this CPU (default: 0)", 1 },
	{ "tid", KEY_TID, "TID", 0, "In the innermost frame of this thread; the target is stopped for that", 1 },
	{ "frame", KEY_FRAME, "NUMBER", 0, "In this frame of it (0: the innermost)", 1 },
	{ "hex", 'x', NULL, 0, "Print integers in hexadecimal", 1 },
	{ "elements", 'n', "COUNT", 0, "Elements of an array, and characters of a string, at most (default: 200)", 1 },
	{ 0 }
};

static uint64_t parse_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t value = 0;
	if (!tool_parse_number(arg, &value) || value > INT32_MAX)
		argp_error(state, "%s: '%s' is not a number", what, arg);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct read_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->targets;
		command->expressions = tool_alloc(((size_t)state->argc + 1) * sizeof(*command->expressions));
		return 0;
	case KEY_CPU: command->cpu = (int)parse_count(state, "--cpu", arg); return 0;
	case KEY_TID: command->thread = (int64_t)parse_count(state, "--tid", arg); return 0;
	case KEY_FRAME: command->frame = (unsigned)parse_count(state, "--frame", arg); return 0;
	case 'x': command->print.hexadecimal = true; return 0;
	case 'n': command->print.elements = (unsigned)parse_count(state, "-n", arg); return 0;
	case ARGP_KEY_ARG: command->expressions[command->count++] = arg; return 0;
	case ARGP_KEY_END:
		if (!command->count)
			argp_error(state, "what? give an expression, such as a variable");
		if (command->frame && !command->thread)
			argp_error(state, "--frame: of which thread? give --tid");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = { { &targets_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, "EXPRESSION...",
	"Print the values of expressions in C about a target: a kernel's variables, a program's. Without --tid it is not "
	"stopped: what changes meanwhile may be inconsistent."
	"\vNames are looked for in the kernel or the program first, then in its modules; MODULE:NAME and FILE:NAME say where."
	"\n\nExamples:\n  stackdb read init_task.comm jiffies --qemu-pid 4711\n"
	"  stackdb read --cpu 1 runqueues.nr_running --qemu-pid 4711\n  stackdb read --tid 812 --frame 2 file->f_pos -p 800\n",
	children, NULL, NULL
};

/* ---- evaluating ------------------------------------------------------------------------------------ */

/* Where the value is evaluated; a stack that has to stay open meanwhile. */
struct place {
	const struct sdb_context *context;
	struct sdb_stack *stack;
};

static struct sdb_error *open_frame(const struct read_command *command, struct sdb_target *target, struct place *place)
{
	static const struct sdb_stack_options all = { .names = true, .inlines = true };
	const struct sdb_frame *frame = NULL;
	struct sdb_thread *thread;
	struct sdb_error *error = sdb_target_thread(target, command->thread, &thread);
	if (!error)
		error = sdb_stack_open(thread, &all, &place->stack);
	for (unsigned i = 0; i <= command->frame && !error; i++) {
		error = sdb_stack_next(place->stack, &frame);
		if (!error && !frame)
			return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has no frame %u", (long long)command->thread,
					     command->frame);
	}
	return error ? error : sdb_stack_context(place->stack, &place->context);
}

/* In one module after another, until one knows its names. If none does, the first one's error is what is reported. */
static struct sdb_error *evaluate_globally(struct sdb_target *target, const char *expression,
					   const struct sdb_context **context_ret, struct sdb_value **value_ret)
{
	struct sdb_module *const *modules;
	size_t count;
	struct sdb_error *first = sdb_target_modules(target, &modules, &count);
	if (first)
		return first;
	for (size_t i = 0; i < count; i++) {
		struct sdb_error *error = sdb_module_context(modules[i], context_ret);
		if (!error)
			error = sdb_evaluate(*context_ret, NULL, expression, 0, value_ret);
		if (!error) {
			sdb_error_free(first);
			return NULL;
		}
		bool unknown = sdb_error_code(error) == SDB_ERROR_NOT_FOUND;
		if (first && unknown) {
			sdb_error_free(error);
		} else {
			sdb_error_free(first);
			first = error;
		}
		if (!unknown)
			break;
	}
	return first ? first : sdb_error_new(SDB_ERROR_NOT_FOUND, "it has no modules that are known");
}

/* ---- printing ---------------------------------------------------------------------------------------- */

static struct sdb_error *as_json(struct read_command *command, struct sdb_target *target, const char *expression,
				 struct sdb_value *value, const struct sdb_context *context)
{
	struct json json;
	uint64_t address;
	char *type = NULL, *text = NULL;
	struct sdb_error *error = sdb_value_type_name(value, &type);
	if (!error)
		error = sdb_value_json(value, context, &command->print, &text);
	if (!error) {
		json_begin(&json, &command->out);
		json_number(&json, "target", (uint64_t)sdb_target_id(target));
		json_string(&json, "expression", expression);
		json_string(&json, "type", type);
		if (sdb_value_address(value, &address))
			json_hex(&json, "address", address);
		json_raw(&json, "value", text);
		json_end(&json);
	}
	free(type);
	free(text);
	return error;
}

static struct sdb_error *as_text(struct read_command *command, const char *expression, struct sdb_value *value,
				 const struct sdb_context *context)
{
	char *text = NULL;
	struct sdb_error *error = sdb_value_print(value, context, &command->print, &text);
	if (!error)
		text_format(&command->out, "%s = %s\n", expression, text);
	free(text);
	return error;
}

static struct sdb_error *show_one(struct read_command *command, struct sdb_target *target, const char *expression,
				  struct place *place)
{
	struct sdb_value *value = NULL;
	const struct sdb_context *context = place->context;
	struct sdb_error *error = context ? sdb_evaluate(context, NULL, expression, 0, &value)
		: evaluate_globally(target, expression, &context, &value);
	if (!error)
		error = command->targets.json ? as_json(command, target, expression, value, context)
			: as_text(command, expression, value, context);
	sdb_value_free(value);
	return error;
}

static int show(void *arg, struct sdb_target *target)
{
	struct read_command *command = arg;
	struct place place = { .context = NULL };
	/* A machine that is given for the sake of a process in it is not meant. */
	for (size_t i = 0; i < command->targets.count; i++)
		if (command->targets.items[i] == target && targets_is_base(&command->targets, i))
			return STATUS_DONE;
	struct sdb_error *error = command->cpu >= 0 ? sdb_target_select_cpu(target, (unsigned)command->cpu) : NULL;
	if (!error && command->thread)
		error = sdb_target_pause(target);
	if (!error && command->thread)
		error = open_frame(command, target, &place);
	int status = error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
	bool opened = status == STATUS_DONE;
	for (size_t i = 0; i < command->count && opened; i++) {
		error = show_one(command, target, command->expressions[i], &place);
		if (error)
			status = tool_fail(command->expressions[i], error);
	}
	sdb_stack_close(place.stack);
	text_flush(&command->out);
	return status;
}

int command_read(int argc, char **argv)
{
	struct read_command command = { .out = text_to(STDOUT_FILENO), .cpu = -1 };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	int status = targets_each(&command.targets, show, &command);
	text_deinit(&command.out);
	free(command.expressions);
	return status;
}
