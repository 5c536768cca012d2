/* SPDX-License-Identifier: MIT */
/* `stackdb backtrace`: the stacks of all threads of a target. */
#include "demangle.h"
#include "json.h"
#include "levels.h"
#include "targets.h"
#include "values.h"

#include <stackdb/frame.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct backtrace {
	struct targets targets;
	struct sdb_stack_options options;
	bool no_inlines, no_lines, no_arguments, locals, mangled;
	bool all_levels;
	unsigned first;       /* number of the innermost frame of the level in hand */
	int64_t tid;          /* of the only thread to show; 0: all */
	double interval;      /* seconds between backtraces; 0: one */
	uint64_t times;       /* 0: until interrupted */
	struct text out;
	const struct colours *colours;
};

enum { KEY_TID = 0x100, KEY_INTERVAL, KEY_TIMES, KEY_NO_INLINES, KEY_NO_LINES, KEY_NO_ARGUMENTS, KEY_MANGLED,
       KEY_ALL_LEVELS };

static const struct argp_option options[] = {
	{ "limit", 'n', "COUNT", 0, "Show at most COUNT frames of each thread", 1 },
	{ "tid", KEY_TID, "TID", 0, "Show this thread only", 1 },
	{ "no-inlines", KEY_NO_INLINES, NULL, 0, "Do not show inlined functions as frames", 1 },
	{ "no-lines", KEY_NO_LINES, NULL, 0, "Do not show files and lines", 1 },
	{ "verbose", 'v', NULL, 0, "Show local variables, too", 1 },
	{ "no-args", KEY_NO_ARGUMENTS, NULL, 0, "Do not show the arguments of functions", 1 },
	{ "mangled", KEY_MANGLED, NULL, 0, "Show linkage names as they are", 1 },
	{ "all-levels", KEY_ALL_LEVELS, NULL, 0, "Of a machine: from the kernel on into the program of each thread", 1 },
	{ "loop-interval", KEY_INTERVAL, "SECONDS", 0, "Do it again and again; the target runs in between", 1 },
	{ "loop-count", KEY_TIMES, "COUNT", 0, "That many times", 1 },
	{ 0 }
};

static uint64_t parse_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t value = 0;
	if (!tool_parse_number(arg, &value))
		argp_error(state, "%s: '%s' is not a number", what, arg);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct backtrace *command = state->input;
	char *end;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'n': command->options.limit = (unsigned)parse_count(state, "-n", arg); return 0;
	case KEY_TID: command->tid = (int64_t)parse_count(state, "--tid", arg); return 0;
	case KEY_TIMES: command->times = parse_count(state, "--loop-count", arg); return 0;
	case KEY_NO_INLINES: command->no_inlines = true; return 0;
	case KEY_NO_LINES: command->no_lines = true; return 0;
	case KEY_NO_ARGUMENTS: command->no_arguments = true; return 0;
	case 'v': command->locals = true; return 0;
	case KEY_ALL_LEVELS: command->all_levels = true; return 0;
	case KEY_MANGLED: command->mangled = true; return 0;
	case KEY_INTERVAL:
		command->interval = strtod(arg, &end);
		if (end == arg || *end || !(command->interval >= 0.001 && command->interval <= 86400))
			argp_error(state, "--loop-interval: '%s' is not a number of seconds from 0.001 to 86400", arg);
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': name the target with -p PID, or `-- PROGRAM ARGUMENT...`", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp_child children[] = { { &targets_argp, 0, NULL, 0 }, { 0 } };
static const struct argp argp = {
	options, parse, NULL,
	"Print the stack of each thread of a process, or of each task of a machine. It is stopped for as long as that takes."
	"\vA frame that is followed by (frame pointer) or (guess) was found without unwind rules and may be wrong; "
	"a stack that cannot be followed to its end says why.\n\nExamples:\n"
	"  stackdb backtrace -p 4711\n"
	"  stackdb backtrace -p 4711 --loop-interval=1 --json\n"
	"  stackdb backtrace --all-levels --qemu-pid 4711\n",
	children, NULL, NULL
};

/* ---- a frame --------------------------------------------------------------------------------- */

