/* SPDX-License-Identifier: MIT */
/*
 * Watchpoints without debug registers: every thread is stepped, and what is watched is compared after each
 * instruction. So that it is known whose instruction it was, one thread at a time has the turn. One that is
 * at a system call may sleep there until another one wakes it: it gives the turn away before it goes in, and
 * is told of when it comes out, where the driver can. To step over the call would leave it stepping in there,
 * where it may come to block the signal that its step ends with.
 */

#include "probe_private.h"

#include <stdlib.h>
#include <string.h>

#define TURN_STEPS 50 /* that a thread makes before the next one has its turn */

/* ---- the turn -------------------------------------------------------------------------------------- */

void turn_over(struct probes *probes, const struct sdb_thread *thread)
{
	if (probes->turn == thread)
		probes->turn = NULL;
}

/* The one that had it last, for a while; then the one with the next number. */
static struct sdb_thread *choose(const struct probes *probes)
{
	const struct sdb_target *target = probes->target;
	struct sdb_thread *first = NULL, *next = NULL;
	for (size_t i = 0; i < target->thread_count; i++) {
		struct sdb_thread *thread = target->threads[i];
		const struct thread_probing *probing = thread->probing;
		if (!probing || !probing->ready || !thread->stopped)
			continue;
		if (thread->id == probes->last_turn && probes->turn_steps < TURN_STEPS)
			return thread;
		first = first ? first : thread;
		next = next || thread->id <= probes->last_turn ? next : thread;
	}
	return next ? next : first;
}

static struct sdb_error *take_turn(struct probes *probes, struct sdb_thread *thread)
{
	struct thread_probing *probing = thread->probing;
	bool told = calls_are_told(probes), in_call = told && probing->in_call, sleeps = in_call;
	struct sdb_error *error = in_call ? NULL : step_at_call(thread, &sleeps);
	if (error)
		return error;
	probing->ready = false;
	/* With a signal it goes to a handler: not as far as the call. */
	probing->through_call = in_call || (told && sleeps && !thread->signal);
	probes->turn_steps = thread->id == probes->last_turn ? probes->turn_steps + 1 : 0;
	probes->last_turn = thread->id;
	if (!sleeps)
		probes->turn = thread;
	return thread_resume(thread, probing->through_call ? DRIVER_CONTINUE : DRIVER_STEP);
}

struct sdb_error *turn_give(struct probes *probes)
{
	struct sdb_thread *thread;
	struct sdb_error *error = NULL;
	while (!error && probes->software && !probes->turn && (thread = choose(probes)) != NULL)
		error = take_turn(probes, thread);
	return error;
}

struct sdb_error *turn_wait(struct probes *probes, struct sdb_thread *thread)
{
	struct thread_probing *probing = thread_probing(thread);
	if (!probing)
		return NO_MEMORY();
	struct sdb_error *error = thread_flush(thread);
	if (error)
		return error;
	turn_over(probes, thread);
	probing->ready = true;
	return turn_give(probes);
}

/* ---- comparing ---------------------------------------------------------------------------------------- */

static uint64_t as_number(const struct sdb_probe *probe, const uint8_t *bytes)
{
	uint64_t value = 0;
	memcpy(&value, bytes, probe->size < sizeof(value) ? probe->size : sizeof(value));
	return value;
}

static struct sdb_error *compare_one(struct sdb_probe *probe, struct sdb_thread *thread, bool *pause_ret)
{
	struct sdb_target *target = probe->target;
	uint8_t *now = probe->bytes + probe->size;
	size_t got = 0;
	sdb_error_free(target->driver->read_memory(target, probe->address, now, probe->size, &got));
	if (got < probe->size || memcmp(probe->bytes, now, probe->size) == 0)
		return NULL; /* what was unmapped may come back */
	/* A handler may remove the probe, and other hits may come before it returns: both stay in its hands. */
	uint8_t *both = malloc(2 * (size_t)probe->size);
	if (!both)
		return NO_MEMORY();
	memcpy(both, probe->bytes, 2 * (size_t)probe->size);
	memcpy(probe->bytes, now, probe->size);
	struct sdb_hit hit = { .kind = SDB_HIT_WATCH, .probe = probe, .target = target, .thread = thread,
			       .address = probe->address, .old_value = as_number(probe, both),
			       .value = as_number(probe, both + probe->size), .old_bytes = both, .bytes = both + probe->size,
			       .size = probe->size };
	struct sdb_error *error = NULL;
	if (probe_wants(probe, thread) && probe_passes(probe, thread)) {
		probe->hits++;
		error = probe_call(probe, probe->options.before, &hit);
		*pause_ret |= hit.pause;
	}
	free(both);
	return error;
}

struct sdb_error *software_compare(struct probes *probes, struct sdb_thread *thread, bool *pause_ret)
{
	struct sdb_error *error = NULL;
	probes->depth++;
	for (struct sdb_probe *probe = probes->list; probe && !error; probe = probe->next)
		if (probe->type == PROBE_WATCH && probe->options.software && probe->enabled && !probe->removed)
			error = compare_one(probe, thread, pause_ret);
	probes->depth--;
	return error;
}

/* ---- on and off ----------------------------------------------------------------------------------------- */

/* All threads go on in another way from now on. */
static struct sdb_error *change_all(struct probes *probes)
{
	struct sdb_target *target = probes->target;
	if (target->status != SDB_TARGET_RUNNING)
		return NULL;
	struct sdb_error *error = sdb_target_pause(target);
	if (probes->depth) {
		probes->resume = true;
		return error;
	}
	return error ? error : sdb_target_resume(target);
}

struct sdb_error *software_set(struct probes *probes, struct sdb_probe *probe)
{
	size_t got = 0;
	if (!probe->bytes && !(probe->bytes = malloc(2 * (size_t)probe->size)))
		return NO_MEMORY();
	struct sdb_error *error = sdb_target_read_some(probes->target, probe->address, probe->bytes, probe->size, &got);
	if (!error && got < probe->size)
		error = sdb_error_new(SDB_ERROR_NOT_FOUND, "nothing is mapped at %#llx",
				      (unsigned long long)(probe->address + got));
	if (!error)
		error = points_protect(probes, probe->address);
	if (error) {
		free(probe->bytes);
		probe->bytes = NULL;
		return error;
	}
	probes->software++;
	error = calls_tell(probes);
	return error ? error : change_all(probes);
}

struct sdb_error *software_clear(struct probes *probes, struct sdb_probe *probe)
{
	if (!probe->bytes)
		return NULL; /* it was never on */
	free(probe->bytes);
	probe->bytes = NULL;
	probes->software--;
	struct sdb_error *error = calls_tell(probes);
	return error || probes->software ? error : change_all(probes);
}
