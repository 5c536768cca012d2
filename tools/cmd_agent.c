/* SPDX-License-Identifier: MIT */
/* `stackdb agent`: watches machines at an interval and by probes, and tells what has changed. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define FAILURES_MAX 3        /* scans that cannot be believed before the machine is looked at anew */
#define REBOOT_SECONDS 120    /* for which a machine that was reset is looked for */
#define CACHE ((size_t)128 << 10)
#define TASK_BYTES 128        /* of the memory limit, for each process that may be kept */

enum { KEY_LIMIT = 0x100, KEY_TEXT, KEY_NO_TEXT, KEY_INITIAL, KEY_WAIT, KEY_PROBE, KEY_COUNT };

static const struct argp_option options[] = {
	{ "interval", 'n', "SECONDS", 0, "Time between scans (default: 1)", 1 },
	{ "output", 'o', "FILE", 0, "Append to FILE instead of standard output", 1 },
	{ "memory-limit", KEY_LIMIT, "MB", 0, "Use no more memory of its own than this (default: 10)", 1 },
	{ "text", KEY_TEXT, "KB", 0, "Compare so much of the kernel's code with each scan (default: 1024)", 1 },
	{ "no-text", KEY_NO_TEXT, NULL, 0, "Do not watch the kernel's code", 1 },
	{ "probe", KEY_PROBE, "SYMBOL", 0, "Tell of each call of a function of the kernel; may be repeated", 1 },
	{ "initial", KEY_INITIAL, NULL, 0, "Tell of what is there at first, too", 1 },
	{ "wait", KEY_WAIT, NULL, 0, "Wait for a machine that is not there, or has ended, instead of ending", 1 },
	{ "count", KEY_COUNT, "SCANS", 0, "End after so many scans", 1 },
	{ 0 }
};

static uint64_t parse_count(struct argp_state *state, const char *what, const char *arg, uint64_t least, uint64_t most)
{
	uint64_t value = 0;
	if (!tool_parse_number(arg, &value) || value < least || value > most)
		argp_error(state, "%s: '%s' is not a number from %llu to %llu", what, arg, (unsigned long long)least,
			   (unsigned long long)most);
	return value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct agent *agent = state->input;
	char *end;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &agent->targets;
		agent->probes = tool_alloc(((size_t)state->argc + 1) * sizeof(*agent->probes));
		return 0;
	case 'n':
		agent->interval = strtod(arg, &end);
		if (end == arg || *end || !(agent->interval >= 0.01 && agent->interval <= 86400))
			argp_error(state, "-n: '%s' is not a number of seconds from 0.01 to 86400", arg);
		return 0;
	case 'o': agent->output = arg; return 0;
	case KEY_LIMIT: agent->memory_limit = parse_count(state, "--memory-limit", arg, 4, 1 << 20) * 1000000; return 0;
	case KEY_TEXT: agent->text_bytes = parse_count(state, "--text", arg, 4, 1 << 20) << 10; return 0;
	case KEY_NO_TEXT: agent->no_text = true; return 0;
	case KEY_PROBE: agent->probes[agent->probe_count++] = arg; return 0;
	case KEY_INITIAL: agent->initial = true; return 0;
	case KEY_WAIT: agent->wait = true; return 0;
	case KEY_COUNT: agent->times = parse_count(state, "--count", arg, 1, UINT64_MAX); return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	options, parse, NULL,
	"Watch the systems in machines, without stopping them, and print a JSON line for each process that starts, executes "
	"another program or ends, each module that is loaded or removed, each change of the system call table and of the "
	"kernel's code. With --probe it stops the machine for a moment at each call; with -a thread_entry,thread_exit at each task "
	"that begins or ends, so that it misses none that lives for less than the interval."
	"\vIt ends by SIGTERM, and when all machines have ended. A machine that is rebooted is looked at anew.\n\nExamples:\n"
	"  stackdb agent --qemu-pid 4711 --output /var/log/server.jsonl\n"
	"  stackdb agent --probe do_init_module --wait --qemu-libvirt-domain server\n"
	"  stackdb agent -a thread_entry,thread_exit --interval 10 --qemu-pid 4711\n",
	machines_children, NULL, NULL
};

/* ---- lines ---------------------------------------------------------------------------------------- */

void agent_tell(struct agent_machine *machine, const char *event, struct json *json)
{
	struct timespec now;
	struct tm utc;
	char date[40] = "", text[64];
	clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &utc))
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text, sizeof(text), "%s.%03ldZ", date, now.tv_nsec / 1000000);
	json_begin(json, &machine->agent->out);
	json_string(json, "time", text);
	json_number(json, "target", (uint64_t)machine->spec->id);
	json_string(json, "event", event);
}

