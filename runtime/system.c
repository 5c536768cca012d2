/* SPDX-License-Identifier: MIT */
/* What is asked of the system in a machine: its personality answers. */

#include "system.h"

#include <stdlib.h>

/* PERSONALITY of TARGET, or why nobody knows its system. */
static struct sdb_error *find(struct sdb_target *target, const struct personality **personality_ret)
{
	*personality_ret = target->personality;
	/* A machine that runs may have ended: what is left of it is not its system. */
	if (target->personality && target->status == SDB_TARGET_RUNNING && target->driver->refresh) {
		struct sdb_error *error = target->driver->refresh(target);
		if (error)
			return error;
	}
	if (target->status == SDB_TARGET_EXITED)
		return sdb_error_new(SDB_ERROR_NOT_FOUND, "%s has ended", target->name);
	if (target->personality)
		return NULL;
	if (target->status == SDB_TARGET_CLOSED)
		return sdb_error_new(SDB_ERROR_INVALID, "the target is not open");
	if (target->personality_trouble)
		return sdb_error_new(sdb_error_code(target->personality_trouble), "%s",
				     sdb_error_message(target->personality_trouble));
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "%s is no machine with a system in it", target->name);
}

static struct sdb_error *unsupported(const struct personality *personality, const char *what)
{
	return sdb_error_new(SDB_ERROR_UNSUPPORTED, "the personality %s does not know %s", personality->name, what);
}

struct sdb_error *sdb_target_scan_tasks(struct sdb_target *target, sdb_task_fn fn, void *arg)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	return personality->scan ? personality->scan(target, fn, arg) : unsupported(personality, "tasks");
}

struct sdb_error *sdb_thread_task(struct sdb_thread *thread, struct sdb_task *task_ret)
{
	const struct personality *personality;
	struct sdb_error *error = find(thread->target, &personality);
	if (error)
		return error;
	return personality->describe ? personality->describe(thread, task_ret) : unsupported(personality, "tasks");
}

struct sdb_error *sdb_target_command_line(struct sdb_target *target, int64_t pid, char **words_ret, size_t *size_ret)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	return personality->command_line ? personality->command_line(target, pid, words_ret, size_ret)
		: unsupported(personality, "command lines");
}

struct sdb_error *sdb_target_system(struct sdb_target *target, struct sdb_system *system_ret)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	*system_ret = (struct sdb_system){ .personality = personality->name };
	return personality->information ? personality->information(target, system_ret)
		: unsupported(personality, "its version");
}

struct sdb_error *sdb_target_check_system(struct sdb_target *target)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	return error || !personality->check ? error : personality->check(target);
}

struct sdb_error *sdb_target_kernel_modules(struct sdb_target *target, sdb_kernel_module_fn fn, void *arg)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	return personality->modules ? personality->modules(target, fn, arg) : unsupported(personality, "modules");
}

struct sdb_error *sdb_target_kernel_log(struct sdb_target *target, sdb_log_record_fn fn, void *arg)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	return personality->log ? personality->log(target, fn, arg) : unsupported(personality, "its log");
}

struct sdb_error *sdb_target_system_calls(struct sdb_target *target, sdb_system_call_fn fn, void *arg)
{
	const struct personality *personality;
	struct sdb_error *error = find(target, &personality);
	if (error)
		return error;
	return personality->calls ? personality->calls(target, fn, arg) : unsupported(personality, "system calls");
}

struct sdb_error *sdb_target_select_cpu(struct sdb_target *target, unsigned cpu)
{
	const struct personality *personality;
	uint64_t area;
	struct sdb_error *error = find(target, &personality);
	if (!error && !personality->percpu_offset)
		error = unsupported(personality, "per-CPU variables");
	if (!error)
		error = personality->percpu_offset(target, cpu, &area);
	if (!error)
		target->selected_cpu = cpu;
	return error;
}

struct sdb_error *system_cpu_area(struct sdb_target *target, struct sdb_thread *thread, uint64_t *area_ret)
{
	const struct personality *personality;
	struct sdb_task task;
	struct sdb_error *error = find(target, &personality);
	if (!error && !personality->percpu_offset)
		error = unsupported(personality, "per-CPU variables");
	if (error)
		return error;
	if (thread && thread->cpu)
		return personality->percpu_offset(target, (unsigned)thread->cpu->id, area_ret);
	if (thread && thread->key && personality->describe) {
		error = personality->describe(thread, &task);
		return error || task.cpu < 0 ? error : personality->percpu_offset(target, (unsigned)task.cpu, area_ret);
	}
	return personality->percpu_offset(target, target->selected_cpu, area_ret);
}

struct sdb_target *sdb_target_base(const struct sdb_target *target)
{
	return target->base;
}

/* The tables that user addresses of THREAD go by; *PID_RET 0: it is no task, or ADDRESS is not one of them. */
static struct sdb_error *user_tables(struct sdb_thread *thread, uint64_t address, struct paging *paging_ret, int64_t *pid_ret)
{
	const struct personality *personality = thread->target->personality;
	struct sdb_task task;
	*pid_ret = 0;
	if (!personality || !personality->process_paging || !personality->describe || address >> 63)
		return NULL;
	struct sdb_error *error = personality->describe(thread, &task);
	if (!error)
		error = personality->process_paging(thread->target, task.tgid, paging_ret);
	if (!error)
		*pid_ret = task.tgid;
	return error;
}

struct sdb_error *sdb_thread_read(struct sdb_thread *thread, uint64_t address, void *buffer, size_t size)
{
	struct sdb_target *target = thread->target;
	struct paging paging;
	int64_t pid;
	size_t done = 0;
	struct sdb_error *error = user_tables(thread, address, &paging, &pid);
	if (!error && !pid)
		return sdb_target_read(target, address, buffer, size);
	while (!error && done < size) {
		size_t got;
		error = guest_read(target, &paging, address + done, (uint8_t *)buffer + done, size - done, &got);
		if (!error && !got && target->personality->read_absent)
			error = target->personality->read_absent(target, pid, address + done, (uint8_t *)buffer + done, size - done, &got);
		if (!error && !got)
			error = sdb_error_new(SDB_ERROR_NOT_FOUND, "cannot read %#llx of process %lld: it is not in memory",
					      (unsigned long long)(address + done), (long long)pid);
		done += error ? 0 : got;
	}
	return error;
}

struct sdb_error *sdb_thread_write(struct sdb_thread *thread, uint64_t address, const void *buffer, size_t size)
{
	struct paging paging;
	int64_t pid;
	struct sdb_error *error = user_tables(thread, address, &paging, &pid);
	if (error)
		return error;
	return pid ? guest_write(thread->target, &paging, address, buffer, size)
		: sdb_target_write(thread->target, address, buffer, size);
}
