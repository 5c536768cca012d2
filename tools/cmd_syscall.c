/* SPDX-License-Identifier: MIT */
/* `stackdb syscall`: the system calls of a process, as it makes them. */
#include "json.h"
#include "syscalls.h"
#include "targets.h"
#include "unfinished.h"

#include <stackdb/probe.h>

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is counted of the calls of one machine, by number. */
struct calls {
	const struct syscall_table *table;
	bool *wanted;
	uint64_t *counts, *errors;
};

enum { MACHINES = 2 }; /* a 64-bit program may call the 32-bit way, too */

struct syscall_command {
	struct targets targets;
	struct calls calls[MACHINES];
	bool filtered; /* only those that are wanted */
	bool count_only;
	bool follow;
	uint64_t strings; /* bytes of a string that are shown */
	struct sdb_loop *loop;
	struct text out;
	struct text words; /* a call, for JSON */
	struct unfinished_calls unfinished;
};

enum { KEY_STRINGS = 0x100 };

static const struct argp_option options[] = {
	{ "call", 'n', "NAME[,NAME...]", 0, "Only these system calls", 1 },
	{ "count", 'c', NULL, 0, "Print only how often each was made and failed, at the end", 1 },
	{ "follow", 'f', NULL, 0, "Of the processes that it makes, too", 1 },
	{ "strings", KEY_STRINGS, "BYTES", 0, "Show so much of buffers, and of arguments of programs and how many (default: 32)", 1 },
	{ 0 }
};

static void init_calls(struct syscall_command *command)
{
	static const uint16_t machines[MACHINES] = { EM_X86_64, EM_386 };
	for (unsigned i = 0; i < MACHINES; i++) {
		struct calls *calls = &command->calls[i];
		calls->table = syscall_table(machines[i]);
		calls->wanted = tool_alloc(calls->table->count * sizeof(*calls->wanted));
		calls->counts = tool_alloc(calls->table->count * sizeof(*calls->counts));
		calls->errors = tool_alloc(calls->table->count * sizeof(*calls->errors));
	}
}

static void deinit_calls(struct syscall_command *command)
{
	for (unsigned i = 0; i < MACHINES; i++) {
		free(command->calls[i].wanted);
		free(command->calls[i].counts);
		free(command->calls[i].errors);
	}
}

