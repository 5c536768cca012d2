/* SPDX-License-Identifier: MIT */
/* What came and went since the last scan. */

#include "agent.h"

#include <stdlib.h>
#include <string.h>

#define MODULES_MAX 1024
#define CALLS_MAX 1024
#define NAME_SIZE 56 /* of a module: MODULE_NAME_LEN of 64-bit kernels */

/* ---- processes -------------------------------------------------------------------------------------- */

struct known_task {
	int64_t pid; /* 0: the place is free */
	uint64_t start, memory;
	char name[16];
	uint32_t scan; /* that saw it last */
};

struct agent_tasks {
	size_t limit, count, size; /* SIZE places, a power of two, at most half of them used */
	uint32_t scan;
	bool overflow;
	struct known_task *places;
	/* Those that are new: told after the scan, since their command lines are read. */
	struct sdb_task *fresh;
	bool *executed;
	size_t fresh_count, fresh_limit;
};

struct agent_tasks *agent_tasks_create(size_t limit)
{
	struct agent_tasks *tasks = tool_alloc(sizeof(*tasks));
	tasks->size = 256;
	tasks->limit = limit;
	tasks->places = tool_alloc(tasks->size * sizeof(*tasks->places));
	tasks->fresh_limit = 256; /* with one scan: the others are told with the next */
	tasks->fresh = tool_alloc(tasks->fresh_limit * sizeof(*tasks->fresh));
	tasks->executed = tool_alloc(tasks->fresh_limit * sizeof(*tasks->executed));
	return tasks;
}

void agent_tasks_destroy(struct agent_tasks *tasks)
{
	if (!tasks)
		return;
	free(tasks->places);
	free(tasks->fresh);
	free(tasks->executed);
	free(tasks);
}

static struct known_task *place_of(const struct agent_tasks *tasks, int64_t pid, uint64_t start)
{
	size_t at = ((uint64_t)pid * 0x9e3779b97f4a7c15u ^ start) & (tasks->size - 1);
	while (tasks->places[at].pid && (tasks->places[at].pid != pid || tasks->places[at].start != start))
		at = (at + 1) & (tasks->size - 1);
	return &tasks->places[at];
}

/* The table anew, without those that the last scan did not see; LARGER: with twice the places. */
static void rebuild(struct agent_tasks *tasks, bool larger)
{
	struct known_task *old = tasks->places;
	size_t size = tasks->size;
	tasks->size = larger ? 2 * size : size;
	tasks->places = tool_alloc(tasks->size * sizeof(*tasks->places));
	tasks->count = 0;
	for (size_t i = 0; i < size; i++) {
		if (!old[i].pid || (!larger && old[i].scan != tasks->scan))
			continue;
		*place_of(tasks, old[i].pid, old[i].start) = old[i];
		tasks->count++;
	}
	free(old);
}

static bool add_fresh(struct agent_tasks *tasks, const struct sdb_task *task, bool executed)
{
	if (tasks->fresh_count == tasks->fresh_limit)
		return false;
	tasks->executed[tasks->fresh_count] = executed;
	tasks->fresh[tasks->fresh_count++] = *task;
	return true;
}

static void set_name(struct known_task *known, const char *name)
{
	size_t length = strnlen(name, sizeof(known->name) - 1);
	memcpy(known->name, name, length);
	known->name[length] = '\0';
}

static struct sdb_error *see_task(void *arg, const struct sdb_task *task)
{
	struct agent_tasks *tasks = arg;
	if (task->tid <= 0 || task->tid != task->tgid || task->state == SDB_TASK_ZOMBIE || task->state == SDB_TASK_DEAD)
		return NULL;
	struct known_task *known = place_of(tasks, task->tgid, task->start_time);
	if (known->pid && known->scan != tasks->scan && known->memory != task->memory && task->memory
	    && add_fresh(tasks, task, true)) {
		known->memory = task->memory;
		set_name(known, task->name);
	}
	if (!known->pid) {
		if (tasks->count >= tasks->limit) {
			tasks->overflow = true;
			return NULL;
		}
		if (tasks->count + 1 > tasks->size / 2) {
			rebuild(tasks, true);
			known = place_of(tasks, task->tgid, task->start_time);
		}
		if (!add_fresh(tasks, task, false) && tasks->scan > 1)
			return NULL;
		tasks->count++;
		*known = (struct known_task){ .pid = task->tgid, .start = task->start_time, .memory = task->memory };
		set_name(known, task->name);
	}
	known->scan = tasks->scan;
	return NULL;
}

