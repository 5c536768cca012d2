/* SPDX-License-Identifier: MIT */
/*
 * Going on, from a breakpoint above all. Mostly the thread continues in the rewritten instruction, and
 * that is all. Where there is none, or what comes after it matters, it makes a step.
 */

#include "emulate.h"
#include "probe_private.h"
#include "tasks.h"

#include <stdlib.h>
#include <string.h>

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

struct sdb_error *probes_defer(struct sdb_target *target, const struct driver_event *event)
{
	struct probes *probes;
	struct sdb_error *error = probes_get(target, &probes);
	return error ? error : defer(probes, event);
}

bool step_is_deferred(const struct probes *probes, const struct sdb_thread *thread)
{
	for (size_t i = 0; i < probes->deferred_count; i++)
		if (probes->deferred[i].thread == thread)
			return true;
	return false;
}

void step_drop_deferred(struct probes *probes, const struct sdb_thread *thread)
{
	size_t kept = 0;
	for (size_t i = 0; i < probes->deferred_count; i++) {
		struct driver_event event = probes->deferred[i];
		if (event.thread == thread && event.kind != DRIVER_CHILD)
			continue;
		if (event.thread == thread) /* the child waits for being told of */
			event.thread = NULL;
		probes->deferred[kept++] = event;
	}
	probes->deferred_count = kept;
}

/* Lets those go on that were only held. */
static struct sdb_error *release_others(struct probes *probes, const struct sdb_thread *thread)
{
	struct sdb_target *target = probes->target;
	struct sdb_error *error = NULL;
	for (size_t i = 0; i < target->thread_count && !error; i++) {
		struct sdb_thread *other = target->threads[i];
		if (other != thread && other->stopped && !other->held)
			error = probes_go(other);
	}
	return error ? error : tasks_resume_others(target, thread);
}

/* Executes one instruction of THREAD with all others held. */
static struct sdb_error *step_alone(struct probes *probes, struct sdb_thread *thread, struct point *point, bool *stepped_ret)
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
		*stepped_ret = own && event.kind == DRIVER_STEPPED && !event.number;
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

/* ---- how a thread goes on -------------------------------------------------------------------------- */

bool step_wanted(const struct probes *probes, const struct sdb_thread *thread)
{
	const struct thread_probing *probing = thread->probing;
	return probes->software || (probing && (probing->after || probing->steps));
}

/* Results of a system call that the kernel begins again by itself: -ERESTARTSYS and its kin (linux/errno.h). */
static bool is_restarted(const struct sdb_thread *thread)
{
	const struct architecture *architecture = thread->target->architecture;
	int32_t value = (int32_t)thread_get(thread, architecture->return_value);
	if (value != -512 && value != -513 && value != -514 && value != -516)
		return false;
	int number = architecture_named(architecture, architecture->syscall_number);
	return number >= 0 && (int32_t)thread_get(thread, number) >= 0;
}

struct sdb_error *step_at_call(struct sdb_thread *thread, bool *call_ret)
{
	uint8_t bytes[2] = { 0 };
	size_t got;
	uint64_t pc;
	struct sdb_error *error = thread_pc(thread, &pc);
	if (!error)
		error = thread->target->driver->read_memory(thread->target, pc, bytes, sizeof(bytes), &got);
	if (error)
		return error;
	/* syscall, sysenter, int $0x80 */
	*call_ret = (bytes[0] == 0x0f && (bytes[1] == 0x05 || bytes[1] == 0x34)) || (bytes[0] == 0xcd && bytes[1] == 0x80)
		|| is_restarted(thread);
	return NULL;
}

struct sdb_error *probes_go(struct sdb_thread *thread)
{
	struct probes *probes = thread->target->probes;
	struct thread_probing *probing = thread->probing;
	bool call = false;
	if (probes && step_is_deferred(probes, thread))
		return NULL; /* what it stopped for is still to be told */
	if (!probes || thread->foreign || !step_wanted(probes, thread) || (probing && probing->exiting))
		return thread_resume(thread, DRIVER_CONTINUE);
	if (probes->software)
		return turn_wait(probes, thread);
	/* A step over a system call would pass by those who want to be told of it. */
	struct sdb_error *error = probes->call_probes && !probing->in_call && !thread->signal ? step_at_call(thread, &call) : NULL;
	if (error)
		return error;
	probing->through_call = call || (probes->call_probes && probing->in_call);
	return thread_resume(thread, probing->through_call ? DRIVER_CONTINUE : DRIVER_STEP);
}

