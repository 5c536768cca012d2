/* SPDX-License-Identifier: MIT */
/* Threads of a target and their registers. */

#include "probe.h"
#include "tasks.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list, sorted by id -------------------------------------------------------- */

/* Index of the first thread whose id is not below ID. */
static size_t find_place(const struct sdb_target *target, int64_t id)
{
	size_t low = 0, high = target->thread_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (target->threads[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct sdb_thread *target_find_thread(const struct sdb_target *target, int64_t id)
{
	size_t place = find_place(target, id);
	return place < target->thread_count && target->threads[place]->id == id ? target->threads[place] : NULL;
}

struct sdb_error *target_add_thread(struct sdb_target *target, int64_t id, struct sdb_thread **thread_ret)
{
	if (target->thread_count == target->thread_capacity) {
		size_t capacity = target->thread_capacity ? 2 * target->thread_capacity : 8;
		void *threads = realloc(target->threads, capacity * sizeof(*target->threads));
		if (!threads)
			return NO_MEMORY();
		target->threads = threads;
		target->thread_capacity = capacity;
	}
	struct sdb_thread *thread = calloc(1, sizeof(*thread));
	if (!thread)
		return NO_MEMORY();
	thread->target = target;
	thread->id = id;
	size_t place = find_place(target, id);
	memmove(target->threads + place + 1, target->threads + place,
		(target->thread_count - place) * sizeof(*target->threads));
	target->threads[place] = thread;
	target->thread_count++;
	*thread_ret = thread;
	return NULL;
}

void target_remove_thread(struct sdb_target *target, struct sdb_thread *thread)
{
	size_t place = find_place(target, thread->id);
	target->thread_count--;
	memmove(target->threads + place, target->threads + place + 1,
		(target->thread_count - place) * sizeof(*target->threads));
	probes_thread_gone(thread);
	free(thread->file);
	free(thread);
}

struct sdb_error *sdb_target_threads(struct sdb_target *target, struct sdb_thread *const **threads_ret,
				     size_t *count_ret)
{
	struct sdb_error *error = tasks_refresh(target);
	*threads_ret = target->threads;
	*count_ret = target->thread_count;
	return error;
}

struct sdb_error *sdb_target_thread(struct sdb_target *target, int64_t id, struct sdb_thread **thread_ret)
{
	struct sdb_error *error = tasks_refresh(target);
	if (error)
		return error;
	*thread_ret = target_find_thread(target, id);
	return *thread_ret ? NULL : sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has no thread %lld", target->name,
						  (long long)id);
}

int64_t sdb_thread_id(const struct sdb_thread *thread)
{
	return thread->id;
}

struct sdb_target *sdb_thread_target(const struct sdb_thread *thread)
{
	return thread->target;
}

struct sdb_error *sdb_thread_name(struct sdb_thread *thread, char **name_ret)
{
	struct sdb_task task;
	if (thread->key) {
		struct sdb_error *error = sdb_thread_task(thread, &task);
		if (error)
			return error;
		*name_ret = strdup(task.name);
		return *name_ret ? NULL : NO_MEMORY();
	}
	if (thread->target->driver->thread_name)
		return thread->target->driver->thread_name(thread, name_ret);
	*name_ret = strdup("");
	return *name_ret ? NULL : NO_MEMORY();
}

struct sdb_error *sdb_thread_state(struct sdb_thread *thread, char **state_ret)
{
	static const char *const states[] = {
		[SDB_TASK_RUNNING] = "running", [SDB_TASK_SLEEPING] = "sleeping", [SDB_TASK_WAITING] = "disk sleep",
		[SDB_TASK_IDLE] = "idle", [SDB_TASK_STOPPED] = "stopped", [SDB_TASK_TRACED] = "tracing stop",
		[SDB_TASK_ZOMBIE] = "zombie", [SDB_TASK_DEAD] = "dead", [SDB_TASK_PARKED] = "parked",
	};
	struct sdb_task task;
	if (thread->key) {
		struct sdb_error *error = sdb_thread_task(thread, &task);
		if (error)
			return error;
		const char *state = (unsigned)task.state < sizeof(states) / sizeof(states[0]) ? states[task.state] : NULL;
		*state_ret = strdup(state ? state : "?");
		return *state_ret ? NULL : NO_MEMORY();
	}
	if (thread->target->driver->thread_state)
		return thread->target->driver->thread_state(thread, state_ret);
	*state_ret = strdup(thread->stopped ? "stopped" : "running");
	return *state_ret ? NULL : NO_MEMORY();
}

struct sdb_error *sdb_thread_user(struct sdb_thread *thread, uint32_t *user_ret)
{
	const struct driver *driver = thread->target->driver;
	return driver->thread_user ? driver->thread_user(thread, user_ret)
		: sdb_error_new(SDB_ERROR_UNSUPPORTED, "threads of a target of %s have no users", driver->name);
}

struct sdb_error *sdb_thread_signal(struct sdb_thread *thread, int number)
{
	const struct driver *driver = thread->target->driver;
	return driver->thread_signal ? driver->thread_signal(thread, number)
		: sdb_error_new(SDB_ERROR_UNSUPPORTED, "a target of %s has no signals", driver->name);
}

/* ---- registers: from the driver by group ------------------------------------------------ */

static struct sdb_error *not_stopped(const struct sdb_thread *thread)
{
	if (thread->target->status == SDB_TARGET_PAUSED)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld cannot be stopped now: it waits in the kernel for "
				     "something that must not be interrupted", (long long)thread->id);
	return sdb_error_new(SDB_ERROR_INVALID, "thread %lld runs: registers are there only while it is paused",
			     (long long)thread->id);
}

/* Of a task: those of its CPU, or what it left when it went to sleep. */
static struct sdb_error *read_group(struct sdb_thread *thread, enum register_group group)
{
	struct sdb_target *target = thread->target;
	thread->known = UINT32_MAX;
	if (thread->cpu)
		return target->driver->read_registers(thread->cpu, group, thread->file);
	if (!thread->key)
		return target->driver->read_registers(thread, group, thread->file);
	return target->personality->read_registers(thread, group, thread->file, &thread->known);
}

static struct sdb_error *write_group(struct sdb_thread *thread, enum register_group group)
{
	struct sdb_target *target = thread->target;
	if (thread->cpu)
		return target->driver->write_registers(thread->cpu, group, thread->file);
	if (!thread->key)
		return target->driver->write_registers(thread, group, thread->file);
	if (!target->personality->write_registers)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the registers of a task that sleeps cannot be changed");
	return target->personality->write_registers(thread, group, thread->file);
}

struct sdb_error *thread_load(struct sdb_thread *thread, enum register_group group)
{
	if (!thread->stopped)
		return not_stopped(thread);
	if (thread->valid & 1u << group)
		return NULL;
	if (!thread->file) {
		thread->file = calloc(1, thread->target->architecture->file_size);
		if (!thread->file)
			return NO_MEMORY();
	}
	struct sdb_error *error = read_group(thread, group);
	if (!error)
		thread->valid |= (uint8_t)(1u << group);
	return error;
}

struct sdb_error *thread_flush(struct sdb_thread *thread)
{
	for (int group = 0; group < REGISTER_GROUPS; group++) {
		if (!(thread->dirty & 1u << group))
			continue;
		struct sdb_error *error = write_group(thread, group);
		if (error)
			return error;
		thread->dirty &= (uint8_t)~(1u << group);
	}
	return NULL;
}

void thread_forget(struct sdb_thread *thread)
{
	thread->valid = thread->dirty = 0;
}

struct sdb_error *thread_resume(struct sdb_thread *thread, enum driver_step step)
{
	struct sdb_error *error = thread_flush(thread);
	if (error)
		return error;
	thread_forget(thread);
	target_forget(thread->target);
	return tasks_resume(thread, step);
}

/* ---- registers: one ------------------------------------------------------------------------ */

uint64_t thread_get(const struct sdb_thread *thread, int index)
{
	const struct register_entry *entry = &thread->target->architecture->registers[index];
	uint64_t value = 0;
	memcpy(&value, thread->file + entry->offset, entry->size < 8 ? entry->size : 8);
	return value;
}

void thread_put(struct sdb_thread *thread, int index, uint64_t value)
{
	const struct register_entry *entry = &thread->target->architecture->registers[index];
	memcpy(thread->file + entry->offset, &value, entry->size < 8 ? entry->size : 8);
	thread->dirty |= (uint8_t)(1u << entry->group);
}

struct sdb_error *thread_pc(struct sdb_thread *thread, uint64_t *pc_ret)
{
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (!error)
		*pc_ret = thread_get(thread, thread->target->architecture->pc);
	return error;
}

struct sdb_error *thread_set_pc(struct sdb_thread *thread, uint64_t pc)
{
	struct sdb_error *error = thread_load(thread, REGISTERS_GENERAL);
	if (!error)
		thread_put(thread, thread->target->architecture->pc, pc);
	return error;
}

static struct sdb_error *find_register(struct sdb_thread *thread, int index, const struct register_entry **entry_ret)
{
	const struct architecture *architecture = thread->target->architecture;
	if (!architecture || index < 0 || (size_t)index >= architecture->register_count)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "no such register");
	*entry_ret = &architecture->registers[index];
	return thread_load(thread, (*entry_ret)->group);
}

