/* SPDX-License-Identifier: MIT */
/* What becomes of the events of a target: handlers are called, threads go on. */

#include "overlay.h"
#include "probe_private.h"

#include <signal.h>
#include <stdlib.h>

/* What to do with a thread when its handlers have returned. */
struct outcome {
	bool pause;
	bool moved; /* its program counter is another one: nothing is to be stepped over */
};

/* ---- breakpoints --------------------------------------------------------------------------------- */

/* Returns from the function at whose entry THREAD is. */
static struct sdb_error *abort_function(struct sdb_thread *thread, uint64_t value)
{
	const struct architecture *architecture = thread->target->architecture;
	uint64_t stack = thread_get(thread, architecture->sp), address;
	struct sdb_error *error = sdb_target_read_number(thread->target, stack, architecture->address_size, &address);
	if (error)
		return error;
	thread_put(thread, architecture->return_value, value);
	thread_put(thread, architecture->sp, stack + architecture->address_size);
	thread_put(thread, architecture->pc, address);
	return NULL;
}

static struct sdb_error *call_site(struct sdb_thread *thread, struct site *site, struct outcome *outcome)
{
	struct sdb_probe *probe = site->probe;
	struct sdb_hit hit = { .kind = probe->type == PROBE_EVENTS ? SDB_HIT_LIBRARY : SDB_HIT_ADDRESS, .probe = probe,
			       .target = probe->target, .thread = thread, .address = site->point->address,
			       .entry = site->entry };
	bool returns = probe->returns;
	if (site->hook)
		return probe_find_again(probe);
	if (!probe_passes(probe, thread))
		return NULL;
	probe->hits++;
	struct sdb_error *error = probe_call(probe, probe->options.before, &hit);
	outcome->pause |= hit.pause;
	if (!error && hit.abort) {
		outcome->moved = true;
		return abort_function(thread, hit.abort_value);
	}
	if (error || !probe->options.after || !probe_wants(probe, thread))
		return error;
	return returns ? returns_await(probe, thread, site->entry) : step_due(thread, probe);
}

static struct sdb_error *call_sites(struct probes *probes, struct sdb_thread *thread, struct point *point,
				    struct outcome *outcome)
{
	struct sdb_hit hit = { .pause = false };
	struct sdb_error *error = returns_met(probes, thread, point, &hit);
	outcome->pause |= hit.pause;
	for (struct site *site = point->sites, *next; site && !error && !outcome->moved; site = next) {
		next = site->next_at_point;
		if (probe_wants(site->probe, thread))
			error = call_site(thread, site, outcome);
	}
	return error;
}

/*
 * A breakpoint that is none of ours: it was one until a moment ago, or the program has its own, and is to find
 * itself behind it.
 */
static struct sdb_error *foreign_breakpoint(struct sdb_thread *thread, uint64_t address)
{
	uint8_t byte = 0;
	size_t got;
	struct sdb_error *error = sdb_target_read_some(thread->target, address, &byte, 1, &got);
	if (error)
		return error;
	bool own = got == 1 && byte == 0xcc && !thread->target->driver->cpus; /* a machine deals with it itself */
	if (own)
		thread->signal = SIGTRAP;
	error = thread_set_pc(thread, own ? address + 1 : address);
	return error ? error : probes_go(thread);
}

/* Whether this is the breakpoint that the thread met before a signal came in between (step_interrupted()). */
static bool met_before(struct sdb_thread *thread, const struct point *point)
{
	struct thread_probing *probing = thread->probing;
	if (!probing || !probing->interrupted)
		return false;
	uint64_t stack = thread_get(thread, thread->target->architecture->sp);
	bool met = probing->interrupted == point && probing->interrupted_stack == stack;
	if (met || stack > probing->interrupted_stack) /* or the handler never returned to it */
		probing->interrupted = NULL;
	return met;
}

/* What was to be done of the point when it was switched on, and could not be. */
static struct sdb_error *complete(struct probes *probes, struct point *point)
{
	probes->depth++;
	struct sdb_error *error = point->exact ? NULL : point_complete(probes, point);
	probes->depth--;
	return error;
}

