/* SPDX-License-Identifier: MIT */
/*
 * The standard target arguments. Options describe the target in hand; one that says which target
 * (-p, -b, --base) begins the next one when the target in hand has that already.
 */

#include "spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TARGETS 64
#define MAX_WORDS 4096

enum { KEY_ARGS = 0x4000, KEY_BASE, KEY_PTY, KEY_NO_INDEX, KEY_GDB_HOST, KEY_GDB_PORT, KEY_GDB_UDP, KEY_GDB_SOCKET,
       KEY_QEMU, KEY_QEMU_PID, KEY_QEMU_MEMORY, KEY_QMP_HOST, KEY_QMP_PORT, KEY_QMP_SOCKET, KEY_DOMAIN, KEY_LIBVIRT_URI,
       KEY_KVM, KEY_PERSONALITY, KEY_PERSONALITY_LIBRARY, KEY_OVERLAY };

static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "Target:", 10 },
	{ "pid", 'p', "PID", 0, "Attach to a process; again for another one", 10 },
	{ "program", 'b', "PROGRAM", 0, "Launch a program; also `-- PROGRAM ARGUMENT...` at the end", 10 },
	{ "args", KEY_ARGS, "WORDS", 0, "Arguments of the program, split as a shell does", 10 },
	{ "envvars", 'e', "NAME=VALUE", 0, "Add to its environment; may be repeated", 10 },
	{ "stdin", 'I', "FILE", 0, "Its standard input", 10 },
	{ "stdout", 'O', "FILE", 0, "Its standard output", 10 },
	{ "stderr", 'E', "FILE", 0, "Its standard error", 10 },
	{ "pty", KEY_PTY, NULL, 0, "Give it a terminal of its own", 10 },
	{ "type", 't', "TYPE", 0, "How to reach it: the name of a driver", 10 },
	{ "id", 'i', "ID", 0, "Number of the target (default: 1, 2, ...)", 10 },
	{ "main-file", 'M', "FILE", 0, "Its executable, when it is not the one that it names", 10 },
	{ "root", 'R', "DIRECTORY", 0, "Prefix under which modules' debug files are sought", 10 },
	{ "soft-breakpoints", 's', NULL, 0, "Use no debug registers for breakpoints", 10 },
	{ "no-index", KEY_NO_INDEX, NULL, 0, "Do not make databases for modules that have none", 10 },
	{ "base", KEY_BASE, "SPEC", 0, "One more target: its options as one argument", 10 },
	{ "overlay", KEY_OVERLAY, "[ID:]PROCESS[:SPEC]", 0, "A process inside the machine with number ID (default: the last "
	  "one), by name or number, as a target of its own; SPEC: more options", 10 },
	{ NULL, 0, NULL, 0, "Machine:", 11 },
	{ "gdb-host", KEY_GDB_HOST, "HOST", 0, "Host of its gdb stub (default: this one)", 11 },
	{ "gdb-port", KEY_GDB_PORT, "PORT", 0, "TCP port of its gdb stub", 11 },
	{ "gdb-udp", KEY_GDB_UDP, NULL, 0, "The port is one of UDP", 11 },
	{ "gdb-sockfile", KEY_GDB_SOCKET, "PATH", 0, "Unix socket of its gdb stub", 11 },
	{ "qemu", KEY_QEMU, NULL, 0, "It is QEMU: map its memory, ask QMP (implied by what follows)", 11 },
	{ "qemu-pid", KEY_QEMU_PID, "PID", 0, "QEMU's process: memory and sockets are found by it", 11 },
	{ "qemu-mem-path", KEY_QEMU_MEMORY, "FILE", 0, "File that its memory is in", 11 },
	{ "qemu-qmp-host", KEY_QMP_HOST, "HOST", 0, "Host of QMP (default: this one)", 11 },
	{ "qemu-qmp-port", KEY_QMP_PORT, "PORT", 0, "TCP port of QMP", 11 },
	{ "qemu-qmp-sock", KEY_QMP_SOCKET, "PATH", 0, "Unix socket of QMP", 11 },
	{ "qemu-libvirt-domain", KEY_DOMAIN, "DOMAIN", 0, "Domain of libvirt: finds all the others", 11 },
	{ "domain", 'm', "DOMAIN", 0, "The same, or a domain of Xen", 11 },
	{ "libvirt-uri", KEY_LIBVIRT_URI, "URI", 0, "Connection to libvirt (default: qemu:///system)", 11 },
	{ "kvm", KEY_KVM, NULL, 0, "It runs in KVM", 11 },
	{ "kernel", 'K', "KERNEL", 0, "Its kernel: a database, an image with symbols, or a build-id", 11 },
	{ "personality", KEY_PERSONALITY, "NAME", 0, "The system in it (default: found out; none: do not look)", 11 },
	{ "personality-lib", KEY_PERSONALITY_LIBRARY, "FILE", 0, "Shared object that knows the system in it", 11 },
	{ "active", 'a', "PARTS", 0, "Keep these current by probes instead of scans, where the personality can: thread_entry, thread_exit, memory, other (modules), all", 11 },
	{ NULL, 0, NULL, 0, "Messages:", 12 },
	{ "debug", 'd', "LEVEL", OPTION_ARG_OPTIONAL, "Tell what is done (1-9)", 12 },
	{ "warn", 'w', "LEVEL", OPTION_ARG_OPTIONAL, "Tell what goes wrong and is survived", 12 },
	{ "log", 'l', "AREAS", 0, "Of these only: target, driver, module, unwind, probe, value, all", 12 },
	{ 0 }
};