static const char *source_name(enum sdb_frame_source source)
{
	return source == SDB_FRAME_REGISTERS ? "registers" : source == SDB_FRAME_CFI ? "rules"
		: source == SDB_FRAME_POINTER ? "frame pointer" : "guess";
}

static void put_name(struct backtrace *command, struct text *to, const struct sdb_frame *frame)
{
	if (!frame->name) {
		text_add(to, "??");
		return;
	}
	char *plain = frame->function || command->mangled ? NULL : demangle(frame->name);
	size_t start = to->size;
	text_add(to, plain ? plain : frame->name);
	for (size_t i = start; i < to->size; i++) /* a database is not to steer a terminal */
		if ((unsigned char)to->data[i] < ' ' || to->data[i] == 0x7f)
			to->data[i] = '?';
	free(plain);
}

static void frame_as_text(struct backtrace *command, const struct sdb_frame *frame,
			  const struct sdb_context *context, unsigned digits)
{
	struct text *out = &command->out;
	const struct colours *colours = command->colours;
	text_format(out, "#%-3u ", command->first + frame->number);
	if (frame->kind == SDB_FRAME_INLINED)
		text_repeat(out, ' ', digits + 2);
	else {
		text_add(out, "0x");
		text_hex_digits(out, frame->pc, digits);
	}
	text_char(out, ' ');
	text_add(out, colours->name);
	put_name(command, out, frame);
	text_add(out, colours->off);
	if (context && !command->no_arguments)
		values_put_arguments(out, context);
	if (frame->kind == SDB_FRAME_NORMAL && frame->name && !frame->line)
		text_format(out, "+0x%llx", (unsigned long long)frame->offset);
	if (frame->file) {
		text_add(out, " at ");
		text_add(out, frame->file);
		if (frame->line)
			text_format(out, ":%u", frame->line);
	}
	if (frame->module && frame->kind != SDB_FRAME_INLINED)
		text_format(out, " %sin %s%s", colours->comment, sdb_module_name(frame->module), colours->off);
	if (frame->kind == SDB_FRAME_INLINED)
		text_add(out, " (inlined)");
	if (frame->kind == SDB_FRAME_SIGNAL)
		text_add(out, " (signal handler called)");
	if (frame->source >= SDB_FRAME_POINTER)
		text_format(out, " (%s)", source_name(frame->source));
	text_char(out, '\n');
	if (context && command->locals)
		values_put_locals(out, context, 8);
}

static void frame_as_json(struct backtrace *command, struct json *json, const struct sdb_frame *frame,
			  const struct sdb_context *context)
{
	struct text name = TEXT_EMPTY;
	json_object(json, NULL);
	json_number(json, "frame", command->first + frame->number);
	json_hex(json, "pc", frame->pc);
	if (frame->name) {
		put_name(command, &name, frame);
		json_stringn(json, "function", name.data, name.size);
	}
	json_string(json, "kind", frame->kind == SDB_FRAME_INLINED ? "inlined"
		    : frame->kind == SDB_FRAME_SIGNAL ? "signal" : "normal");
	json_string(json, "source", source_name(frame->source));
	if (frame->file) {
		json_string(json, "file", frame->file);
		json_number(json, "line", frame->line);
	}
	if (frame->module) {
		json_string(json, "module", sdb_module_path(frame->module));
		json_hex(json, "module_address", frame->module_lookup);
	}
	json_hex(json, "offset", frame->offset);
	if (context)
		values_as_json(json, context, !command->no_arguments, command->locals);
	json_close(json);
	free(name.data);
}

/* ---- a thread ------------------------------------------------------------------------------------ */

/* NULL: there are no variables to show. */
static const struct sdb_context *frame_context(struct backtrace *command, struct sdb_stack *stack,
					       const struct sdb_frame *frame)
{
	const struct sdb_context *context = NULL;
	if (!frame->function || (command->no_arguments && !command->locals))
		return NULL;
	struct sdb_error *error = sdb_stack_context(stack, &context);
	sdb_error_free(error); /* then the frame is shown without them */
	return error ? NULL : context;
}

