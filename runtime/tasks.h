/* SPDX-License-Identifier: MIT */
#ifndef RUNTIME_TASKS_H
#define RUNTIME_TASKS_H

/*
 * Threads of a machine whose system is known: tasks, some of which are on CPUs. For other targets these
 * functions are what their driver does.
 */

#include "personality.h"

/*
 * A running machine whose memory is not mapped is read only while it stands: for many reads it is stopped once.
 * *HELD_RET is for tasks_release(), which lets it go on.
 */
struct sdb_error *tasks_hold(struct sdb_target *target, bool *held_ret);
struct sdb_error *tasks_release(struct sdb_target *target, bool held, struct sdb_error *error);

/* The target's threads are up to date, as far as they can be. */
struct sdb_error *tasks_refresh(struct sdb_target *target);
/* As driver.wait; the event's thread is the task that the CPU was in. */
struct sdb_error *tasks_wait(struct sdb_target *target, int timeout, struct driver_event *event_ret);
/* As driver.pause; tasks may be asked for registers then. */
struct sdb_error *tasks_pause(struct sdb_target *target);
/* Of a machine that was found standing: which task each CPU is in, when that is not known yet. */
struct sdb_error *tasks_bind(struct sdb_target *target);
/* Lets THREAD go on, whose registers were written; a task that is on no CPU only counts as going on. */
struct sdb_error *tasks_resume(struct sdb_thread *thread, enum driver_step step);
/* Lets the CPUs go on that no task was found for. */
struct sdb_error *tasks_resume_others(struct sdb_target *target, const struct sdb_thread *except);
/* They all run, unwatched. */
void tasks_running(struct sdb_target *target);

#endif