struct sdb_error *probes_go_all(struct sdb_target *target)
{
	struct probes *probes = target->probes;
	struct sdb_error *error = NULL;
	for (size_t i = 0; probes && i < target->thread_count; i++) {
		struct thread_probing *probing = target->threads[i]->probing;
		turn_over(probes, target->threads[i]);
		if (probing)
			probing->ready = false;
	}
	for (size_t i = 0; i < target->thread_count && !error; i++)
		if (target->threads[i]->stopped && !target->threads[i]->held)
			error = probes_go(target->threads[i]);
	return error;
}

/* ---- from a breakpoint ------------------------------------------------------------------------------- */

struct sdb_error *step_due(struct sdb_thread *thread, struct sdb_probe *probe)
{
	struct thread_probing *probing = thread_probing(thread);
	if (!probing)
		return NO_MEMORY();
	return probe_list_add(&probing->due, probe);
}

/* The instruction of POINT is still to be executed, its handlers have been called. */
static struct sdb_error *begin_again(struct sdb_thread *thread, struct point *point, uint64_t stack)
{
	struct thread_probing *probing = thread_probing(thread);
	if (!probing)
		return NO_MEMORY();
	probing->after = NULL;
	probing->interrupted = point;
	probing->interrupted_stack = stack;
	return NULL;
}

/*
 * Executes the instruction now. Each stop of a machine costs more than anything that is done in one, so that what can
 * be emulated is.
 */
static struct sdb_error *leave_in_place(struct probes *probes, struct sdb_thread *thread, struct point *point,
					bool *stepped_ret)
{
	*stepped_ret = false;
	struct sdb_error *error = probes->target->driver->insert_breakpoint && !thread->foreign
		? emulate(thread, point->original, point->read, stepped_ret) : NULL;
	return error || *stepped_ret ? error : step_alone(probes, thread, point, stepped_ret);
}

struct sdb_error *step_off(struct probes *probes, struct sdb_thread *thread, struct point *point, bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	bool stepped;
	if (!thread->foreign && probing && probing->due.count)
		probing->after = point;
	if (point->slot)
		return thread_set_pc(thread, point->slot);
	struct sdb_error *error = thread_set_pc(thread, point->address);
	uint64_t stack = error ? 0 : thread_get(thread, probes->target->architecture->sp);
	if (!error)
		error = leave_in_place(probes, thread, point, &stepped);
	if (error || probes->target->status == SDB_TARGET_EXITED || thread->foreign)
		return error;
	return stepped ? step_done(probes, thread, true, pause_ret) : begin_again(thread, point, stack);
}

/* ---- after a step -------------------------------------------------------------------------------------- */

/* The handlers that come after the instruction. */
static struct sdb_error *call_after(struct probes *probes, struct sdb_thread *thread, bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	struct point *point = probing->after;
	struct sdb_error *error = NULL;
	probing->after = NULL;
	probes->depth++;
	for (struct site *site = point->sites, *next; site && !error; site = next) {
		next = site->next_at_point;
		if (!probe_list_has(&probing->due, site->probe) || !probe_wants(site->probe, thread))
			continue;
		struct sdb_hit hit = { .kind = SDB_HIT_AFTER, .probe = site->probe, .target = probes->target,
				       .thread = thread, .address = point->address, .entry = site->entry };
		error = probe_call(site->probe, site->probe->options.after, &hit);
		*pause_ret |= hit.pause;
	}
	probes->depth--;
	probing->due.count = 0;
	return error;
}

