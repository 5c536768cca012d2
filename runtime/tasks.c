/* SPDX-License-Identifier: MIT */
#include "tasks.h"
#include "probe.h"

#define LOST (-1000000) /* less a CPU's number: the task of a CPU that cannot be found out */

/* ---- which task a CPU is in ----------------------------------------------------------------------- */

static struct sdb_error *bind_task(struct sdb_target *target, struct sdb_thread *cpu, struct sdb_thread **thread_ret)
{
	struct sdb_error *error = target->personality->current(target, cpu, thread_ret);
	if (error && sdb_error_code(error) != SDB_ERROR_MEMORY) {
		/* A guest in the middle of a switch, or one that lies: it is stopped, and has registers, anyhow. */
		target_log(target, SDB_LOG_TARGET, SDB_LOG_WARNING, "the task of CPU %lld is not known: %s",
			   (long long)cpu->id, sdb_error_message(error));
		sdb_error_free(error);
		error = target_add_task(target, LOST - cpu->id, 1, thread_ret);
	}
	if (error)
		return error;
	for (size_t i = 0; i < target->thread_count; i++)
		if (target->threads[i]->cpu == cpu && target->threads[i] != *thread_ret)
			target->threads[i]->cpu = NULL;
	struct sdb_thread *thread = *thread_ret;
	thread->cpu = cpu;
	thread->stopped = true;
	thread->signal = cpu->signal;
	if (!thread->dirty)
		thread_forget(thread);
	return NULL;
}

static bool is_mapped(struct sdb_target *target)
{
	uint64_t low, high;
	size_t size;
	return !target->driver->ram || !target->driver->ram(target, 0, &low, &high)
		? false : target->driver->map_physical(target, low, &size) != NULL;
}

struct sdb_error *tasks_hold(struct sdb_target *target, bool *held_ret)
{
	*held_ret = target->status == SDB_TARGET_RUNNING && target->driver->cpus && target->driver->detach
		&& !probes_active(target) && !is_mapped(target);
	return *held_ret ? target->driver->pause(target) : NULL;
}

struct sdb_error *tasks_release(struct sdb_target *target, bool held, struct sdb_error *error)
{
	if (!held || target->status != SDB_TARGET_PAUSED)
		return error;
	tasks_running(target);
	struct sdb_error *other = target->driver->detach(target);
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

struct sdb_error *tasks_refresh(struct sdb_target *target)
{
	struct sdb_error *error = NULL;
	if (target->status == SDB_TARGET_RUNNING && target->driver->refresh)
		error = target->driver->refresh(target);
	if (error || !target->personality)
		return error;
	if (target->tasks_current || (target->status != SDB_TARGET_RUNNING && target->status != SDB_TARGET_PAUSED))
		return NULL;
	bool held, followed = false;
	if (target->personality->follow)
		error = target->personality->follow(target, &followed);
	if (error || followed) {
		target->tasks_current = !error && target->status == SDB_TARGET_PAUSED;
		return error;
	}
	for (size_t i = 0; i < target->thread_count; i++)
		target->threads[i]->seen = target->threads[i]->cpu != NULL;
	error = tasks_hold(target, &held);
	if (!error)
		error = target->personality->refresh(target);
	for (size_t i = target->thread_count; i-- > 0;)
		if (!error && !target->threads[i]->seen)
			target_remove_thread(target, target->threads[i]);
	target->tasks_current = !error && target->status == SDB_TARGET_PAUSED && !held;
	return tasks_release(target, held, error);
}

/* ---- stopping and going on --------------------------------------------------------------------------- */

struct sdb_error *tasks_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret)
{
	struct sdb_error *error = target->driver->wait(target, timeout, event_ret);
	if (error || !target->personality || !event_ret->thread || event_ret->kind == DRIVER_NOTHING)
		return error;
	return bind_task(target, event_ret->thread, &event_ret->thread);
}

struct sdb_error *tasks_pause(struct sdb_target *target)
{
	struct sdb_error *error = target->driver->pause(target);
	if (error || !target->personality || target->status != SDB_TARGET_PAUSED)
		return error;
	for (size_t i = 0; i < target->thread_count; i++)
		target->threads[i]->stopped = true;
	for (size_t i = 0; i < target->cpu_count && !error; i++) {
		struct sdb_thread *thread;
		error = bind_task(target, target->cpus[i], &thread);
	}
	return error;
}

struct sdb_error *tasks_bind(struct sdb_target *target)
{
	for (size_t i = 0; i < target->thread_count; i++)
		if (target->threads[i]->cpu)
			return NULL;
	return target->personality ? tasks_pause(target) : NULL;
}

struct sdb_error *tasks_resume(struct sdb_thread *thread, enum driver_step step)
{
	struct sdb_target *target = thread->target;
	struct sdb_thread *cpu = thread->cpu;
	if (!thread->key)
		return target->driver->resume(thread, step);
	thread->stopped = false;
	thread->cpu = NULL;
	if (!cpu)
		return NULL;
	cpu->signal = thread->signal;
	thread->signal = 0;
	return target->driver->resume(cpu, step);
}

struct sdb_error *tasks_resume_others(struct sdb_target *target, const struct sdb_thread *except)
{
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < target->cpu_count && !error; i++) {
		bool bound = false;
		for (size_t k = 0; k < target->thread_count; k++)
			bound |= target->threads[k]->cpu == target->cpus[i];
		if (!bound && target->cpus[i]->stopped && (!except || except->cpu != target->cpus[i]))
			error = target->driver->resume(target->cpus[i], DRIVER_CONTINUE);
	}
	return error;
}

void tasks_running(struct sdb_target *target)
{
	for (size_t i = 0; target->personality && i < target->thread_count; i++) {
		target->threads[i]->stopped = false;
		target->threads[i]->cpu = NULL;
		thread_forget(target->threads[i]);
	}
}