/* What parsing allocated: also the environment under construction of the target in hand. */
struct parse_memory {
	struct spec_memory *kept;
	size_t environment_count;
	struct sdb_spec *environment_of;
};

static void print_message(void *arg, enum sdb_log_area area, int level, const char *message)
{
	(void)arg;
	fprintf(stderr, "%s: %s%s\n", sdb_log_area_name(area), level <= SDB_LOG_WARNING ? "warning: " : "", message);
}

static void fail_for_memory(struct argp_state *state)
{
	argp_failure(state, EXIT_FAILURE, ENOMEM, "the arguments");
}

static struct parse_memory *memory_of(struct argp_state *state, struct sdb_specs *specs)
{
	if (!specs->memory && !(specs->memory = calloc(1, sizeof(struct parse_memory))))
		fail_for_memory(state);
	return specs->memory;
}

static char *keep(struct argp_state *state, struct sdb_specs *specs, const char *text)
{
	bool failed = false;
	struct parse_memory *memory = memory_of(state, specs);
	char *copy = memory ? spec_keep(&memory->kept, text, &failed) : NULL;
	if (failed)
		fail_for_memory(state);
	return copy;
}

static bool names_target(const struct sdb_spec *spec)
{
	return spec->pid != 0 || spec->program || spec->gdb_port || spec->gdb_socket || spec->qemu_pid || spec->qemu_memory
		|| spec->qmp_port || spec->qmp_socket || spec->domain || spec->overlay;
}

/* What names one machine names no other one. */
static void forget_machine(struct sdb_spec *spec)
{
	spec->gdb_host = spec->gdb_socket = spec->qemu_memory = spec->qmp_host = spec->qmp_socket = spec->domain = NULL;
	spec->gdb_port = spec->qmp_port = 0;
	spec->qemu_pid = 0;
	spec->gdb_udp = spec->qemu = spec->kvm = false;
	spec->type = spec->overlay = spec->kernel = NULL;
	spec->base_id = 0;
}

static struct sdb_spec *add_spec(struct argp_state *state, struct sdb_specs *specs)
{
	if (specs->count >= MAX_TARGETS)
		argp_error(state, "more than %d targets", MAX_TARGETS);
	struct sdb_spec *items = realloc(specs->items, (specs->count + 1) * sizeof(*items));
	if (!items)
		fail_for_memory(state);
	specs->items = items;
	/* What was said of all targets holds for the next one, too. */
	struct sdb_spec *spec = &items[specs->count++];
	if (specs->count == 1) {
		*spec = (struct sdb_spec){ 0 };
	} else {
		*spec = items[0];
		spec->pid = 0;
		spec->program = NULL;
		spec->arguments = NULL;
		spec->environment = NULL;
		forget_machine(spec);
	}
	spec->id = (int)specs->count;
	return spec;
}

