/* SPDX-License-Identifier: MIT */
/* `stackdb probetargets` and `stackdb dumptarget`: probes by name, and what they see. */
#include "probing.h"

#include <pwd.h>
#include <unistd.h>

struct probe_command {
	struct targets targets;
	struct probing probing;
};

static uint64_t parse_count(struct argp_state *state, const char *what, const char *arg)
{
	uint64_t value = 0;
	if (!tool_parse_number(arg, &value))
		argp_error(state, "%s: '%s' is not a number", what, arg);
	return value;
}

enum {
	KEY_TID = 0x100, KEY_IF, KEY_PRINT, KEY_INLINED, KEY_HARDWARE, KEY_SOFTWARE, KEY_MATCH, KEY_NAME, KEY_USER, KEY_SET,
	KEY_STEP, KEY_SIGNAL, KEY_ABORT, KEY_ENABLE, KEY_DISABLE,
};

static void parse_user(struct argp_state *state, const char *arg, struct sdb_probe_filter *filter)
{
	uint64_t number = 0;
	const struct passwd *user = tool_parse_number(arg, &number) ? NULL : getpwnam(arg);
	if (!user && !tool_parse_number(arg, &number))
		argp_error(state, "--user: there is no user '%s'", arg);
	filter->by_user = true;
	filter->user = user ? user->pw_uid : (uint32_t)number;
}

/* `EXPRESSION=REGEX`: the first `=` that is not of `==`, `!=`, `<=` or `>=`. */
static void parse_match(struct argp_state *state, char *arg, struct probing *probing)
{
	char *equals = strchr(arg, '=');
	while (equals && (equals == arg || equals[1] == '=' || strchr("=!<>", equals[-1])))
		equals = strchr(equals + 1, '=');
	if (!equals)
		argp_error(state, "--match: '%s' is not EXPRESSION=REGEX", arg);
	if (probing->filter.match_count == PROBING_MATCHES)
		argp_error(state, "--match: more than %d", PROBING_MATCHES);
	*equals = '\0';
	probing->matches[probing->filter.match_count++] = (struct sdb_probe_match){ arg, equals + 1 };
	probing->filter.matches = probing->matches;
}