static void tell_started(struct agent_machine *machine, const struct sdb_task *task, const char *event)
{
	struct json json;
	char *words = NULL;
	size_t size = 0;
	if (!task->kernel) /* it may have ended already, or not begun */
		sdb_error_free(sdb_target_command_line(machine->target, task->tgid, &words, &size));
	agent_tell(machine, event, &json);
	json_signed(&json, "pid", task->tgid);
	json_signed(&json, "ppid", task->ppid);
	json_number(&json, "uid", task->uid);
	json_number(&json, "euid", task->euid);
	json_string(&json, "name", task->name);
	json_bool(&json, "kernel", task->kernel);
	json_number(&json, "start_time_ns", task->start_time);
	json_array(&json, "command");
	for (size_t at = 0; words && at < size && at < 4096; at += strnlen(words + at, size - at) + 1)
		json_stringn(&json, NULL, words + at, strnlen(words + at, size - at));
	json_end(&json);
	free(words);
}

static void tell_ended(struct agent_machine *machine)
{
	struct agent_tasks *tasks = machine->tasks;
	struct json json;
	bool any = false;
	for (size_t i = 0; i < tasks->size; i++) {
		const struct known_task *known = &tasks->places[i];
		if (!known->pid || known->scan == tasks->scan)
			continue;
		any = true;
		agent_tell(machine, "process_ended", &json);
		json_signed(&json, "pid", known->pid);
		json_string(&json, "name", known->name);
		json_number(&json, "start_time_ns", known->start);
		json_end(&json);
	}
	if (any)
		rebuild(tasks, false);
}

struct sdb_error *agent_tasks_scan(struct agent_machine *machine, bool first)
{
	struct agent_tasks *tasks = machine->tasks;
	tasks->scan++;
	tasks->fresh_count = 0;
	tasks->overflow = false;
	struct sdb_error *error = sdb_target_scan_tasks(machine->target, see_task, tasks);
	if (error) { /* half a list says nothing of those that are missing */
		for (size_t i = 0; i < tasks->size; i++)
			tasks->places[i].scan = tasks->scan;
		return error;
	}
	for (size_t i = 0; i < tasks->fresh_count && (!first || machine->agent->initial); i++)
		tell_started(machine, &tasks->fresh[i], tasks->executed[i] ? "process_executed" : "process_started");
	tell_ended(machine);
	if (tasks->overflow)
		agent_trouble(machine, "tasks", sdb_error_new(SDB_ERROR_MEMORY, "there are more than %zu processes: some are "
							      "not watched", tasks->limit));
	return NULL;
}

static void tell_begin(struct agent_machine *machine, const struct sdb_task *task)
{
	struct agent_tasks *tasks = machine->tasks;
	if (task->tid != task->tgid || place_of(tasks, task->tgid, task->start_time)->pid)
		return;
	tasks->fresh_count = 0;
	sdb_error_free(see_task(tasks, task));
	if (tasks->fresh_count)
		tell_started(machine, task, "process_started");
}

static void tell_program(struct agent_machine *machine, const struct sdb_task *task)
{
	struct known_task *known = place_of(machine->tasks, task->tgid, task->start_time);
	if (!known->pid)
		return;
	known->memory = task->memory;
	set_name(known, task->name);
	tell_started(machine, task, "process_executed");
}

static void tell_end(struct agent_machine *machine, const struct sdb_task *task)
{
	struct known_task *known = place_of(machine->tasks, task->tgid, task->start_time);
	if (task->tid != task->tgid || !known->pid)
		return;
	known->scan = machine->tasks->scan - 1; /* all others were seen in the last scan, or since */
	tell_ended(machine);
}

struct sdb_error *agent_tasks_event(struct agent_machine *machine, const struct sdb_hit *hit)
{
	struct sdb_task task;
	struct sdb_error *error = sdb_thread_task(hit->thread, &task);
	if (error)
		return error;
	switch (hit->kind) {
	case SDB_HIT_THREAD: tell_begin(machine, &task); break;
	case SDB_HIT_PROGRAM: tell_program(machine, &task); break;
	default: tell_end(machine, &task);
	}
	return NULL;
}

/* ---- modules ------------------------------------------------------------------------------------------- */