/* The target in hand; with FRESH one that names nothing yet. */
static struct sdb_spec *current(struct argp_state *state, struct sdb_specs *specs, bool fresh)
{
	if (specs->count == 0 || (fresh && names_target(&specs->items[specs->count - 1])))
		return add_spec(state, specs);
	return &specs->items[specs->count - 1];
}

static long parse_number(struct argp_state *state, const char *what, const char *text, long least)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 0);
	if (errno || end == text || *end || value < least)
		argp_error(state, "%s: '%s' is not a number from %ld on", what, text, least);
	return value;
}

static void set_program(struct argp_state *state, struct sdb_specs *specs, char *const *words)
{
	bool failed = false;
	struct parse_memory *memory = memory_of(state, specs);
	struct sdb_spec *spec = current(state, specs, true);
	spec->program = keep(state, specs, words[0]);
	spec->arguments = spec_keep_list(&memory->kept, words, &failed);
	if (failed)
		fail_for_memory(state);
}

/* --args: the words behind the program's name. */
static void set_arguments(struct argp_state *state, struct sdb_specs *specs, const char *text)
{
	char **words, **all;
	size_t count;
	bool failed = false;
	struct parse_memory *memory = memory_of(state, specs);
	struct sdb_spec *spec = current(state, specs, false);
	struct sdb_error *error = sdb_split_words(text, &words, &count);
	if (error)
		argp_error(state, "--args: %s", sdb_error_message(error));
	if (!spec->program)
		argp_error(state, "--args: give the program first, with -b");
	all = calloc(count + 2, sizeof(*all));
	if (!all)
		fail_for_memory(state);
	all[0] = (char *)spec->program;
	memcpy(all + 1, words, count * sizeof(*words));
	spec->arguments = spec_keep_list(&memory->kept, all, &failed);
	free(all);
	free(words);
	if (failed)
		fail_for_memory(state);
}

static void add_environment(struct argp_state *state, struct sdb_specs *specs, const char *text)
{
	bool failed = false;
	char *list[MAX_WORDS] = { NULL };
	size_t count = 0;
	struct parse_memory *memory = memory_of(state, specs);
	struct sdb_spec *spec = current(state, specs, false);
	if (!strchr(text, '=') || text[0] == '=')
		argp_error(state, "-e: '%s' is not NAME=VALUE", text);
	for (; spec->environment && spec->environment[count]; count++)
		list[count] = spec->environment[count];
	if (count + 1 >= MAX_WORDS)
		argp_error(state, "-e: more than %d", MAX_WORDS - 2);
	list[count] = (char *)text;
	spec->environment = spec_keep_list(&memory->kept, list, &failed);
	if (failed)
		fail_for_memory(state);
}

static void set_areas(struct argp_state *state, struct sdb_spec *spec, char *text)
{
	spec->log.fn = print_message;
	if (spec->log.level < SDB_LOG_INFO)
		spec->log.level = SDB_LOG_INFO;
	for (char *word = strtok(text, ",:"); word; word = strtok(NULL, ",:")) {
		unsigned area = sdb_log_area(word);
		if (!area)
			argp_error(state, "-l: there is no area '%s'", word);
		spec->log.areas |= area;
	}
}

/* Options of a target in one argument of OPTION. */
static void parse_words(struct argp_state *state, struct sdb_specs *specs, const char *option, const char *text)
{
	char **words, **all;
	size_t count;
	struct sdb_error *error = sdb_split_words(text, &words, &count);
	if (error)
		argp_error(state, "%s: %s", option, sdb_error_message(error));
	all = calloc(count + 2, sizeof(*all));
	if (!all)
		fail_for_memory(state);
	all[0] = state->name;
	memcpy(all + 1, words, count * sizeof(*words));
	argp_parse(&sdb_specs_argp, (int)count + 1, all, ARGP_NO_HELP, NULL, specs);
	free(all);
	free(words);
}