static void add_filter(struct syscall_command *command, struct argp_state *state, char *names)
{
	command->filtered = true;
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		bool found = false;
		for (unsigned k = 0; k < MACHINES; k++)
			for (size_t i = 0; i < command->calls[k].table->count; i++) {
				const struct syscall_info *info = syscall_info(command->calls[k].table, (int64_t)i);
				if (!info || strcmp(info->name, name) != 0)
					continue;
				command->calls[k].wanted[i] = found = true;
			}
		if (!found)
			argp_error(state, "-n: there is no system call '%s'", name);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct syscall_command *command = state->input;
	switch (key) {
	case ARGP_KEY_INIT: state->child_inputs[0] = &command->targets; return 0;
	case 'n': add_filter(command, state, arg); return 0;
	case 'c': command->count_only = true; return 0;
	case 'f': command->follow = true; return 0;
	case KEY_STRINGS:
		if (!tool_parse_number(arg, &command->strings) || command->strings > 65536)
			argp_error(state, "--strings: '%s' is not a number up to 65536", arg);
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
	"Print the system calls of all threads of a process, with arguments and results, until it ends or this "
	"program is interrupted."
	"\vExamples:\n  stackdb syscall -p 4711\n  stackdb syscall -n openat,read -- cat /etc/hostname\n",
	children, NULL, NULL
};

/* ---- printing --------------------------------------------------------------------------------- */

/* `openat(AT_FDCWD, "/etc/hostname", O_RDONLY)`: what was told of its entry already, and the rest. */
static void put_words(struct syscall_command *command, struct text *to, const struct sdb_hit *hit, const struct syscall_info *info)
{
	const char *kinds = info && info->arguments ? info->arguments : "xxxxxx";
	if (info)
		text_add(to, info->name);
	else
		text_format(to, "call_%lld", (long long)hit->number);
	if (hit->machine != sdb_target_machine(hit->target)) /* int $0x80 in a 64-bit program */
		text_format(to, "@%s", syscall_table(hit->machine)->machine);
	text_char(to, '(');
	struct unfinished *unfinished = unfinished_find(&command->unfinished, sdb_thread_id(hit->thread));
	if (unfinished)
		text_add(to, text_string(&unfinished->text));
	syscall_put_arguments(to, hit, kinds, unfinished ? unfinished->arguments : 0, command->strings);
	unfinished_end(unfinished);
	text_char(to, ')');
}

static void put_call(struct syscall_command *command, const struct sdb_hit *hit, const struct syscall_info *info)
{
	struct text *out = &command->out;
	text_format(out, "[%lld] ", (long long)sdb_thread_id(hit->thread));
	put_words(command, out, hit, info);
	text_add(out, " = ");
	if (hit->kind == SDB_HIT_CALL_EXIT)
		syscall_put_result(out, (int64_t)hit->value);
	else
		text_char(out, '?');
	text_char(out, '\n');
}

static void json_call(struct syscall_command *command, const struct sdb_hit *hit, const struct syscall_info *info)
{
	struct json json;
	json_begin(&json, &command->out);
	json_number(&json, "target", (uint64_t)sdb_target_id(hit->target));
	json_number(&json, "tid", (uint64_t)sdb_thread_id(hit->thread));
	json_number(&json, "number", (uint64_t)hit->number);
	json_string(&json, "name", info ? info->name : NULL);
	if (hit->machine != sdb_target_machine(hit->target))
		json_string(&json, "machine", syscall_table(hit->machine)->machine);
	json_array(&json, "arguments");
	size_t count = info && info->arguments ? strlen(info->arguments) : 6;
	for (size_t i = 0; i < count && i < 6; i++)
		json_hex(&json, NULL, hit->arguments[i]);
	json_close(&json);
	command->words.size = 0;
	put_words(command, &command->words, hit, info);
	json_stringn(&json, "text", command->words.data, command->words.size);
	if (hit->kind == SDB_HIT_CALL_EXIT) {
		json_signed(&json, "result", (int64_t)hit->value);
		const char *error = syscall_error_name((int64_t)hit->value);
		if (error)
			json_string(&json, "error", error);
	}
	json_end(&json);
}

static struct sdb_error *watch_calls(void *arg, struct sdb_target *target);

/* ---- hits ---------------------------------------------------------------------------------------- */

static struct calls *calls_of(struct syscall_command *command, uint16_t machine)
{
	const struct syscall_table *table = syscall_table(machine);
	for (unsigned i = 0; i < MACHINES; i++)
		if (command->calls[i].table == table)
			return &command->calls[i];
	return &command->calls[0];
}

/* The memory that arguments point to may be another's when the call has ended, or gone, as that of execve(). */
static void note_entry(struct syscall_command *command, const struct sdb_hit *hit, const struct syscall_info *info)
{
	if (command->count_only || !info || !info->arguments
	    || !syscall_reads_memory(info->arguments))
		return;
	struct unfinished *unfinished = unfinished_begin(&command->unfinished, sdb_thread_id(hit->thread));
	unfinished->arguments = syscall_put_arguments(&unfinished->text, hit, info->arguments, 0, command->strings);
}

static struct sdb_error *on_call(void *arg, struct sdb_hit *hit)
{
	struct syscall_command *command = arg;
	struct calls *calls = calls_of(command, hit->machine);
	bool known = hit->number >= 0 && (uint64_t)hit->number < calls->table->count;
	const struct syscall_info *info = syscall_info(calls->table, hit->number);
	/* These do not return. */
	bool exits = info && (strcmp(info->name, "exit") == 0 || strcmp(info->name, "exit_group") == 0);
	if (command->filtered && (!known || !calls->wanted[hit->number]))
		return NULL;
	if (hit->kind == SDB_HIT_CALL && !exits) {
		note_entry(command, hit, info);
		return NULL;
	}
	if (known) {
		calls->counts[hit->number]++;
		calls->errors[hit->number] += hit->kind == SDB_HIT_CALL_EXIT && syscall_is_error((int64_t)hit->value);
	}
	if (command->count_only)
		return NULL;
	if (command->targets.json)
		json_call(command, hit, info);
	else
		put_call(command, hit, info);
	return NULL;
}

static void print_count(struct syscall_command *command, const struct calls *calls, size_t number)
{
	const struct syscall_info *info = syscall_info(calls->table, (int64_t)number);
	if (!command->targets.json) {
		text_format(&command->out, "%9llu %9llu  %s%s\n", (unsigned long long)calls->counts[number],
			    (unsigned long long)calls->errors[number], info ? info->name : "?",
			    calls == command->calls ? "" : " (i386)");
		return;
	}
	struct json json;
	json_begin(&json, &command->out);
	json_number(&json, "number", number);
	json_string(&json, "name", info ? info->name : NULL);
	json_string(&json, "machine", calls->table->machine);
	json_number(&json, "calls", calls->counts[number]);
	json_number(&json, "errors", calls->errors[number]);
	json_end(&json);
}

static void print_counts(struct syscall_command *command)
{
	if (!command->targets.json)
		text_add(&command->out, "    calls    errors  call\n");
	for (unsigned k = 0; k < MACHINES; k++)
		for (size_t i = 0; i < command->calls[k].table->count; i++)
			if (command->calls[k].counts[i])
				print_count(command, &command->calls[k], i);
}

static void stop_loop(void *arg)
{
	sdb_loop_stop(arg);
}

static struct sdb_error *on_child(void *arg, struct sdb_hit *hit)
{
	struct syscall_command *command = arg;
	return targets_follow(&command->targets, command->loop, hit, watch_calls, command);
}

static struct sdb_error *watch_calls(void *arg, struct sdb_target *target)
{
	struct syscall_command *command = arg;
	const struct sdb_probe_options probe_options = { .before = on_call, .after = on_call, .arg = command };
	struct sdb_probe *probe;
	if (!syscall_table(sdb_target_machine(target)))
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "its system calls are known of x86-64 and i386 only");
	const struct sdb_probe_options child_options = { .before = on_child, .arg = command };
	struct sdb_error *error = sdb_probe_calls(target, -1, &probe_options, &probe);
	if (!error && command->follow)
		error = sdb_probe_events(target, 1u << SDB_HIT_CHILD, &child_options, &probe);
	return error;
}