static error_t parse_filter(int key, char *arg, struct argp_state *state, struct probing *probing)
{
	switch (key) {
	case KEY_IF: probing->filter.condition = arg; return 0;
	case KEY_MATCH: parse_match(state, arg, probing); return 0;
	case KEY_NAME: probing->filter.thread_name = arg; return 0;
	case KEY_USER: parse_user(state, arg, &probing->filter); return 0;
	case KEY_TID: probing->thread = (int64_t)parse_count(state, "--tid", arg); return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_action(int key, char *arg, struct argp_state *state, struct probing_actions *actions)
{
	switch (key) {
	case KEY_SET:
		if (actions->set_count == PROBING_ACTIONS)
			argp_error(state, "--set: more than %d", PROBING_ACTIONS);
		actions->sets[actions->set_count++] = arg;
		return 0;
	case KEY_STEP: actions->steps = (unsigned)parse_count(state, "--step", arg); return 0;
	case KEY_ABORT:
		actions->abort = true;
		actions->abort_value = parse_count(state, "--abort", arg);
		return 0;
	case KEY_SIGNAL:
		if (!probing_parse_signal(arg, &actions->signal))
			argp_error(state, "--signal: there is no signal '%s'", arg);
		return 0;
	case KEY_ENABLE: case KEY_DISABLE:
		if (!probing_parse_switch(actions, arg, key == KEY_ENABLE))
			argp_error(state, "%s: '%s' is not A,B", key == KEY_ENABLE ? "--enable" : "--disable", arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct probe_command *command = state->input;
	struct probing *probing = &command->probing;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'q': probing->quiet = true; return 0;
	case 'r': probing->returns = true; return 0;
	case 'P': probing->after = true; return 0;
	case 'v': probing->locals = true; return 0;
	case 'B': probing->backtrace = true; return 0;
	case 'f': probing->follow = true; return 0;
	case 'A': probing->at = arg; return 0;
	case 'U': probing->until = arg; return 0;
	case KEY_PRINT:
		if (probing->print_count == PROBING_PRINTS)
			argp_error(state, "--print: more than %d", PROBING_PRINTS);
		probing->prints[probing->print_count++] = arg;
		return 0;
	case 'n': probing->limit = parse_count(state, "-n", arg); return 0;
	case KEY_INLINED: probing->inlined = true; return 0;
	case KEY_HARDWARE: probing->hardware = true; return 0;
	case KEY_SOFTWARE: probing->software = true; return 0;
	case ARGP_KEY_ARG: probing_add(probing, arg); return 0;
	case ARGP_KEY_END:
		if (!probing->argument_count)
			argp_error(state, "where? give a function, FILE:LINE, 0xADDRESS or a variable");
		return 0;
	}
	error_t parsed = parse_filter(key, arg, state, probing);
	return parsed == ARGP_ERR_UNKNOWN ? parse_action(key, arg, state, &probing->actions) : parsed;
}

#define COMMON_OPTIONS \
	{ "quiet", 'q', NULL, 0, "Print only how often each was met, at the end", 1 }, \
	{ "verbose", 'v', NULL, 0, "Print local variables, too", 1 }, \
	{ "backtrace", 'B', NULL, 0, "Print the callers, too", 1 }, \
	{ "limit", 'n', "COUNT", 0, "End after COUNT hits", 1 }, \
	{ "print", KEY_PRINT, "EXPRESSION", 0, "Print the value of EXPRESSION, too; may be repeated", 1 }, \
	{ "follow", 'f', NULL, 0, "In the processes that it makes, too", 1 }, \
	{ NULL, 0, NULL, 0, "Which hits count:", 2 }, \
	{ "if", KEY_IF, "EXPRESSION", 0, "Only where EXPRESSION, in C, is not 0", 2 }, \
	{ "match", KEY_MATCH, "EXPRESSION=REGEX", 0, "Only where the text of EXPRESSION matches; may be repeated", 2 }, \
	{ "tid", KEY_TID, "TID", 0, "Only of this thread", 2 }, \
	{ "thread-name", KEY_NAME, "REGEX", 0, "Only of threads with such a name", 2 }, \
	{ "user", KEY_USER, "USER", 0, "Only of threads with this effective user, a name or a number", 2 }, \
	{ NULL, 0, NULL, 0, "What is done at a hit, besides:", 3 }, \
	{ "set", KEY_SET, "VARIABLE=EXPRESSION", 0, "Assign, or $REGISTER=EXPRESSION; may be repeated", 3 }, \
	{ "step", KEY_STEP, "COUNT", 0, "Single-step COUNT instructions and print each", 3 }, \
	{ "signal", KEY_SIGNAL, "SIGNAL", 0, "Send the thread a signal; STOP leaves it stopped", 3 }, \
	{ "abort", KEY_ABORT, "VALUE", 0, "Return from the function at once, with VALUE", 3 }, \
	{ "enable", KEY_ENABLE, "A,B", 0, "At A switch B on, which begins switched off: numbers of arguments, or names", 3 }, \
	{ "disable", KEY_DISABLE, "A,B", 0, "At A switch B off", 3 }

static const struct argp_option probetargets_options[] = {
	COMMON_OPTIONS,
	{ "returns", 'r', NULL, 0, "Print what the functions return, too", 1 },
	{ 0 }
};
static const struct argp_option dumptarget_options[] = {
	COMMON_OPTIONS,
	{ "returns", 'r', NULL, 0, "Print what functions return, too", 1 },
	{ "post", 'P', NULL, 0, "Print again after the instruction was executed", 1 },
	{ "at", 'A', "PLACE", 0, "Begin when PLACE is met: nothing else is switched on before", 1 },
	{ "until", 'U', "PLACE", 0, "End when PLACE is met", 1 },
	{ "inlined", KEY_INLINED, NULL, 0, "Functions where they were inlined, too", 1 },
	{ "hardware", KEY_HARDWARE, NULL, 0, "Use a debug register instead of a breakpoint instruction", 1 },
	{ "software-watch", KEY_SOFTWARE, NULL, 0, "Watch variables, whole and as many as there are, by stepping "
	  "every instruction of every thread", 1 },
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
	if (probing->follow)
		targets_follow_all(&command.targets);
	int status = targets_open(&command.targets);
	probing->targets = &command.targets;
	struct sdb_error *error = status == STATUS_DONE ? sdb_loop_create(&probing->loop) : NULL;
	if (!error && status == STATUS_DONE)
		error = probing_place_all(probing);
	if (error && sdb_error_code(error) == SDB_ERROR_NOT_FOUND) {
		status = tool_fail(NULL, error);
		error = NULL;
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