static void add_base(struct argp_state *state, struct sdb_specs *specs, const char *text)
{
	current(state, specs, true);
	parse_words(state, specs, "--base", text);
}

/* [ID:]PROCESS[:SPEC]; a process's name has no colon in it, and is no number. */
static void add_overlay(struct argp_state *state, struct sdb_specs *specs, char *text)
{
	struct parse_memory *memory = memory_of(state, specs);
	bool failed = false;
	int base = specs->count ? specs->items[specs->count - 1].id : 0;
	char *colon = strchr(text, ':');
	char *end;
	if (specs->count && specs->items[specs->count - 1].overlay)
		base = specs->items[specs->count - 1].base_id;
	long id = strtol(text, &end, 10);
	if (colon && end == colon && end > text && colon[1] != ' ' && colon[1] != '-') {
		base = (int)id;
		text = colon + 1;
		colon = strchr(text, ':');
	}
	if (colon)
		*colon = '\0';
	if (!*text)
		argp_error(state, "--overlay: which process? give its name or number");
	if (!base)
		argp_error(state, "--overlay: give the machine first");
	struct sdb_spec *spec = current(state, specs, true);
	spec->overlay = spec_keep(&memory->kept, text, &failed);
	if (failed)
		fail_for_memory(state);
	spec->base_id = base;
	if (colon)
		parse_words(state, specs, "--overlay", colon + 1);
}

static void set_active(struct argp_state *state, struct sdb_spec *spec, char *text)
{
	static const char *const names[] = { "thread_entry", "thread_exit", "memory", "other" };
	for (char *word = strtok(text, ","); word; word = strtok(NULL, ",")) {
		unsigned part = strcmp(word, "all") == 0 ? 15 : 0;
		for (unsigned i = 0; i < 4; i++)
			part |= strcmp(word, names[i]) == 0 ? 1u << i : 0;
		if (!part)
			argp_error(state, "-a: there is no part '%s'", word);
		spec->active |= part;
	}
}

static int parse_port(struct argp_state *state, const char *what, const char *text)
{
	long port = parse_number(state, what, text, 1);
	if (port > 65535)
		argp_error(state, "%s: '%s' is not a port", what, text);
	return (int)port;
}

/* What says where a machine is. */
static error_t parse_machine(int key, char *arg, struct argp_state *state)
{
	struct sdb_specs *specs = state->input;
	bool ours = (key >= KEY_GDB_HOST && key < KEY_OVERLAY) || key == 'm' || key == 'K' || key == 'a';
	struct sdb_spec *spec = ours ? current(state, specs, false) : NULL;
	switch (key) {
	case KEY_GDB_HOST: spec->gdb_host = keep(state, specs, arg); return 0;
	case KEY_GDB_PORT: spec->gdb_port = parse_port(state, "--gdb-port", arg); return 0;
	case KEY_GDB_UDP: spec->gdb_udp = true; return 0;
	case KEY_GDB_SOCKET: spec->gdb_socket = keep(state, specs, arg); return 0;
	case KEY_QEMU: spec->qemu = true; return 0;
	case KEY_QEMU_PID: spec->qemu_pid = parse_number(state, "--qemu-pid", arg, 1); break;
	case KEY_QEMU_MEMORY: spec->qemu_memory = keep(state, specs, arg); break;
	case KEY_QMP_HOST: spec->qmp_host = keep(state, specs, arg); break;
	case KEY_QMP_PORT: spec->qmp_port = parse_port(state, "--qemu-qmp-port", arg); break;
	case KEY_QMP_SOCKET: spec->qmp_socket = keep(state, specs, arg); break;
	case KEY_DOMAIN: spec->domain = keep(state, specs, arg); break;
	case 'm': spec->domain = keep(state, specs, arg); return 0;
	case KEY_LIBVIRT_URI: spec->libvirt_uri = keep(state, specs, arg); return 0;
	case KEY_KVM: spec->kvm = true; break;
	case 'K': spec->kernel = keep(state, specs, arg); return 0;
	case KEY_PERSONALITY: spec->personality = keep(state, specs, arg); return 0;
	case KEY_PERSONALITY_LIBRARY: spec->personality_library = keep(state, specs, arg); return 0;
	case 'a': set_active(state, spec, arg); return 0;
	case KEY_OVERLAY: add_overlay(state, specs, arg); return 0;
	default: return ARGP_ERR_UNKNOWN;
	}
	spec->qemu = true;
	return 0;
}

