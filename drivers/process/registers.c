/* SPDX-License-Identifier: MIT */
/*
 * Registers of the program: those of a CPU that is in user mode, else those that its threads had when they
 * entered the kernel. A register file of 32 bits is laid out as one of 64 (runtime/arch/x86.h).
 */

#include "guest_process.h"

#include <string.h>

struct sdb_error *guest_process_in_user_mode(struct sdb_thread *task, bool *user_ret)
{
	*user_ret = false;
	if (!task->cpu)
		return NULL;
	int cs = architecture_named(task->target->architecture, "cs");
	if (cs < 0)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "it is not known how a machine of %s tells its mode",
				     task->target->architecture->name);
	struct sdb_error *error = thread_load(task, REGISTERS_GENERAL);
	if (!error)
		*user_ret = (thread_get(task, cs) & 3) == 3;
	return error;
}

/* Where a thread is in user mode it is in no system call. */
static void clear_call(const struct architecture *architecture, uint8_t *file)
{
	int index = architecture_named(architecture, architecture->syscall_number);
	if (index >= 0)
		memset(file + architecture->registers[index].offset, 0xff, architecture->registers[index].size);
}

/* The task that THREAD is, and whether it is in user mode: then its registers are those of its CPU, that are up to date. */
static struct sdb_error *find_task(struct sdb_thread *thread, struct sdb_thread **task_ret, bool *user_ret)
{
	*user_ret = false;
	struct sdb_error *error = guest_process_task(thread, task_ret);
	if (!error)
		error = guest_process_in_user_mode(*task_ret, user_ret);
	return error || !*user_ret ? error : thread_flush(*task_ret);
}

struct sdb_error *guest_process_read_registers(struct sdb_thread *thread, enum register_group group, uint8_t *file)
{
	struct sdb_target *base = thread->target->base;
	struct sdb_thread *task;
	bool user;
	struct sdb_error *error = find_task(thread, &task, &user);
	if (error)
		return error;
	if (user) {
		error = base->driver->read_registers(task->cpu, group, file);
		if (!error && group == REGISTERS_GENERAL)
			clear_call(thread->target->architecture, file);
		return error;
	}
	if (!base->personality->read_user_registers)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "thread %lld is in the kernel, and its registers there are not known",
				     (long long)thread->id);
	return base->personality->read_user_registers(task, group, file);
}

struct sdb_error *guest_process_write_registers(struct sdb_thread *thread, enum register_group group, const uint8_t *file)
{
	struct sdb_target *base = thread->target->base;
	struct sdb_thread *task;
	bool user;
	struct sdb_error *error = find_task(thread, &task, &user);
	if (error)
		return error;
	if (!user && !base->personality->write_user_registers)
		return sdb_error_new(SDB_ERROR_UNSUPPORTED, "thread %lld is in the kernel: its registers cannot be changed there",
				     (long long)thread->id);
	error = user ? base->driver->write_registers(task->cpu, group, file)
		: base->personality->write_user_registers(task, group, file);
	if (!error)
		thread_forget(task);
	return error;
}