void agent_trouble(struct agent_machine *machine, const char *what, struct sdb_error *error)
{
	struct json json;
	char text[sizeof(machine->trouble)];
	snprintf(text, sizeof(text), "%s: %s", what, sdb_error_message(error));
	sdb_error_free(error);
	if (strcmp(text, machine->trouble) == 0)
		return;
	memcpy(machine->trouble, text, sizeof(text));
	agent_tell(machine, "trouble", &json);
	json_string(&json, "what", what);
	json_string(&json, "message", text + strlen(what) + 2);
	json_end(&json);
}

static void tell_found(struct agent_machine *machine, const struct sdb_system *system, const char *event)
{
	struct json json;
	struct text id = TEXT_EMPTY;
	text_hex_bytes(&id, system->build_id, system->build_id ? system->build_id_length : 0);
	agent_tell(machine, event, &json);
	json_string(&json, "machine", sdb_target_name(machine->target));
	json_string(&json, "release", system->release);
	json_string(&json, "build_id", id.size ? text_string(&id) : NULL);
	json_hex(&json, "base", system->base);
	json_number(&json, "uptime_ns", system->uptime);
	json_real(&json, "interval", machine->agent->interval);
	json_number(&json, "memory_limit", machine->agent->memory_limit);
	json_end(&json);
	text_deinit(&id);
}

/* ---- probes ------------------------------------------------------------------------------------------ */

static struct sdb_error *on_hit(void *arg, struct sdb_hit *hit)
{
	struct agent_machine *machine = arg;
	struct json json;
	char *name = NULL;
	struct sdb_place place;
	agent_tell(machine, "call", &json);
	sdb_error_free(sdb_thread_name(hit->thread, &name));
	json_signed(&json, "tid", sdb_thread_id(hit->thread));
	json_string(&json, "name", name);
	json_hex(&json, "address", hit->address);
	struct sdb_error *error = sdb_target_place(hit->target, hit->address, &place);
	json_string(&json, "function", error ? NULL : place.symbol);
	json_end(&json);
	sdb_error_free(error);
	free(name);
	text_flush(&machine->agent->out);
	return NULL;
}

/* Of a task that begins, executes a program, or ends: where the machine's tasks are followed by probes (-a). */
static struct sdb_error *on_task(void *arg, struct sdb_hit *hit)
{
	struct agent_machine *machine = arg;
	struct sdb_error *error = agent_tasks_event(machine, hit);
	if (error)
		agent_trouble(machine, "a task", error);
	text_flush(&machine->agent->out);
	return NULL;
}