struct sdb_error *sdb_thread_register(struct sdb_thread *thread, int index, void *buffer, size_t size)
{
	const struct register_entry *entry = NULL;
	struct sdb_error *error = find_register(thread, index, &entry);
	if (error)
		return error;
	if (size != (size_t)entry->size + entry->upper_size)
		return sdb_error_new(SDB_ERROR_INVALID, "register %s has %u bytes, not %zu", entry->name,
				     entry->size + entry->upper_size, size);
	memcpy(buffer, thread->file + entry->offset, entry->size);
	memcpy((uint8_t *)buffer + entry->size, thread->file + entry->upper_offset, entry->upper_size);
	return NULL;
}

struct sdb_error *sdb_thread_set_register(struct sdb_thread *thread, int index, const void *buffer, size_t size)
{
	const struct register_entry *entry = NULL;
	struct sdb_error *error = find_register(thread, index, &entry);
	if (error)
		return error;
	if (size != (size_t)entry->size + entry->upper_size)
		return sdb_error_new(SDB_ERROR_INVALID, "register %s has %u bytes, not %zu", entry->name,
				     entry->size + entry->upper_size, size);
	memcpy(thread->file + entry->offset, buffer, entry->size);
	memcpy(thread->file + entry->upper_offset, (const uint8_t *)buffer + entry->size, entry->upper_size);
	thread->dirty |= (uint8_t)(1u << entry->group);
	return NULL;
}