/* Handlers have been called: THREAD leaves POINT (NULL: there is none any more), and stops where it is then if PAUSE. */
static struct sdb_error *leave(struct probes *probes, struct sdb_thread *thread, struct point *point, bool pause)
{
	struct sdb_target *target = probes->target;
	struct sdb_error *error = point ? step_off(probes, thread, point, &pause) : NULL;
	if (target->status == SDB_TARGET_EXITED)
		return error;
	if (!error && pause) {
		probes->resume = false;
		return target->status == SDB_TARGET_RUNNING ? sdb_target_pause(target) : NULL;
	}
	if (target->status == SDB_TARGET_PAUSED) /* probes_handle() lets all go on */
		return error;
	struct sdb_error *other = thread->stopped ? probes_go(thread) : NULL;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

static struct sdb_error *handle_breakpoint(struct probes *probes, struct sdb_thread *thread)
{
	uint64_t pc, now;
	struct outcome outcome = { .pause = false };
	struct sdb_error *error = thread_pc(thread, &pc);
	if (error)
		return error;
	if (!probes->target->driver->insert_breakpoint) /* the instruction has been executed */
		pc--;
	struct point *point = point_find(probes, pc);
	if (!point || (!point->inserted && !point->sites && !point->returns))
		return foreign_breakpoint(thread, pc);
	if (!probes->target->driver->insert_breakpoint)
		thread_put(thread, probes->target->architecture->pc, pc);
	error = complete(probes, point);
	probes->depth++;
	if (!error && !thread->foreign && !met_before(thread, point)) {
		if (thread->probing)
			((struct thread_probing *)thread->probing)->due.count = 0;
		error = call_sites(probes, thread, point, &outcome);
	}
	probes->depth--;
	if (!error)
		error = thread_pc(thread, &now);
	if (error)
		return error;
	outcome.moved |= now != pc;
	return leave(probes, thread, outcome.moved || !point->inserted ? NULL : point, outcome.pause);
}

/* ---- events -------------------------------------------------------------------------------------- */

static struct sdb_error *tell(struct probes *probes, enum sdb_hit_kind kind, struct sdb_thread *thread, int64_t *number,
			      bool *pause_ret)
{
	struct sdb_error *error = NULL;
	probes->depth++;
	for (struct sdb_probe *probe = probes->list; probe && !error; probe = probe->next) {
		struct sdb_hit hit = { .kind = kind, .probe = probe, .target = probes->target, .thread = thread,
				       .number = *number };
		if (probe->type != PROBE_EVENTS || !(probe->kinds & 1u << kind) || !probe_wants(probe, thread)
		    || (thread && !probe_passes(probe, thread)))
			continue;
		probe->hits++;
		error = probe_call(probe, probe->options.before, &hit);
		*number = hit.number;
		*pause_ret |= hit.pause;
	}
	probes->depth--;
	return error;
}

struct sdb_error *probes_tell(struct sdb_target *target, enum sdb_hit_kind kind, struct sdb_thread *thread, int64_t number,
			      bool *pause_ret)
{
	return target->probes ? tell(target->probes, kind, thread, &number, pause_ret) : NULL;
}

static bool is_fault(int64_t signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
}

/* A handler of the target's is to see the fault where its program has it. */
static struct sdb_error *restore_pc(struct probes *probes, struct sdb_thread *thread)
{
	uint64_t pc;
	struct sdb_error *error = probes->area_count ? thread_pc(thread, &pc) : NULL;
	struct point *point = error || !probes->area_count ? NULL : point_of_slot(probes, pc);
	if (!point)
		return error;
	bool done = point->displaced.copy_length && pc == point->slot + point->displaced.copy_length;
	return thread_set_pc(thread, point->address + (done ? point->displaced.length : 0));
}

static struct sdb_error *handle_call(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	struct sdb_error *error = call_met(probes, event, pause_ret);
	struct thread_probing *probing = event->thread->probing;
	if (error || event->kind == DRIVER_SYSCALL || !probing || !probing->through_call)
		return error;
	/* It was to execute one instruction, and that is done. */
	probing->through_call = false;
	return step_done(probes, event->thread, true, pause_ret);
}

/* A watchpoint fires behind the instruction, a breakpoint in a debug register before it. */
static struct sdb_error *handle_hardware(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	bool executed = event->kind == DRIVER_WATCHED;
	for (unsigned i = 0; i < WATCHES && !executed; i++)
		executed |= event->number & 1 << i && probes->watches[i] && probes->watches[i]->type == PROBE_WATCH;
	struct sdb_error *error = watch_met(probes, event, pause_ret);
	if (error || !executed || !step_wanted(probes, event->thread))
		return error;
	return step_done(probes, event->thread, true, pause_ret);
}

/* Calls the handlers for EVENT; *GO_ON_RET: its thread is to be let go then. */
static struct sdb_error *dispatch(struct probes *probes, const struct driver_event *event, bool *pause_ret)
{
	int64_t number = event->number;
	struct sdb_error *error = NULL;
	switch (event->kind) {
	case DRIVER_SIGNAL:
		error = tell(probes, SDB_HIT_SIGNAL, event->thread, &number, pause_ret);
		event->thread->signal = (int)number;
		if (!error && is_fault(number))
			error = restore_pc(probes, event->thread);
		return error || !number ? error : step_interrupted(probes, event->thread, pause_ret);
	case DRIVER_SYSCALL: case DRIVER_SYSCALL_EXIT:
		return handle_call(probes, event, pause_ret);
	case DRIVER_CREATED:
		error = watch_new_thread(probes, event->thread);
		return error ? error : tell(probes, SDB_HIT_THREAD, event->thread, &number, pause_ret);
	case DRIVER_STEPPED:
		return step_done(probes, event->thread, event->number == 0, pause_ret);
	case DRIVER_EXITING:
		if (event->thread->probing) /* it does not wait for its turn to end */
			((struct thread_probing *)event->thread->probing)->exiting = true;
		return tell(probes, SDB_HIT_THREAD_EXIT, event->thread, &number, pause_ret);
	case DRIVER_CHILD:
		return tell(probes, SDB_HIT_CHILD, event->thread, &number, pause_ret);
	case DRIVER_EXECUTED:
		error = probes_replaced(probes);
		return error ? error : tell(probes, SDB_HIT_EXEC, event->thread, &number, pause_ret);
	case DRIVER_HARDWARE: case DRIVER_WATCHED:
		return handle_hardware(probes, event, pause_ret);
	default:
		return NULL;
	}
}

static struct sdb_error *handle_end(struct sdb_target *target, const struct driver_event *event)
{
	int64_t number = event->number;
	bool pause = false;
	target->status = SDB_TARGET_EXITED;
	target->exit_status = (int)number;
	if (!target->probes)
		return NULL;
	struct sdb_error *error = tell(target->probes, SDB_HIT_EXIT, NULL, &number, &pause);
	probes_sweep(target->probes);
	return error;
}

static struct sdb_error *handle_event(struct sdb_target *target, const struct driver_event *event)
{
	struct probes *probes = target->probes;
	bool pause = false;
	switch (event->kind) {
	case DRIVER_EXITED:
		return handle_end(target, event);
	case DRIVER_NOTHING:
		return NULL;
	case DRIVER_GONE:
		probes_thread_gone(event->thread);
		return NULL;
	case DRIVER_BREAKPOINT:
		if (probes)
			return handle_breakpoint(probes, event->thread);
		event->thread->signal = SIGTRAP;
		break;
	default:
		break;
	}
	struct sdb_error *error = probes ? dispatch(probes, event, &pause) : NULL;
	if (event->kind == DRIVER_CHILD && target->spec.follow_children && target->driver->continue_child)
		target->driver->continue_child(target, event->number);
	if (pause && probes)
		probes->resume = false;
	if (!error && pause && target->status == SDB_TARGET_RUNNING)
		return sdb_target_pause(target);
	struct sdb_error *other = target->status == SDB_TARGET_RUNNING && event->thread && event->thread->stopped
		? probes_go(event->thread) : NULL;
	if (error)
		sdb_error_free(other);
	return error ? error : other;
}

/*
 * What is killed while it stands still answers no more. It is no failure: all of the process ends, and that is told
 * next, of those that are let go.
 */
static struct sdb_error *unless_lost(struct sdb_target *target, const struct driver_event *event, struct sdb_error *error)
{
	if (!error || !target->lost || sdb_error_code(error) != SDB_ERROR_NOT_FOUND)
		return error;
	sdb_error_free(error);
	for (size_t i = 0; target->status == SDB_TARGET_RUNNING && i < target->thread_count; i++) {
		struct sdb_thread *thread = target->threads[i];
		bool deferred = target->probes && step_is_deferred(target->probes, thread);
		if (thread->stopped && !deferred && (!thread->foreign || thread == event->thread))
			sdb_error_free(thread_resume(thread, DRIVER_CONTINUE));
	}
	return NULL;
}

struct sdb_error *probes_handle(struct sdb_target *target, const struct driver_event *event)
{
	if (target->overlays && overlays_take(target, event))
		return NULL;
	target->lost = false;
	if (target->probes)
		turn_over(target->probes, event->thread);
	struct sdb_error *error = unless_lost(target, event, handle_event(target, event));
	struct probes *probes = target->probes;
	if (!probes || probes->depth)
		return error;
	if (!error && target->status == SDB_TARGET_RUNNING)
		error = unless_lost(target, event, turn_give(probes));
	/* A handler changed what all threads have to know of, and stopped them for it. */
	bool resume = probes->resume;
	probes->resume = false;
	if (!error && resume && target->status == SDB_TARGET_PAUSED)
		error = unless_lost(target, event, sdb_target_resume(target));
	return error ? error : unless_lost(target, event, probes_settle(target));
}

bool probes_next_deferred(struct sdb_target *target, struct driver_event *event_ret)
{
	struct probes *probes = target->probes;
	if (!probes || !probes->deferred_count)
		return false;
	*event_ret = probes->deferred[0];
	probes->deferred_count--;
	for (size_t i = 0; i < probes->deferred_count; i++)
		probes->deferred[i] = probes->deferred[i + 1];
	return true;
}
