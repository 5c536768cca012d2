/* SPDX-License-Identifier: MIT */
/*
 * Going on from a breakpoint. Mostly the thread continues in the rewritten instruction, and that is
 * all. Where there is none, or what comes after it matters, it makes a step.
 */

#include "probe_private.h"
#include "tasks.h"

#include <stdlib.h>

static struct sdb_error *defer(struct probes *probes, const struct driver_event *event)
{
	if (probes->deferred_count == probes->deferred_room) {
		size_t room = probes->deferred_room ? 2 * probes->deferred_room : 16;
		void *deferred = realloc(probes->deferred, room * sizeof(*probes->deferred));
		if (!deferred)
			return NO_MEMORY();
		probes->deferred = deferred;
		probes->deferred_room = room;
	}
	probes->deferred[probes->deferred_count++] = *event;
	return NULL;
}

static bool is_deferred(const struct probes *probes, const struct sdb_thread *thread)
{
	for (size_t i = 0; i < probes->deferred_count; i++)
		if (probes->deferred[i].thread == thread)
			return true;
	return false;
}

/* Lets those go on that were only held. */
static struct sdb_error *release_others(struct probes *probes, const struct sdb_thread *thread)
{
	struct sdb_target *target = probes->target;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < target->thread_count && !error; i++) {
		struct sdb_thread *other = target->threads[i];
		if (other != thread && other->stopped && !other->held && !is_deferred(probes, other))
			error = thread_resume(other, DRIVER_CONTINUE);
	}
	return error ? error : tasks_resume_others(target, thread);
}

struct sdb_error *step_alone(struct probes *probes, struct sdb_thread *thread, struct point *point, bool *stepped_ret)
{
	struct sdb_target *target = probes->target;
	*stepped_ret = false;
	struct sdb_error *error = tasks_pause(target);
	if (!error)
		error = point_lift(probes, point);
	if (!error)
		error = thread_resume(thread, DRIVER_STEP);
	while (!error) {
		struct driver_event event;
		error = tasks_wait(target, -1, &event);
		if (error || event.kind == DRIVER_NOTHING)
			continue;
		bool own = event.thread == thread || event.kind == DRIVER_EXITED;
		*stepped_ret = own && event.kind == DRIVER_STEPPED;
		if (!*stepped_ret)
			error = defer(probes, &event);
		if (own)
			break;
	}
	if (target->status == SDB_TARGET_EXITED)
		return error;
	struct sdb_error *other = point_update(probes, point);
	if (!other)
		other = release_others(probes, thread);
	target->status = SDB_TARGET_RUNNING;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

static bool wants_after(const struct point *point, const struct sdb_thread *thread)
{
	for (const struct site *site = point->sites; site; site = site->next_at_point)
		if (site->probe->options.after && !site->probe->returns && !site->hook && probe_wants(site->probe, thread))
			return true;
	return false;
}

struct sdb_error *step_off(struct probes *probes, struct sdb_thread *thread, struct point *point)
{
	bool after = !thread->foreign && wants_after(point, thread);
	struct thread_probing *probing = after ? thread_probing(thread) : NULL;
	if (after && !probing)
		return NO_MEMORY();
	if (point->slot) {
		struct sdb_error *error = thread_set_pc(thread, point->slot);
		if (after)
			probing->after = point;
		return error ? error : thread_resume(thread, after ? DRIVER_STEP : DRIVER_CONTINUE);
	}
	bool stepped;
	struct sdb_error *error = thread_set_pc(thread, point->address);
	if (!error)
		error = step_alone(probes, thread, point, &stepped);
	if (error || !stepped)
		return error;
	if (after) {
		probing->after = point;
		return step_done(probes, thread);
	}
	return thread_resume(thread, DRIVER_CONTINUE);
}

/* The handlers that come after the instruction. */
static struct sdb_error *call_after(struct probes *probes, struct sdb_thread *thread, struct point *point, bool *pause_ret)
{
	struct sdb_error *error = NULL;
	probes->depth++;
	for (struct site *site = point->sites, *next; site && !error; site = next) {
		next = site->next_at_point;
		struct sdb_hit hit = { .kind = SDB_HIT_AFTER, .probe = site->probe, .target = probes->target,
				       .thread = thread, .address = point->address, .entry = site->entry };
		if (site->probe->options.after && !site->probe->returns && !site->hook && probe_wants(site->probe, thread))
			error = probe_call(site->probe, site->probe->options.after, &hit);
		*pause_ret |= hit.pause;
	}
	probes->depth--;
	return error;
}

struct sdb_error *step_done(struct probes *probes, struct sdb_thread *thread)
{
	struct thread_probing *probing = thread->probing;
	struct point *point = probing ? probing->after : NULL;
	uint64_t pc;
	if (!point)
		return thread_resume(thread, DRIVER_CONTINUE);
	struct sdb_error *error = thread_pc(thread, &pc);
	if (error)
		return error;
	if (point_of_slot(probes, pc) == point) {
		if (pc != point->slot + point->displaced.copy_length)
			return thread_resume(thread, DRIVER_STEP); /* not through yet */
		error = thread_set_pc(thread, point->address + point->displaced.length);
	}
	probing->after = NULL;
	bool pause = false;
	if (!error)
		error = call_after(probes, thread, point, &pause);
	if (!error && pause)
		return sdb_target_pause(probes->target);
	struct sdb_error *other = thread->stopped ? thread_resume(thread, DRIVER_CONTINUE) : NULL;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}