static struct sdb_error *call_step(struct probes *probes, struct sdb_thread *thread, bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	struct sdb_probe *probe = probing->stepper;
	struct sdb_hit hit = { .kind = SDB_HIT_STEP, .probe = probe, .target = probes->target, .thread = thread,
			       .steps = --probing->steps };
	struct sdb_error *error = thread_pc(thread, &hit.address);
	if (error || !probe_wants(probe, thread))
		return error;
	probing->steps = 0; /* probe_call() takes it from the hit */
	error = probe_call(probe, probe->options.before, &hit);
	*pause_ret |= hit.pause;
	return error;
}

/* Out of the rewritten instruction. *DONE_RET false: it is not through yet. */
static struct sdb_error *leave_slot(struct probes *probes, struct sdb_thread *thread, bool *done_ret)
{
	uint64_t pc;
	struct sdb_error *error = thread_pc(thread, &pc);
	const struct point *point = error ? NULL : point_of_slot(probes, pc);
	*done_ret = !point || pc == point->slot + point->displaced.copy_length;
	if (!point || !point->displaced.copy_length)
		*done_ret = !point;
	else if (*done_ret)
		error = thread_set_pc(thread, point->address + point->displaced.length);
	return error;
}

struct sdb_error *step_done(struct probes *probes, struct sdb_thread *thread, bool executed, bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	bool done;
	/* One that returns from a system call while another has the turn: what has changed is the latter's. */
	bool compare = probes->software && !probes->turn && !thread->foreign;
	struct sdb_error *error = compare ? software_compare(probes, thread, pause_ret) : NULL;
	if (!error)
		error = leave_slot(probes, thread, &done);
	if (error || !done || !executed || !probing)
		return error;
	bool steps = probing->steps > 0; /* not those that are asked for just now */
	if (probing->after)
		error = call_after(probes, thread, pause_ret);
	return error || !steps || !probing->steps ? error : call_step(probes, thread, pause_ret);
}

/*
 * In the middle of a rewritten branch nothing is left to do but to go where it goes (displace.c: two jumps, each
 * with its target behind it); in that of a call the return address may have been pushed already.
 */
static struct sdb_error *finish_branch(struct probes *probes, struct sdb_thread *thread, struct point *point, uint64_t pc,
				       bool *pause_ret)
{
	enum { JUMP_OPCODES = 6, PUSH_OPCODE = 0x68 };
	const struct displaced *displaced = &point->displaced;
	uint64_t target, at = pc - point->slot, stack = thread_get(thread, probes->target->architecture->sp);
	if (displaced->code[0] == PUSH_OPCODE) {
		thread_put(thread, probes->target->architecture->sp, stack + probes->target->architecture->address_size);
		struct sdb_error *error = thread_set_pc(thread, point->address);
		return error ? error : begin_again(thread, point, stack + probes->target->architecture->address_size);
	}
	if (at + JUMP_OPCODES + sizeof(target) > displaced->code_size)
		return NULL;
	memcpy(&target, displaced->code + at + JUMP_OPCODES, sizeof(target));
	struct sdb_error *error = thread_set_pc(thread, target);
	return error ? error : call_after(probes, thread, pause_ret);
}

struct sdb_error *step_interrupted(struct probes *probes, struct sdb_thread *thread, bool *pause_ret)
{
	struct thread_probing *probing = thread->probing;
	struct point *point = probing ? probing->after : NULL;
	uint64_t pc;
	if (!point || !point->slot)
		return NULL;
	struct sdb_error *error = thread_pc(thread, &pc);
	if (error || point_of_slot(probes, pc) != point)
		return error;
	if (pc == point->slot) {
		error = thread_set_pc(thread, point->address);
		return error ? error : begin_again(thread, point, thread_get(thread, probes->target->architecture->sp));
	}
	return point->displaced.copy_length ? NULL : finish_branch(probes, thread, point, pc, pause_ret);
}

void steps_forget(struct probes *probes, const struct sdb_probe *probe)
{
	struct sdb_target *target = probes->target;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct thread_probing *probing = target->threads[i]->probing;
		if (!probing || (probe && probing->stepper != probe))
			continue;
		probing->stepper = NULL;
		probing->steps = 0;
	}
}
