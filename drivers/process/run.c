/* SPDX-License-Identifier: MIT */
/*
 * Stopping and going on. The machine does so as a whole: a process that is paused holds it, and has it go
 * on with its first thread that goes on; the others' registers are written then.
 */

#include "guest_process.h"
#include "runtime/probe.h"
#include "runtime/tasks.h"

#define STEP_LIMIT 10 /* seconds */

/* ---- the machine ------------------------------------------------------------------------------------ */

static struct sdb_error *let_machine_go(struct guest_process *process)
{
	struct sdb_target *target = process->target;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < target->thread_count && !error; i++)
		error = target->threads[i]->stopped ? thread_flush(target->threads[i]) : NULL;
	if (error)
		return error;
	process->holding = process->have_paging = false;
	return overlay_release(process->base);
}

struct sdb_error *guest_process_pause(struct sdb_target *target)
{
	struct guest_process *process = guest_process_of(target);
	if (!process->holding) {
		struct sdb_error *error = overlay_hold(process->base);
		if (error)
			return error;
		process->holding = true;
		process->have_paging = false;
	}
	target->status = SDB_TARGET_PAUSED;
	struct sdb_error *error = guest_process_check(process);
	for (size_t i = 0; i < target->thread_count; i++) {
		if (!target->threads[i]->stopped && !target->threads[i]->dirty)
			thread_forget(target->threads[i]);
		target->threads[i]->stopped = true;
	}
	return error;
}

/* What it stands for has been dealt with. */
static struct sdb_error *let_thread_go(struct guest_process *process, struct sdb_thread *thread)
{
	if (!thread->state)
		return NULL;
	thread->state = NULL;
	process->have_paging = false;
	return overlay_release(process->base);
}

struct sdb_error *guest_process_detach(struct sdb_target *target)
{
	struct guest_process *process = guest_process_of(target);
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < target->thread_count && !error; i++)
		error = target->threads[i]->stopped ? thread_flush(target->threads[i]) : NULL;
	guest_process_drop_events(process);
	for (size_t i = 0; i < target->thread_count && !error; i++) {
		target->threads[i]->stopped = false;
		thread_forget(target->threads[i]);
		error = let_thread_go(process, target->threads[i]);
	}
	if (!error && process->holding)
		error = let_machine_go(process);
	process->have_paging = false;
	target_forget(target);
	if (target->status == SDB_TARGET_PAUSED)
		target->status = SDB_TARGET_RUNNING;
	return error;
}

/* ---- a step ------------------------------------------------------------------------------------------- */

/* Whether the instruction at PC of TASK enters the kernel of its own will. */
static bool is_call(struct sdb_thread *task, uint64_t pc)
{
	uint8_t bytes[2] = { 0 };
	sdb_error_free(sdb_thread_read(task, pc, bytes, sizeof(bytes)));
	return (bytes[0] == 0x0f && (bytes[1] == 0x05 || bytes[1] == 0x34)) || (bytes[0] == 0xcd && bytes[1] == 0x80);
}

struct sdb_error *guest_process_step_task(struct sdb_target *base, struct sdb_thread *task, bool *executed_ret)
{
	struct sdb_thread *cpu = task->cpu;
	uint64_t pc;
	bool user = false;
	*executed_ret = false;
	struct sdb_error *error = thread_pc(task, &pc);
	bool call = !error && is_call(task, pc);
	if (!error)
		error = thread_resume(task, DRIVER_STEP);
	for (unsigned turn = 0; !error; turn++) {
		struct driver_event event;
		error = tasks_wait(base, 1000, &event);
		if (!error && event.kind == DRIVER_NOTHING && turn >= STEP_LIMIT)
			error = sdb_error_new(SDB_ERROR_SYSTEM, "%s does not execute the instruction at %#llx", base->name,
					      (unsigned long long)pc);
		if (error || event.kind == DRIVER_NOTHING)
			continue;
		bool own = event.kind == DRIVER_EXITED || (event.thread && event.thread->cpu == cpu);
		if (!own || event.kind != DRIVER_STEPPED)
			error = probes_defer(base, &event);
		if (error || !own)
			continue;
		if (event.kind != DRIVER_STEPPED)
			break;
		/* A fault is in the kernel then: it comes back to the same instruction. */
		error = guest_process_in_user_mode(event.thread, &user);
		*executed_ret = !event.number && (user || call);
		break;
	}
	/* The others stand still all the time, and now this one does. */
	if (base->status == SDB_TARGET_RUNNING && base->holds)
		base->status = SDB_TARGET_PAUSED;
	return error;
}

static struct sdb_error *step(struct sdb_thread *thread)
{
	struct guest_process *process = guest_process_of(thread->target);
	struct sdb_target *base = process->base;
	struct sdb_thread *task;
	bool user = false, executed = false;
	struct sdb_error *error = guest_process_task(thread, &task);
	if (!error)
		error = guest_process_in_user_mode(task, &user);
	if (!error && !user)
		error = sdb_error_new(SDB_ERROR_UNSUPPORTED, "thread %lld is in the kernel: it can be stepped in user mode only",
				      (long long)thread->id);
	if (!error)
		error = overlay_hold(base);
	if (error)
		return error;
	error = guest_process_step_task(base, task, &executed);
	if (!error && base->status == SDB_TARGET_PAUSED)
		error = guest_process_stop(process, thread, DRIVER_STEPPED, executed ? 0 : 1);
	struct sdb_error *other = overlay_release(base);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

/* ---- a thread ---------------------------------------------------------------------------------------------- */

struct sdb_error *guest_process_resume(struct sdb_thread *thread, enum driver_step how)
{
	struct guest_process *process = guest_process_of(thread->target);
	if (guest_process_is_queued(process, thread))
		return NULL;
	if (how == DRIVER_STEP)
		return step(thread);
	thread->stopped = false;
	struct sdb_error *error = process->holding ? let_machine_go(process) : NULL;
	struct sdb_error *other = let_thread_go(process, thread);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}