static struct sdb_error *place_probes(struct agent_machine *machine)
{
	const struct sdb_probe_options probe_options = { .before = on_hit, .arg = machine };
	const struct sdb_probe_options task_options = { .before = on_task, .arg = machine };
	const unsigned kinds = 1u << SDB_HIT_THREAD | 1u << SDB_HIT_PROGRAM | 1u << SDB_HIT_THREAD_EXIT;
	struct agent *agent = machine->agent;
	struct sdb_probe *probe;
	struct sdb_error *error = NULL;
	if (machine->spec->active & (SDB_ACTIVE_THREAD_ENTRY | SDB_ACTIVE_THREAD_EXIT))
		error = sdb_probe_events(machine->target, kinds, &task_options, &probe);
	for (size_t i = 0; i < agent->probe_count && !error; i++) {
		error = sdb_probe_pattern(machine->target, agent->probes[i], &probe_options, &probe);
		if (error)
			error = sdb_error_prefix(error, "%s", agent->probes[i]);
	}
	return error || !agent->loop ? error : sdb_loop_add(agent->loop, machine->target);
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- a machine -------------------------------------------------------------------------------------------- */

static void forget(struct agent_machine *machine)
{
	if (machine->target && machine->agent->loop)
		sdb_error_free(sdb_loop_remove(machine->agent->loop, machine->target));
	sdb_target_close(machine->target);
	agent_tasks_destroy(machine->tasks);
	agent_modules_destroy(machine->modules);
	agent_calls_destroy(machine->calls);
	agent_text_destroy(machine->text);
	machine->target = NULL;
	machine->tasks = NULL;
	machine->modules = NULL;
	machine->calls = NULL;
	machine->text = NULL;
	machine->failures = 0;
	machine->halted = false;
}

static struct sdb_error *open_target(struct agent_machine *machine, struct sdb_system *system)
{
	struct sdb_spec spec = *machine->spec;
	spec.cache_size = CACHE;
	spec.database_cache = CACHE;
	struct sdb_error *error = sdb_target_create(&spec, &machine->target);
	if (!error)
		error = sdb_target_open(machine->target);
	if (!error)
		error = sdb_target_system(machine->target, system);
	if (!error && sdb_target_status(machine->target) == SDB_TARGET_PAUSED)
		error = sdb_target_resume(machine->target);
	return error;
}

/* Looks at the machine for the first time, or anew. */
static struct sdb_error *find(struct agent_machine *machine)
{
	struct agent *agent = machine->agent;
	struct sdb_system system = { .uptime = 0 };
	bool ignored;
	struct sdb_error *error = open_target(machine, &system);
	if (error) {
		forget(machine);
		return error;
	}
	tell_found(machine, &system, !machine->was_there ? "started" : system.base == machine->base
		   && system.uptime >= machine->uptime ? "found" : "rebooted");
	machine->was_there = true;
	machine->trouble[0] = '\0';
	machine->uptime = system.uptime;
	machine->base = system.base;
	machine->tasks = agent_tasks_create((size_t)(agent->memory_limit / 4 / TASK_BYTES));
	machine->modules = agent_modules_create();
	machine->calls = agent_calls_create();
	error = agent_tasks_scan(machine, true);
	if (error)
		agent_trouble(machine, "tasks", error);
	error = agent_modules_scan(machine, true, &ignored);
	if (error)
		agent_trouble(machine, "modules", error);
	error = agent_calls_scan(machine, true);
	if (error)
		agent_trouble(machine, "system calls", error);
	error = agent->no_text ? NULL : agent_text_create(&machine->text);
	return error ? error : place_probes(machine);
}

static void see_halt(struct agent_machine *machine, bool halted)
{
	struct json json;
	if (halted == machine->halted)
		return;
	machine->halted = halted;
	agent_tell(machine, halted ? "paused" : "resumed", &json);
	json_number(&json, "uptime_ns", machine->uptime);
	json_end(&json);
}

/* Whether what was found at first is what is there now. */
static struct sdb_error *check_identity(struct agent_machine *machine)
{
	struct sdb_system system;
	struct sdb_error *error = sdb_target_system(machine->target, &system);
	if (error)
		return error;
	if (system.base != machine->base || (system.uptime && system.uptime < machine->uptime))
		return sdb_error_new(SDB_ERROR_CORRUPT, "it has been booted anew");
	/* A clock that stands may be that of an idle system, of one that is held, or what a reset has left of one. */
	bool stands = system.uptime == machine->uptime, halted = stands && sdb_target_halted(machine->target);
	if (system.uptime)
		machine->uptime = system.uptime;
	see_halt(machine, halted);
	return stands && !halted ? sdb_target_check_system(machine->target) : NULL;
}

static struct sdb_error *scan(struct agent_machine *machine)
{
	bool modules = false;
	struct sdb_error *error = check_identity(machine);
	if (!error)
		error = agent_tasks_scan(machine, false);
	if (!error)
		error = agent_modules_scan(machine, false, &modules);
	if (!error)
		error = agent_calls_scan(machine, false);
	if (!error && machine->text)
		error = agent_text_scan(machine, machine->agent->text_bytes, modules);
	return error;
}

static void lose(struct agent_machine *machine, const char *why)
{
	struct json json;
	agent_tell(machine, "lost", &json);
	json_string(&json, "message", why);
	json_end(&json);
	forget(machine);
}

/* Another attempt to find the machine. False: it is not there, and nobody waits for it. */
static bool look(struct agent_machine *machine)
{
	bool boots = machine->patience != 0;
	if (machine->was_there && !boots && !machine->agent->wait)
		return false;
	struct sdb_error *error = find(machine);
	if (error)
		agent_trouble(machine, "start", error);
	if (machine->target || (boots && seconds() < machine->patience)) {
		machine->patience = machine->target ? 0 : machine->patience;
		return true;
	}
	if (boots)
		lose(machine, "it was reset, and has not booted since");
	machine->patience = 0;
	return machine->agent->wait;
}

/* A scan, or another attempt to find the machine. False: it is not there any more, and nobody waits for it. */
static bool turn(struct agent_machine *machine)
{
	struct sdb_error *error;
	if (!machine->target)
		return look(machine);
	error = sdb_target_status(machine->target) == SDB_TARGET_EXITED ? NULL : scan(machine);
	if (sdb_target_status(machine->target) == SDB_TARGET_EXITED) {
		sdb_error_free(error);
		lose(machine, "the machine has ended");
		return machine->agent->wait;
	}
	if (!error) {
		machine->failures = 0;
		return true;
	}
	/* A list that changes under our eyes is forgiven; a machine that was reset looks like one that lies. */
	machine->failures++;
	agent_trouble(machine, "scan", error);
	if (machine->failures < FAILURES_MAX)
		return true;
	forget(machine);
	machine->patience = seconds() + REBOOT_SECONDS;
	return look(machine);
}

/* ---- running ------------------------------------------------------------------------------------------------ */

static void wait_until(struct agent *agent, double when)
{
	double left = when - seconds();
	if (left <= 0)
		return;
	if (agent->loop) {
		struct sdb_error *error = sdb_loop_run(agent->loop, (int)(left * 1000) + 1);
		if (error)
			agent_trouble(&agent->machines[0], "events", error);
		left = when - seconds();
	}
	if (left > 0 && !targets_interrupted()) {
		struct timespec time = { .tv_sec = (time_t)left };
		time.tv_nsec = (long)((left - (double)time.tv_sec) * 1e9);
		nanosleep(&time, NULL); /* a signal ends it */
	}
}

static bool all_turn(struct agent *agent)
{
	bool any = false;
	for (size_t i = 0; i < agent->targets.specs.count; i++)
		any |= turn(&agent->machines[i]);
	agent->scans++;
	text_flush(&agent->out);
	return any;
}

/* Of this program: what getrusage() says begins with the peak of whoever started it. 0: not known. */
static uint64_t peak_kilobytes(void)
{
	char line[256];
	unsigned long long peak = 0;
	FILE *status = fopen("/proc/self/status", "re");
	while (status && !peak && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmHWM: %llu", &peak) != 1)
			peak = 0;
	if (status)
		fclose(status);
	return peak;
}

static void tell_end(struct agent *agent)
{
	struct rusage usage;
	struct json json;
	getrusage(RUSAGE_SELF, &usage);
	agent_tell(&agent->machines[0], "ended", &json);
	json_number(&json, "scans", agent->scans);
	json_number(&json, "peak_kb", peak_kilobytes());
	json_real(&json, "cpu_seconds", (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
		  + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
	json_end(&json);
}

/* Memory that the program allocates cannot exceed the limit: what needs more fails and says so. */
static void limit_memory(const struct agent *agent)
{
	const struct rlimit limit = { agent->memory_limit, agent->memory_limit };
	setrlimit(RLIMIT_DATA, &limit);
}

static void run(struct agent *agent)
{
	double next = seconds();
	bool any = true;
	while (any && !targets_interrupted() && (!agent->times || agent->scans < agent->times)) {
		any = all_turn(agent);
		next += agent->interval;
		if (next < seconds()) /* it was late: what was missed is not made up for */
			next = seconds() + agent->interval;
		if (any && (!agent->times || agent->scans < agent->times))
			wait_until(agent, next);
	}
}

int command_agent(int argc, char **argv)
{
	struct agent agent = { .interval = 1, .memory_limit = 10000000, .text_bytes = (uint64_t)1 << 20 };
	int fd = STDOUT_FILENO, status = STATUS_DONE;
	argp_parse(&argp, argc, argv, 0, NULL, &agent);
	if (agent.output && (fd = open(agent.output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640)) < 0) {
		tool_complain(agent.output, "%s", strerror(errno));
		return STATUS_USAGE;
	}
	agent.out = text_to(fd);
	limit_memory(&agent);
	targets_catch_signals();
	bool probes = agent.probe_count;
	for (size_t i = 0; i < agent.targets.specs.count; i++)
		probes |= agent.targets.specs.items[i].active != 0;
	struct sdb_error *error = probes ? sdb_loop_create(&agent.loop) : NULL;
	if (error)
		return tool_fail(NULL, error);
	agent.machines = tool_alloc((agent.targets.specs.count + 1) * sizeof(*agent.machines));
	for (size_t i = 0; i < agent.targets.specs.count; i++)
		agent.machines[i] = (struct agent_machine){ .agent = &agent, .spec = &agent.targets.specs.items[i] };
	run(&agent);
	tell_end(&agent);
	for (size_t i = 0; i < agent.targets.specs.count; i++) {
		if (!agent.machines[i].was_there || (!agent.machines[i].target && !agent.wait))
			status = STATUS_NOT_FOUND;
		forget(&agent.machines[i]);
	}
	text_deinit(&agent.out);
	sdb_loop_destroy(agent.loop);
	targets_close(&agent.targets);
	free(agent.machines);
	free(agent.probes);
	return status;
}