/* Whether FRAME is not the kernel's any more: in the half of the addresses that programs have. */
static bool is_of_program(const struct sdb_frame *frame)
{
	return !frame->module && frame->pc >> 63 == 0;
}

/* *COUNT_RET of them; with KERNEL until the first one of the program. */
static struct sdb_error *each_frame(struct backtrace *command, struct sdb_stack *stack, unsigned digits, struct json *json,
				    bool kernel, unsigned *count_ret)
{
	const struct sdb_frame *frame;
	for (*count_ret = 0;; (*count_ret)++) {
		struct sdb_error *error = sdb_stack_next(stack, &frame);
		if (error || !frame || (kernel && is_of_program(frame)))
			return error;
		const struct sdb_context *context = frame_context(command, stack, frame);
		if (json)
			frame_as_json(command, json, frame, context);
		else
			frame_as_text(command, frame, context, digits);
	}
}

static void thread_heading(struct backtrace *command, struct sdb_thread *thread, struct json *json)
{
	char *name = NULL;
	sdb_error_free(sdb_thread_name(thread, &name));
	if (json) {
		struct sdb_target *target = sdb_thread_target(thread);
		json_number(json, "target", (uint64_t)sdb_target_id(target));
		json_number(json, "pid", (uint64_t)sdb_target_pid(target));
		json_number(json, "tid", (uint64_t)sdb_thread_id(thread));
		json_string(json, "name", name);
		json_array(json, "frames");
	} else {
		text_format(&command->out, "TID %lld", (long long)sdb_thread_id(thread));
		if (name) {
			text_add(&command->out, " \"");
			text_escaped(&command->out, name, strlen(name));
			text_add(&command->out, "\"");
		}
		text_add(&command->out, ":\n");
	}
	free(name);
}

/* The frames of THREAD; END_RET (empty: none) says why there are no more. */
static struct sdb_error *show_stack(struct backtrace *command, struct sdb_thread *thread, struct json *json, bool kernel,
				    unsigned *count_ret, struct text *end_ret)
{
	struct sdb_stack *stack = NULL;
	struct sdb_error *error = sdb_stack_open(thread, &command->options, &stack);
	*count_ret = 0;
	if (!error)
		error = each_frame(command, stack, 2 * sdb_target_address_size(sdb_thread_target(thread)), json, kernel, count_ret);
	const char *end = error ? sdb_error_message(error) : sdb_stack_end(stack);
	if (end)
		text_add(end_ret, end);
	sdb_stack_close(stack);
	return error;
}

static void put_end(struct backtrace *command, struct text *end, struct json *json)
{
	if (json)
		json_close(json);
	if (end->size && json)
		json_string(json, "end", text_string(end));
	else if (end->size)
		text_format(&command->out, "     %s(%s)%s\n", command->colours->comment, text_string(end), command->colours->off);
	end->size = 0;
}

/* The program's part of the stack of THREAD, behind COUNT frames of the kernel. */
static struct sdb_error *show_program(struct backtrace *command, struct levels *levels, struct sdb_thread *thread,
				      struct json *json, unsigned count, struct text *end)
{
	struct sdb_thread *program = NULL;
	struct levels_entry entry;
	struct sdb_error *error = levels_program(levels, thread, &program);
	if (!error && program)
		error = levels_entry(program, &entry);
	if (error || !program) {
		if (error)
			text_add(end, sdb_error_message(error));
		return error;
	}
	if (json) {
		if (count)
			levels_entry_as_json(json, &entry);
		json_array(json, "program");
	} else if (count) {
		text_format(&command->out, "%s-- ", command->colours->kind);
		levels_put_entry(&command->out, &entry);
		text_format(&command->out, " --%s\n", command->colours->off);
	}
	command->first = count;
	error = show_stack(command, program, json, false, &count, end);
	command->first = 0;
	if (json) {
		json_close(json);
		if (end->size)
			json_string(json, "program_end", text_string(end));
		end->size = 0;
	}
	return error;
}