struct known_module {
	uint64_t address, base, size;
	char name[NAME_SIZE];
	bool seen;
};

struct agent_modules {
	size_t count;
	struct agent_machine *machine; /* during a scan */
	bool first, changed;
	struct known_module items[MODULES_MAX];
};

struct agent_modules *agent_modules_create(void)
{
	return tool_alloc(sizeof(struct agent_modules));
}

void agent_modules_destroy(struct agent_modules *modules)
{
	free(modules);
}

static struct sdb_error *see_module(void *arg, const struct sdb_kernel_module *module)
{
	struct agent_modules *modules = arg;
	struct text id = TEXT_EMPTY;
	struct json json;
	for (size_t i = 0; i < modules->count; i++) {
		struct known_module *known = &modules->items[i];
		if (known->address == module->address && known->base == module->base
		    && strncmp(known->name, module->name, sizeof(known->name) - 1) == 0) {
			known->seen = true;
			return NULL;
		}
	}
	if (modules->count == MODULES_MAX)
		return sdb_error_new(SDB_ERROR_MEMORY, "there are more than %d modules: some are not watched", MODULES_MAX);
	struct known_module *known = &modules->items[modules->count++];
	*known = (struct known_module){ module->address, module->base, module->size, "", true };
	memcpy(known->name, module->name, strnlen(module->name, sizeof(known->name) - 1));
	modules->changed = true;
	if (modules->first && !modules->machine->agent->initial)
		return NULL;
	text_hex_bytes(&id, module->build_id, module->build_id ? module->build_id_length : 0);
	agent_tell(modules->machine, "module_loaded", &json);
	json_string(&json, "name", module->name);
	json_hex(&json, "base", module->base);
	json_number(&json, "size", module->size);
	json_string(&json, "build_id", id.size ? text_string(&id) : NULL);
	json_string(&json, "taints", module->taints);
	json_end(&json);
	text_deinit(&id);
	return NULL;
}

struct sdb_error *agent_modules_scan(struct agent_machine *machine, bool first, bool *changed_ret)
{
	struct agent_modules *modules = machine->modules;
	struct json json;
	size_t kept = 0;
	modules->machine = machine;
	modules->first = first;
	modules->changed = false;
	for (size_t i = 0; i < modules->count; i++)
		modules->items[i].seen = false;
	struct sdb_error *error = sdb_target_kernel_modules(machine->target, see_module, modules);
	for (size_t i = 0; i < modules->count && !error; i++) {
		if (modules->items[i].seen) {
			modules->items[kept++] = modules->items[i];
			continue;
		}
		modules->changed = true;
		agent_tell(machine, "module_removed", &json);
		json_string(&json, "name", modules->items[i].name);
		json_hex(&json, "base", modules->items[i].base);
		json_end(&json);
	}
	if (!error)
		modules->count = kept;
	*changed_ret = modules->changed;
	return error;
}

/* ---- system calls ---------------------------------------------------------------------------------------- */

struct agent_calls {
	struct agent_machine *machine; /* during a scan */
	bool first;
	uint64_t addresses[CALLS_MAX];
};

struct agent_calls *agent_calls_create(void)
{
	return tool_alloc(sizeof(struct agent_calls));
}

void agent_calls_destroy(struct agent_calls *calls)
{
	free(calls);
}

static struct sdb_error *see_call(void *arg, const struct sdb_system_call *call)
{
	struct agent_calls *calls = arg;
	struct json json;
	if (call->number >= CALLS_MAX)
		return NULL;
	uint64_t was = calls->addresses[call->number];
	calls->addresses[call->number] = call->address;
	/* At first what is not as it was built; later what is not as it was. */
	if (calls->first ? !call->changed : was == call->address)
		return NULL;
	agent_tell(calls->machine, "system_call_changed", &json);
	json_number(&json, "number", call->number);
	json_string(&json, "name", call->name);
	json_hex(&json, "address", call->address);
	json_string(&json, "symbol", call->symbol);
	if (!calls->first)
		json_hex(&json, "was", was);
	json_bool(&json, "as_built", !call->changed);
	json_end(&json);
	return NULL;
}

struct sdb_error *agent_calls_scan(struct agent_machine *machine, bool first)
{
	machine->calls->machine = machine;
	machine->calls->first = first;
	return sdb_target_system_calls(machine->target, see_call, machine->calls);
}