/* Everything behind `--` is a program: cut off here, so that nobody else parses it. */
static void take_program(struct argp_state *state, struct sdb_specs *specs)
{
	for (int i = 1; i < state->argc; i++) {
		if (strcmp(state->argv[i], "--") != 0)
			continue;
		if (i + 1 < state->argc)
			set_program(state, specs, state->argv + i + 1);
		state->argc = i;
		return;
	}
}

static void check_end(struct argp_state *state, const struct sdb_specs *specs)
{
	if (specs->count == 0 && !specs->optional)
		argp_error(state, "which target? give -p PID, -b PROGRAM, `-- PROGRAM ARGUMENT...` or a machine");
	for (size_t i = 0; i < specs->count; i++) {
		if (!names_target(&specs->items[i]) && !specs->items[i].type && !specs->optional)
			argp_error(state, "target %d: give -p PID, -b PROGRAM, `-- PROGRAM ARGUMENT...` or a machine",
				   specs->items[i].id);
	}
}

static void set_level(struct argp_state *state, struct sdb_spec *spec, const char *arg, int least)
{
	int level = arg ? (int)parse_number(state, "level", arg, 0) + least - 1 : least;
	spec->log.fn = print_message;
	if (spec->log.level < level)
		spec->log.level = level;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sdb_specs *specs = state->input;
	switch (key) {
	case ARGP_KEY_INIT: take_program(state, specs); return 0;
	case ARGP_KEY_END: check_end(state, specs); return 0;
	case 'p': current(state, specs, true)->pid = parse_number(state, "-p", arg, 1); return 0;
	case 'b': {
		char *words[] = { arg, NULL };
		set_program(state, specs, words);
		return 0;
	}
	case KEY_ARGS: set_arguments(state, specs, arg); return 0;
	case 'e': add_environment(state, specs, arg); return 0;
	case 'I': current(state, specs, false)->input = keep(state, specs, arg); return 0;
	case 'O': current(state, specs, false)->output = keep(state, specs, arg); return 0;
	case 'E': current(state, specs, false)->error = keep(state, specs, arg); return 0;
	case 't': current(state, specs, false)->type = keep(state, specs, arg); return 0;
	case 'i': current(state, specs, false)->id = (int)parse_number(state, "-i", arg, 0); return 0;
	case 'M': current(state, specs, false)->main_file = keep(state, specs, arg); return 0;
	case 'R': current(state, specs, false)->root = keep(state, specs, arg); return 0;
	case 's': current(state, specs, false)->software_breakpoints = true; return 0;
	case KEY_PTY: current(state, specs, false)->pty = true; return 0;
	case KEY_NO_INDEX: current(state, specs, false)->no_index = true; return 0;
	case KEY_BASE: add_base(state, specs, arg); return 0;
	case 'd': set_level(state, current(state, specs, false), arg, SDB_LOG_INFO); return 0;
	case 'w': set_level(state, current(state, specs, false), arg, SDB_LOG_WARNING); return 0;
	case 'l': set_areas(state, current(state, specs, false), arg); return 0;
	}
	return parse_machine(key, arg, state);
}

const struct argp sdb_specs_argp = { options, parse, NULL, NULL, NULL, NULL, NULL };

void sdb_specs_deinit(struct sdb_specs *specs)
{
	struct parse_memory *memory = specs->memory;
	if (memory)
		spec_memory_free(memory->kept);
	free(memory);
	free(specs->items);
	*specs = (struct sdb_specs){ 0 };
}