/* LEVELS NULL: this level only. */
static struct sdb_error *show_thread(struct backtrace *command, struct levels *levels, struct sdb_thread *thread)
{
	struct json json, *with = command->targets.json ? &json : NULL;
	struct text end = TEXT_EMPTY;
	unsigned count;
	if (with)
		json_begin(with, &command->out);
	thread_heading(command, thread, with);
	struct sdb_error *error = show_stack(command, thread, with, levels != NULL, &count, &end);
	put_end(command, &end, with);
	if (!error && levels) {
		error = show_program(command, levels, thread, with, count, &end);
		if (with && end.size)
			json_string(with, "program_end", text_string(&end));
		else if (!with)
			put_end(command, &end, NULL);
	}
	if (with)
		json_end(with);
	text_deinit(&end);
	/* A thread that cannot be stopped, or a damaged database, costs this thread's stack only. */
	bool survived = error && sdb_error_code(error) != SDB_ERROR_MEMORY;
	if (survived)
		sdb_error_free(error);
	return survived ? NULL : error;
}

/* With --all-levels a machine's threads by process. */
static struct sdb_error *each_level(struct backtrace *command, struct sdb_target *target, const struct sdb_spec *spec,
				    struct sdb_thread *const *threads, size_t count, size_t *shown_ret)
{
	struct levels levels;
	struct sdb_thread **ordered;
	struct sdb_error *error = levels_order(threads, count, &ordered);
	levels_init(&levels, target, spec);
	for (size_t i = 0; !error && i < count; i++) {
		if (command->tid && sdb_thread_id(ordered[i]) != command->tid)
			continue;
		error = show_thread(command, &levels, ordered[i]);
		(*shown_ret)++;
	}
	levels_deinit(&levels);
	free(ordered);
	return error;
}

static struct sdb_error *show_threads(struct backtrace *command, struct sdb_target *target, const struct sdb_spec *spec)
{
	struct sdb_thread *const *threads;
	struct sdb_system system;
	size_t count, shown = 0;
	struct sdb_error *error = sdb_target_prepare(target);
	if (!error)
		error = sdb_target_threads(target, &threads, &count);
	struct sdb_error *unknown = error ? NULL : sdb_target_system(target, &system);
	bool machine = !error && !unknown;
	sdb_error_free(unknown);
	if (!error && !command->targets.json)
		targets_put_heading(&command->out, target);
	if (machine && command->all_levels)
		error = each_level(command, target, spec, threads, count, &shown);
	for (size_t i = 0; !error && i < count && !(machine && command->all_levels); i++) {
		if (command->tid && sdb_thread_id(threads[i]) != command->tid)
			continue;
		error = show_thread(command, NULL, threads[i]);
		shown++;
	}
	if (!error && command->tid && !shown)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "it has no thread %lld", (long long)command->tid);
	return error;
}

static int show_target(struct backtrace *command, struct sdb_target *target, const struct sdb_spec *spec)
{
	struct sdb_error *error = sdb_target_pause(target);
	if (!error) {
		error = show_threads(command, target, spec);
		struct sdb_error *other = command->interval > 0 ? sdb_target_resume(target) : NULL;
		if (error)
			sdb_error_free(other);
		else
			error = other;
	}
	text_flush(&command->out);
	return error ? tool_fail(sdb_target_name(target), error) : STATUS_DONE;
}

static void sleep_for(double seconds)
{
	struct timespec time = { .tv_sec = (time_t)seconds };
	time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
	nanosleep(&time, NULL); /* a signal ends it: that is meant to end the program */
}

int command_backtrace(int argc, char **argv)
{
	struct backtrace command = { .out = text_to(STDOUT_FILENO), .colours = tool_colours() };
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	command.options.names = true;
	command.options.inlines = !command.no_inlines;
	command.options.lines = !command.no_lines;
	command.options.symbols = command.mangled;
	targets_catch_signals();
	int status = targets_open(&command.targets);
	for (uint64_t turn = 0; status == STATUS_DONE && command.targets.count && !targets_interrupted(); turn++) {
		for (size_t i = 0; i < command.targets.count && status == STATUS_DONE; i++)
			status = show_target(&command, command.targets.items[i], &command.targets.specs.items[i]);
		if (command.interval <= 0 || (command.times && turn + 1 >= command.times))
			break;
		sleep_for(command.interval);
	}
	targets_close(&command.targets);
	text_deinit(&command.out);
	return status;
}