static struct sdb_error *number_register(struct sdb_thread *thread, const char *name, int *index_ret)
{
	const struct register_entry *entry = NULL;
	int index = sdb_register_by_name(thread->target, name);
	struct sdb_error *error = find_register(thread, index, &entry);
	if (error)
		return sdb_error_prefix(error, "%s", name);
	if (entry->size > 8 || entry->upper_size)
		return sdb_error_new(SDB_ERROR_INVALID, "register %s is too large for a number", name);
	*index_ret = index;
	return NULL;
}

struct sdb_error *sdb_thread_register_number(struct sdb_thread *thread, const char *name, uint64_t *value_ret)
{
	int index = 0;
	struct sdb_error *error = number_register(thread, name, &index);
	if (!error)
		*value_ret = thread_get(thread, index);
	return error;
}

struct sdb_error *sdb_thread_set_register_number(struct sdb_thread *thread, const char *name, uint64_t value)
{
	int index = 0;
	struct sdb_error *error = number_register(thread, name, &index);
	if (!error)
		thread_put(thread, index, value);
	return error;
}

/* ---- registers: descriptions ------------------------------------------------------------- */

bool sdb_register_info(const struct sdb_target *target, size_t index, struct sdb_register_info *info_ret)
{
	static const char *const groups[] = { "general", "vector", "debug" };
	const struct architecture *architecture = target->architecture;
	if (!architecture || index >= architecture->register_count)
		return false;
	const struct register_entry *entry = &architecture->registers[index];
	*info_ret = (struct sdb_register_info){
		.name = entry->name, .dwarf = entry->dwarf, .size = (unsigned)entry->size + entry->upper_size,
		.group = groups[entry->group],
	};
	return true;
}

int sdb_register_by_name(const struct sdb_target *target, const char *name)
{
	return target->architecture ? architecture_named(target->architecture, name) : -1;
}

int sdb_register_by_dwarf(const struct sdb_target *target, unsigned number)
{
	return target->architecture ? architecture_dwarf(target->architecture, number) : -1;
}