static struct sdb_error *watch(struct syscall_command *command, struct sdb_target *target)
{
	struct sdb_error *error = watch_calls(command, target);
	if (!error)
		error = sdb_loop_add(command->loop, target);
	return error ? error : sdb_target_resume(target);
}

int command_syscall(int argc, char **argv)
{
	struct syscall_command command = { .out = text_to(STDOUT_FILENO), .words = TEXT_EMPTY, .strings = 32 };
	init_calls(&command);
	argp_parse(&argp, argc, argv, 0, NULL, &command);
	if (command.follow)
		targets_follow_all(&command.targets);
	targets_catch_signals();
	int status = targets_open(&command.targets);
	struct sdb_error *error = sdb_loop_create(&command.loop);
	for (size_t i = 0; !error && i < command.targets.count; i++)
		error = watch(&command, command.targets.items[i]);
	targets_on_interrupt(stop_loop, command.loop);
	/* What was seen is shown twice a second at least. */
	while (!error && status == STATUS_DONE && !targets_interrupted() && targets_alive(&command.targets)) {
		error = sdb_loop_run(command.loop, 500);
		text_flush(&command.out);
	}
	targets_on_interrupt(NULL, NULL);
	if (command.count_only && status == STATUS_DONE)
		print_counts(&command);
	text_deinit(&command.out);
	text_deinit(&command.words);
	if (error)
		status = tool_fail(NULL, error);
	sdb_loop_destroy(command.loop);
	targets_close(&command.targets);
	deinit_calls(&command);
	unfinished_deinit(&command.unfinished);
	return status;
}
