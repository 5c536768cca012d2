/* SPDX-License-Identifier: MIT */
/* The threads of the process: tasks of the machine. */

#include "guest_process.h"

#include <stdlib.h>
#include <string.h>

static const struct personality *system_of(const struct guest_process *process)
{
	return process->base->personality;
}

static struct sdb_error *no_thread(const struct sdb_thread *thread)
{
	return sdb_error_new(SDB_ERROR_NOT_FOUND, "thread %lld has ended", (long long)thread->id);
}

struct sdb_error *guest_process_task(const struct sdb_thread *thread, struct sdb_thread **task_ret)
{
	*task_ret = target_find_thread(thread->target->base, thread->id);
	return *task_ret ? NULL : no_thread(thread);
}

/* ---- which there are ------------------------------------------------------------------------------ */

static struct sdb_error *see(void *arg, struct sdb_thread *task)
{
	struct sdb_target *target = arg;
	struct sdb_thread *thread = target_find_thread(target, task->id);
	if (!thread) {
		struct sdb_error *error = target_add_thread(target, task->id, &thread);
		if (error)
			return error;
		thread->stopped = target->status == SDB_TARGET_PAUSED;
	}
	thread->seen = true;
	return NULL;
}

struct sdb_error *guest_process_refresh(struct sdb_target *target)
{
	struct guest_process *process = guest_process_of(target);
	for (size_t i = 0; i < target->thread_count; i++)
		target->threads[i]->seen = false;
	struct sdb_error *error = system_of(process)->process_threads(process->base, target->pid, see, target);
	for (size_t i = target->thread_count; i-- > 0 && !error;) {
		struct sdb_thread *thread = target->threads[i];
		/* One that has met something is still to be told of, and is there as long as the machine stands still. */
		if (!thread->seen && !guest_process_is_queued(process, thread)
		    && (!thread->stopped || target->status == SDB_TARGET_PAUSED))
			target_remove_thread(target, thread);
	}
	return error;
}

bool guest_process_owns(struct guest_process *process, struct sdb_thread *task, struct sdb_thread **thread_ret)
{
	struct sdb_task description;
	struct sdb_error *error = process->ended ? NULL : system_of(process)->describe(task, &description);
	if (error || process->ended || description.tgid != process->target->pid) {
		sdb_error_free(error);
		return false;
	}
	error = see(process->target, task);
	*thread_ret = target_find_thread(process->target, task->id);
	sdb_error_free(error);
	return *thread_ret != NULL;
}

/* ---- whether it is still there ------------------------------------------------------------------------ */

static void note_end(struct guest_process *process)
{
	process->ended = true;
	guest_process_remove_points(process);
	guest_process_queue(process, &(struct driver_event){ .kind = DRIVER_EXITED, .number = -1 });
}

static void note_program(struct guest_process *process, struct sdb_thread *leader, const struct sdb_task *task)
{
	struct sdb_target *target = process->target;
	struct sdb_thread *thread = target_find_thread(target, leader->id);
	process->memory = task->memory;
	process->have_paging = false;
	guest_process_remove_points(process);
	target_replaced(target);
	char *name = strdup(task->name);
	if (name) {
		free(target->name);
		target->name = name;
	}
	guest_process_queue(process, &(struct driver_event){ .kind = DRIVER_EXECUTED, .thread = thread });
}

struct sdb_error *guest_process_check(struct guest_process *process)
{
	struct sdb_target *target = process->target;
	struct sdb_task task = { .tid = 0 };
	if (process->ended)
		return NULL;
	struct sdb_error *error = guest_process_refresh(target);
	struct sdb_thread *leader = error ? NULL : target_find_thread(process->base, target->pid);
	if (leader)
		error = system_of(process)->describe(leader, &task);
	bool gone = error ? sdb_error_code(error) == SDB_ERROR_NOT_FOUND : !leader || task.tgid != target->pid;
	/* The leader may have ended before its threads: then it has no memory, and they have. */
	if (!error && !gone && !task.memory && target->thread_count <= 1)
		gone = true;
	if (gone) {
		sdb_error_free(error);
		note_end(process);
		return NULL;
	}
	if (!error && task.memory && task.memory != process->memory)
		note_program(process, leader, &task);
	return error;
}

/* ---- what they are ---------------------------------------------------------------------------------------- */

struct sdb_error *guest_process_thread_name(struct sdb_thread *thread, char **name_ret)
{
	struct sdb_thread *task;
	struct sdb_error *error = guest_process_task(thread, &task);
	return error ? error : sdb_thread_name(task, name_ret);
}

struct sdb_error *guest_process_thread_state(struct sdb_thread *thread, char **state_ret)
{
	struct sdb_thread *task;
	struct sdb_error *error = guest_process_task(thread, &task);
	return error ? error : sdb_thread_state(task, state_ret);
}

struct sdb_error *guest_process_thread_user(struct sdb_thread *thread, uint32_t *user_ret)
{
	struct sdb_thread *task;
	struct sdb_task description;
	struct sdb_error *error = guest_process_task(thread, &task);
	if (!error)
		error = system_of(guest_process_of(thread->target))->describe(task, &description);
	if (!error)
		*user_ret = description.euid;
	return error;
}
