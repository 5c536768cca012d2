/* SPDX-License-Identifier: MIT */
/* `stackdb probetargets` and `stackdb dumptarget`: probes by name, and what they see. */
#include "probing.h"

#include <stdlib.h>
#include <unistd.h>

struct probe_command {
	struct targets targets;
	struct probing probing;
	char **names;
	size_t name_count;
};

static uint64_t parse_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t value = 0;
	if (!tool_parse_number(arg, &value))
		argp_error(state, "%s: '%s' is not a number", what, arg);
	return value;
}

enum { KEY_TID = 0x100, KEY_IF, KEY_PRINT, KEY_INLINED, KEY_HARDWARE };

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct probe_command *command = state->input;
	struct probing *probing = &command->probing;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &command->targets;
		command->names = tool_alloc((size_t)state->argc * sizeof(*command->names) + 1);
		return 0;
	case 'q': probing->quiet = true; return 0;
	case 'r': probing->returns = true; return 0;
	case 'P': probing->after = true; return 0;
	case 'v': probing->locals = true; return 0;
	case 'B': probing->backtrace = true; return 0;
	case KEY_IF: probing->condition = arg; return 0;
	case KEY_PRINT:
		if (probing->print_count == PROBING_PRINTS)
			argp_error(state, "--print: more than %d", PROBING_PRINTS);
		probing->prints[probing->print_count++] = arg;
		return 0;
	case 'n': probing->limit = parse_count(state, "-n", arg); return 0;
	case KEY_TID: probing->thread = (int64_t)parse_count(state, "--tid", arg); return 0;
	case KEY_INLINED: probing->inlined = true; return 0;
	case KEY_HARDWARE: probing->hardware = true; return 0;
	case ARGP_KEY_ARG: command->names[command->name_count++] = arg; return 0;
	case ARGP_KEY_END:
		if (!command->name_count)
			argp_error(state, "where? give a function, FILE:LINE, 0xADDRESS or a variable");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

#define COMMON_OPTIONS \
	{ "quiet", 'q', NULL, 0, "Print only how often each was met, at the end", 1 }, \
	{ "verbose", 'v', NULL, 0, "Print local variables, too", 1 }, \
	{ "backtrace", 'B', NULL, 0, "Print the callers, too", 1 }, \
	{ "limit", 'n', "COUNT", 0, "End after COUNT hits", 1 }, \
	{ "if", KEY_IF, "EXPRESSION", 0, "Only where EXPRESSION, in C, is not 0", 1 }, \
	{ "print", KEY_PRINT, "EXPRESSION", 0, "Print the value of EXPRESSION, too; may be repeated", 1 }, \
	{ "tid", KEY_TID, "TID", 0, "Only of this thread", 1 }

static const struct argp_option probetargets_options[] = {
	COMMON_OPTIONS,
	{ "returns", 'r', NULL, 0, "Print what the functions return, too", 1 },
	{ 0 }
};
static const struct argp_option dumptarget_options[] = {
	COMMON_OPTIONS,
	{ "returns", 'r', NULL, 0, "Print what functions return, too", 1 },
	{ "post", 'P', NULL, 0, "Print again after the instruction was executed", 1 },
	{ "inlined", KEY_INLINED, NULL, 0, "Functions where they were inlined, too", 1 },
	{ "hardware", KEY_HARDWARE, NULL, 0, "Use a debug register instead of a breakpoint instruction", 1 },
	{ 0 }
};
static const struct argp_child children[] = { { &targets_argp, 0, NULL, 0 }, { 0 } };

static const struct argp probetargets_argp = {
	probetargets_options, parse, "[ID:]SYMBOL...",
	"Print each call of functions, in one target or several, with their arguments."
	"\vA SYMBOL is a function's name, MODULE:NAME, FILE:NAME or a pattern such as 'tcp_*'; with ID: it is looked "
	"for in that target only.\n\nExamples:\n  stackdb probetargets malloc -r -n 10 -p 4711\n"
	"  stackdb probetargets 1:read 2:write -p 4711 -p 4712\n",
	children, NULL, NULL
};
static const struct argp dumptarget_argp = {
	dumptarget_options, parse, "PLACE...",
	"Print what happens at functions, addresses, source lines and variables of a target."
	"\vA PLACE is a function, FILE:LINE, 0xADDRESS, NAME+OFFSET, or a variable, of which writes are printed."
	"\n\nExamples:\n  stackdb dumptarget server.c:120 -v -p 4711\n  stackdb dumptarget counter -n 5 -p 4711\n",
	children, NULL, NULL
};

static int run(const struct argp *argp, int argc, char **argv)
{
	struct probe_command command = { .probing = { .out = text_to(STDOUT_FILENO) } };
	struct probing *probing = &command.probing;
	argp_parse(argp, argc, argv, 0, NULL, &command);
	targets_catch_signals();
	int status = targets_open(&command.targets);
	probing->targets = &command.targets;
	probing->places = probing_room(command.name_count * command.targets.count);
	struct sdb_error *error = status == STATUS_DONE ? sdb_loop_create(&probing->loop) : NULL;
	for (size_t i = 0; i < command.name_count && !error && status == STATUS_DONE; i++) {
		error = probing_add(probing, command.names[i]);
		if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
			status = tool_fail(NULL, error);
			error = NULL;
		}
	}
	if (!error && status == STATUS_DONE)
		error = probing_run(probing);
	if (!error && status == STATUS_DONE && probing_missed(probing))
		status = STATUS_NOT_FOUND;
	if (!error && probing->quiet)
		probing_summary(probing);
	if (error)
		status = tool_fail(NULL, error);
	text_flush(&probing->out);
	targets_close(&command.targets);
	probing_deinit(probing);
	free(command.names);
	return status;
}

int command_probetargets(int argc, char **argv)
{
	return run(&probetargets_argp, argc, argv);
}

int command_dumptarget(int argc, char **argv)
{
	return run(&dumptarget_argp, argc, argv);
}
